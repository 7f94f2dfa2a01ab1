"""One line for each call, and the few other things that a server has to say.

Rules:
- a line is built at once, cheaply, and written with all others that gather until
  the next `schedule`d flush: one system call for many lines;
- a call that succeeds is told at level `info`, one that the caller got wrong at
  `warning`, one that the server got wrong at `error`; housekeeping at `debug`;
- what came from outside is escaped and shortened, so that a line stays one line.

Refuses to know where lines go: `write` takes text.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Protocol

import msgspec

from headwater.model.clock import Clock
from headwater.model.shortened import shortened

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
NOT_OFFERED = 501
"""What nobody here has is no fault of the server's."""
SHOWN_MAX = 1_000
"""Characters of what a caller has said, in a line."""
USUAL_STATUS = 200
SUCCESSES_REMEMBERED = 128
MARKS = {level: level.upper().ljust(7) for level in LEVELS}

TENTHS = [f"{number / 10:.1f}" for number in range(100)]
"""Milliseconds with one place, as nearly all calls need: to format a number takes five times as long."""


class LogSink(Protocol):
    """Takes finished lines."""

    def __call__(self, text: str, /) -> object:
        """Write `text`, which ends a line."""


class RequestLog:
    """The log of one server."""

    def __init__(
        self,
        write: LogSink,
        clock: Clock,
        schedule: Callable[[Callable[[], None]], object],
        log_format: str = "text",
        log_level: str = "info",
    ) -> None:
        self._write = write
        self._clock = clock
        self._schedule = schedule
        self._json = log_format == "json"
        self._threshold = LEVELS[log_level]
        self._lines: list[str] = []
        self._successes: dict[str, str] = {}
        """What a line in text says of a call that succeeded as usual, by the call's name; a few of them."""
        self._now_ms = -1
        self._now_text = ""
        self._second = -1
        self._second_text = ""

    def call(
        self,
        name: str,
        status: int,
        duration_s: float,
        request_id: str,
        level: str = "info",
        error_code: str = "",
        error_message: str | None = None,
    ) -> None:
        """A call was answered. `name` says what was called: `AWS kinesis.PutRecord`, `GET /path`.

        `level` is that of a success.
        """
        usual = self._successes.get(name) if status == USUAL_STATUS and level == "info" else None
        if usual is None:
            self._call(name, status, duration_s, request_id, level, error_code, error_message)
            return
        now_ms = self._clock.now_ms()
        time_text = self._now_text if now_ms == self._now_ms else self._time()
        lines = self._lines  # `_add`, written out
        if not lines:
            self._schedule(self.flush)
        tenths = round(duration_s * 10_000)
        text = TENTHS[tenths] if tenths < len(TENTHS) else f"{duration_s * 1000:.1f}"
        lines.append(f"{time_text} {usual} {text} ms {request_id}\n")

    def _call(
        self,
        name: str,
        status: int,
        duration_s: float,
        request_id: str,
        level: str,
        error_code: str,
        error_message: str | None,
    ) -> None:
        if status >= 400:
            level = "warning" if status < 500 or status == NOT_OFFERED else "error"
        if LEVELS[level] < self._threshold:
            return
        if len(name) > SHOWN_MAX:
            name = shortened(name, SHOWN_MAX)
        if error_message is not None:
            error_message = shortened(error_message, SHOWN_MAX)
        if self._json:
            entry: dict[str, object] = {
                "time": self._time(),
                "level": level,
                "call": name,
                "status": status,
                "duration_ms": round(duration_s * 1000, 1),
                "request_id": request_id,
            }
            if error_code:
                entry |= {"error": error_code, "message": error_message}
            self._add_json(entry)
            return
        what = f"{name} => {status}"
        if status >= 400 or not name.isprintable():
            what = _one_line(what + _reason(error_code, error_message))
        elif status == USUAL_STATUS and level == "info" and len(self._successes) < SUCCESSES_REMEMBERED:
            self._successes[name] = f"{MARKS[level]} {what}"
        self._add(f"{self._time()} {MARKS[level]} {what} {duration_s * 1000:.1f} ms {request_id}\n")

    def note(self, level: str, text: str, error: BaseException | None = None) -> None:
        """Something else worth telling; `error` adds its traceback."""
        if LEVELS[level] < self._threshold:
            return
        trace = "" if error is None else "".join(traceback.format_exception(error))
        if self._json:
            entry: dict[str, object] = {"time": self._time(), "level": level, "message": text}
            if trace:
                entry["traceback"] = trace
            self._add_json(entry)
        else:
            self._add(f"{self._time()} {MARKS[level]} {_one_line(text)}\n{trace}")

    def flush(self) -> None:
        """Write what has gathered."""
        lines, self._lines = self._lines, []
        if lines:
            self._write("".join(lines))

    def _add_json(self, entry: dict[str, object]) -> None:
        self._add(msgspec.json.encode(entry).decode() + "\n")

    def _add(self, line: str) -> None:
        if not self._lines:
            self._schedule(self.flush)
        self._lines.append(line)

    def _time(self) -> str:
        now_ms = self._clock.now_ms()
        if now_ms != self._now_ms:
            self._now_ms = now_ms
            second, ms = divmod(now_ms, 1000)
            if second != self._second:
                self._second = second
                self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._now_text = f"{self._second_text}.{ms:03d}Z"
        return self._now_text


def _reason(error_code: str, error_message: str | None) -> str:
    if not error_code:
        return ""
    return f" ({error_code})" if error_message is None else f" ({error_code}: {error_message})"


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
