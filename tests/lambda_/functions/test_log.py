"""What functions write is kept within bounds, by lines that have numbers."""

from __future__ import annotations

from itertools import count

import pytest

from headwater.lambda_.functions import log as function_log
from headwater.lambda_.functions.function import FunctionId
from headwater.lambda_.functions.log import FunctionLogs, Output

ORDERS = FunctionId("111122223333", "eu-west-1", "orders")
OTHER = FunctionId("111122223333", "us-east-1", "orders")


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def logs(notes: list[str]) -> FunctionLogs:
    clock = count(1000)
    return FunctionLogs(lambda level, text: notes.append(f"{level} {text}"), lambda: next(clock))


def test_lines_are_told_and_kept_by_their_functions_name(logs: FunctionLogs, notes: list[str]) -> None:
    logs.add(ORDERS, "one")
    logs.add(OTHER, "two")
    logs.add(FunctionId("1", "r", "else"), "three")
    assert notes == ["info lambda orders: one", "info lambda orders: two", "info lambda else: three"]
    assert logs.lines("orders", 0) == [(1, 1000, "one"), (2, 1001, "two")]
    assert logs.lines("orders", 1) == [(2, 1001, "two")]
    logs.forget()
    assert logs.lines("orders", 0) == []


def test_the_oldest_lines_go_first(logs: FunctionLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_log, "KEPT_BYTES_MAX", 350)
    for number in range(10):
        logs.add(ORDERS, str(number))
    assert [line.text for line in logs.lines("orders", 0)] == ["7", "8", "9"]


def test_the_longest_known_function_makes_room(logs: FunctionLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_log, "FUNCTIONS_MAX", 1)
    logs.add(ORDERS, "one")
    logs.add(OTHER, "two")
    assert [line.text for line in logs.lines("orders", 0)] == ["two"]


class Written:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.output = Output(self.lines.append)
        self.output.begin()


def test_lines_are_put_together_from_what_comes() -> None:
    written = Written()
    for part in (b"a", b"b\nc", b"\r\n", b"\n\xff", b"end"):
        written.output.write(part)
    assert written.lines == ["ab", "c", ""]
    written.output.say("END")
    assert written.lines == ["ab", "c", "", "�end", "END"]
    assert written.output.tail == b"ab\nc\r\n\n\xffend\nEND\n"


def test_a_line_has_a_longest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_log, "LINE_BYTES_MAX", 4)
    written = Written()
    written.output.write(b"abcdefgh")
    written.output.write(b"ijk\nl\n")
    assert written.lines == ["abcd", "efgh", "ijk", "l"]


def test_an_invocation_has_a_bound_and_the_next_one_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_log, "INVOCATION_BYTES_MAX", 250)
    written = Written()
    written.output.write(b"a\nb\nc\nd\ne\n")
    written.output.write(b"more")
    written.output.finish()
    assert written.lines == ["a", "b", "c", "[8 more bytes of this invocation are left out]"]
    assert written.output.tail == b"a\nb\nc\nd\ne\nmore\n"
    written.output.begin()
    written.output.write(b"new\n")
    assert written.lines[-1] == "new"
    assert written.output.tail == b"new\n"


def test_the_tail_is_the_end_of_all_that_was_written() -> None:
    written = Written()
    written.output.write(b"x" * 10_000)
    written.output.write(b"y")
    assert written.output.tail == b"x" * 4095 + b"y"
