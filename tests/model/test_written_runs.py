"""What was written for one reader serves the next ones, within bounds."""

from __future__ import annotations

from headwater.model.written_runs import IDLE_MS, WrittenRuns


class Writing:
    """Counts how often a run is written."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return b"x" * 100


def read(runs: WrittenRuns, writing: Writing, first: int, log_id: int = 1, form: str = "json") -> int:
    """How often the run had to be written for this reader."""
    before = writing.times
    assert runs.text((form, log_id, first, 5), writing) == b"x" * 100
    return writing.times - before


def test_the_second_reader_has_a_log_kept_and_the_third_finds_it() -> None:
    runs, writing = WrittenRuns(), Writing()
    assert [read(runs, writing, 1) for _ in range(4)] == [1, 1, 0, 0]
    assert [read(runs, writing, 2) for _ in range(3)] == [1, 0, 0], "its first reader keeps what comes now"
    assert read(runs, writing, 1, form="cbor") == 1
    assert read(runs, writing, 1, log_id=2) == 1


def test_for_one_reader_nothing_is_kept() -> None:
    runs, writing = WrittenRuns(), Writing()
    assert sum(read(runs, writing, first) for first in range(50)) == 50
    assert runs.held_bytes() == 0


def test_what_is_kept_can_be_had_without_what_it_is_written_of() -> None:
    runs, writing = WrittenRuns(kept_bytes=250), Writing()
    key = ("json", 1, 1, 5)
    read(runs, writing, 1)
    assert runs.kept(key) is None, "it is only noted"
    read(runs, writing, 1)
    read(runs, writing, 2)
    assert runs.kept(key) == b"x" * 100
    read(runs, writing, 3)
    assert runs.kept(key) == b"x" * 100, "it was used later than the second one"
    assert runs.kept(("json", 1, 2, 5)) is None


def test_what_was_used_least_recently_goes_first() -> None:
    runs, writing = WrittenRuns(kept_bytes=300), Writing()
    for first in (1, 1, 2, 3, 1, 4):
        read(runs, writing, first)
    assert runs.held_bytes() == 300
    assert read(runs, writing, 1) == 0
    assert read(runs, writing, 2) == 1
    assert runs.held_bytes() == 300


def test_a_run_that_is_larger_than_all_room_is_not_kept() -> None:
    runs, writing = WrittenRuns(kept_bytes=99), Writing()
    assert [read(runs, writing, 1) for _ in range(3)] == [1, 1, 1]
    assert runs.held_bytes() == 0


def test_nothing_is_kept_when_nobody_reads_for_a_while() -> None:
    runs, writing = WrittenRuns(), Writing()
    read(runs, writing, 1)
    read(runs, writing, 1)
    runs.tick(1000)
    assert read(runs, writing, 1) == 0
    runs.tick(2000)
    runs.tick(2000 + IDLE_MS - 1)
    assert runs.held_bytes() == 100
    runs.tick(2000 + IDLE_MS)
    assert runs.held_bytes() == 0
    assert [read(runs, writing, 1) for _ in range(3)] == [1, 1, 0]
