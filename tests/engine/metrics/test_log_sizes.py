"""The bytes between two positions, found without looking at the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.engine.metrics import log_sizes
from headwater.engine.metrics.log_sizes import LogSizes
from headwater.model.record import encode_payload, record_size
from headwater.storage.interface import Run

LOG = 7
FIRST = 1000
"""Where this process began to append."""

records = st.tuples(st.binary(max_size=40), st.none() | st.text(min_size=1, max_size=6), st.booleans())
appends = st.lists(st.lists(records, min_size=1, max_size=30), min_size=1, max_size=12)


def size_of(appended: Sequence[tuple[bytes, str | None, bool]]) -> int:
    return sum(record_size(data, key) for data, key, _ in appended)


def payload(record: tuple[bytes, str | None, bool]) -> bytes:
    data, key, encrypted = record
    return encode_payload(data, key, encrypted=encrypted)


def filled(appended: list[list[tuple[bytes, str | None, bool]]]) -> LogSizes:
    """Sizes as appending tells them: one record by itself, or many at once."""
    sizes, position = LogSizes(), FIRST
    for some in appended:
        if len(some) == 1:
            sizes.grew_by_one(LOG, position, size_of(some))
        else:
            sizes.grew(LOG, position, len(some), size_of(some))
        position += len(some)
    return sizes


@given(appended=appends, data=st.data())
def test_every_span_has_the_size_of_its_records(
    appended: list[list[tuple[bytes, str | None, bool]]], data: st.DataObject
) -> None:
    sizes = filled(appended)
    old = [(b"stored before", "the server started", False)] * 3
    log = [*old, *(record for some in appended for record in some)]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(log)), min_size=2)))
    runs = [
        Run(FIRST - len(old) + begin, 0, [payload(record) for record in log[begin:end]])
        for begin, end in pairwise(cuts)
    ]
    assert sizes.size_of(LOG, runs) == size_of(log[cuts[0] : cuts[-1]])


def test_nothing_has_no_size() -> None:
    assert LogSizes().size_of(LOG, []) == 0


def test_records_between_marks_are_not_looked_at() -> None:
    sizes = filled([[(b"12345", "key", False)] * 100])
    assert sizes.size_of(LOG, [Run(FIRST, 0, [b"no record"] * 100)]) == 800


def test_a_gap_begins_the_log_anew() -> None:
    sizes = LogSizes()
    sizes.grew(LOG, 0, 100, 800)
    for position in (200, 201, 300):
        sizes.grew_by_one(LOG, position, 8)
    sizes.grew(LOG, 301, 100, 500)
    found = Run(300, 0, [payload((b"12345", "key", False))] * 101)
    assert sizes.size_of(LOG, [found]) == 508


def test_a_log_that_is_gone_is_forgotten() -> None:
    sizes = filled([[(b"12345", "key", False)] * 100, [(b"1", "k", False)]])
    sizes.forget([LOG])
    sizes.grew(LOG, 0, 1, 2)
    assert sizes.size_of(LOG, [Run(0, 0, [payload((b"1", "k", False))])]) == 2


def test_marks_grow_sparse_and_stay_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sizes, "MARKS_MAX", 16)
    sizes = LogSizes()
    for position in range(5_000):
        sizes.grew_by_one(LOG, position, 8)
        if position % 100 == 0:
            sizes.gather()
    sizes.gather()
    one = payload((b"12345", "key", False))
    for begin, end in ((0, 5_000), (3, 4_999), (4_000, 4_900), (4_990, 5_000), (17, 18)):
        assert sizes.size_of(LOG, [Run(begin, 0, [one] * (end - begin))]) == 8 * (end - begin)
    assert len(sizes._logs[LOG].positions) <= 16


class CountedPayloads(list[bytes]):
    """Counts how often somebody looks at all of them."""

    times = 0

    def __iter__(self) -> Iterator[bytes]:
        self.times += 1
        return super().__iter__()


def test_what_nobody_has_appended_here_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sizes, "LOOKED_AT_MAX", 2)
    sizes = LogSizes()
    payloads = [CountedPayloads([payload((b"x" * at, "key", False))] * 20) for at in range(3)]
    runs = [Run(20 * at, 0, some) for at, some in enumerate(payloads)]
    for _ in range(2):
        assert sizes.size_of(LOG, runs[:2]) == 20 * (3 + 4)
    looked = [some.times for some in payloads[:2]]
    assert sizes.size_of(LOG, runs[:2]) == 20 * (3 + 4)
    assert [some.times for some in payloads[:2]] == looked
    assert sizes.size_of(LOG, runs[2:]) == 20 * 5
    assert sizes.size_of(LOG, runs[:1]) == 20 * 3
    assert payloads[0].times > looked[0], "the oldest has gone"
