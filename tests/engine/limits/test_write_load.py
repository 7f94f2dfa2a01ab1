"""What producers ask of a stream, by windows and peaks."""

from __future__ import annotations

from headwater.engine.limits.write_load import PEAK_LIFE_MS, WINDOW_MS, WriteLoad


def test_a_window_begins_with_the_first_record_and_is_over_ten_seconds_later() -> None:
    load = WriteLoad(0)
    assert load.begin(5_000) == 15_000
    load.count(1, 100, taken=True)
    assert load.begin(14_999) == 15_000
    load.count(1, 50, taken=False)
    load.count(2, 1, taken=True)
    assert load.finish(14_999) is None
    window = load.finish(15_000)
    assert window is not None
    assert {log: (shard.records, shard.bytes, shard.refused) for log, shard in window.items()} == {
        1: (2, 150, 1),
        2: (1, 1, 0),
    }


def test_nothing_is_gathered_between_windows() -> None:
    load = WriteLoad(0)
    assert not load.is_open
    load.begin(0)
    assert load.is_open
    assert load.finish(WINDOW_MS) == {}
    assert not load.is_open
    assert load.finish(10 * WINDOW_MS) is None
    assert load.begin(50 * WINDOW_MS) == 51 * WINDOW_MS


def test_a_clock_that_was_set_back_begins_a_window_anew() -> None:
    load = WriteLoad(100_000)
    load.begin(100_000)
    load.count(1, 100, taken=True)
    assert load.begin(1_000) == 11_000
    assert load.finish(11_000) == {}


def test_the_peak_is_the_highest_of_the_last_thirty_days() -> None:
    load = WriteLoad(0)
    assert load.peak(0) == 0
    for at_ms, needed in [(0, 3), (10, 9), (20, 5), (30, 7)]:
        load.remember(needed, at_ms)
    assert load.peak(PEAK_LIFE_MS + 9) == 9
    assert load.peak_ends_ms() == PEAK_LIFE_MS + 10
    assert load.peak(PEAK_LIFE_MS + 10) == 7
    assert load.peak_ends_ms() == PEAK_LIFE_MS + 30
    assert load.peak(PEAK_LIFE_MS + 30) == 0


def test_without_peaks_thirty_days_are_watched_first() -> None:
    load = WriteLoad(500)
    assert load.peak_ends_ms() == 500 + PEAK_LIFE_MS
    assert not load.is_known(500 + PEAK_LIFE_MS - 1)
    assert load.is_known(500 + PEAK_LIFE_MS)
