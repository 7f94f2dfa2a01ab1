"""What Java's date patterns mean."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from headwater.delivery.firehose.java_dates import DatePatternInvalid, format_date
from tests.tables import each

MOMENT = datetime(2018, 8, 7, 15, 4, 9, 120_000, tzinfo=UTC)


@each(
    ("pattern", "text"),
    [
        ("yyyy/MM/dd/HH/", "2018/08/07/15/"),
        ("yy-M-d H:m:s", "18-8-7 15:4:9"),
        ("uuuu-DDD", "2018-219"),
        ("MMM MMMM MMMMM", "Aug August A"),
        ("E EEEE EEEEE e", "Tue Tuesday T 3"),
        ("hh a KK kk", "03 PM 03 15"),
        ("SSS SSSSSS", "120 120000"),
        ("Q QQQ QQQQ", "3 Q3 3rd quarter"),
        ("YYYY-'W'ww", "2018-W32"),
        ("W F", "2 1"),
        ("'year='yyyy'/it''s'", "year=2018/it's"),
        ("''yyyy''", "'2018'"),
        ("n N A", "120000000 54249120000000 54249120"),
        ("G GGGG", "AD Anno Domini"),
        ("VV z X XXX x xx Z ZZZZ ZZZZZ O", "UTC UTC Z Z +00 +0000 +0000 GMT Z GMT"),
    ],
)
def test_a_pattern_is_written_as_java_does(pattern: str, text: str) -> None:
    assert format_date(pattern, MOMENT) == text


def test_a_time_zone_is_shown_with_its_offset() -> None:
    moment = MOMENT.astimezone(ZoneInfo("Asia/Kolkata"))
    assert format_date("HH:mm VV z X XX XXX xxx Z ZZZZ O", moment) == (
        "20:34 Asia/Kolkata IST +0530 +0530 +05:30 +05:30 +0530 GMT+05:30 GMT+5:30"
    )


def test_a_week_belongs_to_the_year_of_its_saturday() -> None:
    assert format_date("YYYY ww", datetime(2024, 12, 29, tzinfo=UTC)) == "2025 01"
    assert format_date("YYYY ww", datetime(2024, 12, 28, tzinfo=UTC)) == "2024 52"
    assert format_date("hh kk", datetime(2024, 1, 1, 0, tzinfo=UTC)) == "12 24"


@pytest.mark.parametrize(
    "pattern", ["b", "yyyy{", "yyyy[", "#", "'open", "ddd", "HHH", "aa", "V", "SSSSSSSSSS"]
)
def test_what_java_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(DatePatternInvalid):
        format_date(pattern, MOMENT)
