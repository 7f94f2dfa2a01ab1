from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from headwater.model.clock import ManualClock
from headwater.server.request_log import SUCCESSES_REMEMBERED, RequestLog

START_MS = 1_795_176_000_123  # 2026-11-20T12:00:00.123Z
CALL = ("AWS kinesis.PutRecord", 200, 0.00123, "the-id")


class Log:
    """A log, what it has written, and the flushes that it has asked for."""

    def __init__(self, log_format: str = "text", log_level: str = "info") -> None:
        self.clock = ManualClock(START_MS)
        self.written: list[str] = []
        self.scheduled: list[Callable[[], None]] = []
        self.log = RequestLog(self.written.append, self.clock, self.scheduled.append, log_format, log_level)

    def lines(self) -> list[str]:
        self.log.flush()
        return "".join(self.written).splitlines()


def test_a_call_is_one_line() -> None:
    log = Log()
    log.log.call(*CALL)
    assert log.lines() == ["2026-11-20T12:00:00.123Z INFO    AWS kinesis.PutRecord => 200 1.2 ms the-id"]


def test_an_error_shows_its_type_and_message() -> None:
    log = Log()
    log.log.call(
        "AWS kinesis.PutRecord", 400, 0, "i", error_code="ResourceNotFoundException", error_message="Stream x"
    )
    log.log.call("AWS kinesis.PutRecord", 400, 0, "i", error_code="SerializationException")
    first, second = log.lines()
    assert " WARNING AWS kinesis.PutRecord => 400 (ResourceNotFoundException: Stream x) 0.0 ms i" in first
    assert " => 400 (SerializationException) 0.0 ms i" in second


def test_the_time_moves_with_the_clock() -> None:
    log = Log()
    for step_ms in (0, 1, 876, 60_000, -60_000):
        log.clock.advance_ms(step_ms)
        log.log.call(*CALL)
    assert [line.split()[0][11:] for line in log.lines()] == [
        "12:00:00.123Z",
        "12:00:00.124Z",
        "12:00:01.000Z",
        "12:01:01.000Z",
        "12:00:01.000Z",
    ]


def test_lines_gather_and_are_written_at_once() -> None:
    log = Log()
    for _ in range(3):
        log.log.call(*CALL)
    assert log.written == []
    assert len(log.scheduled) == 1
    log.scheduled[0]()
    assert len(log.written) == 1
    assert log.written[0].count("\n") == 3
    log.log.call(*CALL)
    assert len(log.scheduled) == 2


def test_a_flush_with_nothing_to_say_writes_nothing() -> None:
    log = Log()
    assert log.lines() == []
    assert log.written == []


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", [200, 404, 500, 201]),
        ("info", [200, 404, 500]),
        ("warning", [404, 500]),
        ("error", [500]),
    ],
)
def test_the_level_says_which_calls_are_told(level: str, shown: list[int]) -> None:
    log = Log(log_level=level)
    for status in (200, 404, 500):
        log.log.call("GET /", status, 0, "i")
    log.log.call("GET /", 201, 0, "i", "debug")
    assert [int(line.split()[5]) for line in log.lines()] == shown


def test_json_is_one_object_a_line() -> None:
    log = Log("json")
    log.log.call(*CALL)
    log.log.call("AWS kinesis.PutRecord", 400, 0, "i", error_code="E", error_message="two\nlines")
    first, second = map(json.loads, log.lines())
    assert first == {
        "time": "2026-11-20T12:00:00.123Z",
        "level": "info",
        "call": "AWS kinesis.PutRecord",
        "status": 200,
        "duration_ms": 1.2,
        "request_id": "the-id",
    }
    assert (second["level"], second["error"], second["message"]) == ("warning", "E", "two\nlines")


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[31mb", "a\u2028b", "a\u202eb", "a\x00b"])
def test_what_came_from_outside_cannot_break_a_line(text: str) -> None:
    log = Log()
    log.log.call("GET /" + text, 200, 0, "i")
    log.log.call("GET /", 400, 0, "i", error_code="E", error_message=text)
    log.log.note("error", text)
    lines = log.lines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_fault_is_told_with_its_traceback(log_format: str) -> None:
    log = Log(log_format)
    try:
        raise ZeroDivisionError("a fault")
    except ZeroDivisionError as error:
        log.log.note("error", "it broke", error)
    text = "".join(log.lines())
    assert "it broke" in text
    assert "Traceback (most recent call last)" in text
    assert "ZeroDivisionError: a fault" in text


def test_a_call_that_succeeded_before_is_told_as_what_it_is_now() -> None:
    name, *_ = CALL
    log = Log(log_level="debug")
    for status, level in ((200, "info"), (200, "debug"), (400, "info"), (204, "info"), (200, "info")):
        log.log.call(name, status, 0, "i", level)
    assert [line.split(maxsplit=1)[1] for line in log.lines()] == [
        f"INFO    {name} => 200 0.0 ms i",
        f"DEBUG   {name} => 200 0.0 ms i",
        f"WARNING {name} => 400 0.0 ms i",
        f"INFO    {name} => 204 0.0 ms i",
        f"INFO    {name} => 200 0.0 ms i",
    ]


def test_any_number_of_names_is_told() -> None:
    log = Log()
    names = [f"AWS service.Call{number}" for number in range(2 * SUCCESSES_REMEMBERED)]
    for name in names * 2:
        log.log.call(name, 200, 0, "i")
    assert [line.split(" => ")[0].split("    ")[1] for line in log.lines()] == names * 2
