"""What functions write, and what is said of their invocations: kept for a while, and told.

Rules:
- of one invocation at most `INVOCATION_BYTES_MAX` are kept, of one line `LINE_BYTES_MAX`;
  what is left out is counted and told;
- of one function the last `KEPT_BYTES_MAX` are kept, and of `FUNCTIONS_MAX` functions;
- lines have numbers, by which a follower goes on;
- what is written without a line break at its end is a line when something else follows.

Refuses to know processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from headwater.lambda_.functions.function import FunctionId
from headwater.model.caller import Caller

TAIL_BYTES = 4096
LINE_BYTES_MAX = 64 * 1024
INVOCATION_BYTES_MAX = 1024 * 1024
KEPT_BYTES_MAX = 1024 * 1024
FUNCTIONS_MAX = 1000
LINE_OVERHEAD_BYTES = 100


class LogLine(NamedTuple):
    """A line of a function's log."""

    number: int
    time_ms: int
    text: str


class _Kept:
    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque()
        self.size = 0


class FunctionLogs:
    """The logs of all functions of a server."""

    def __init__(self, log: Callable[[str, str], None], now_ms: Callable[[], int]) -> None:
        """`log` writes a line in the server's log, at a level."""
        self._log = log
        self._now_ms = now_ms
        self._kept: dict[FunctionId, _Kept] = {}
        self._next_number = 1

    def add(self, function: FunctionId, text: str) -> None:
        """Keep a line, and tell it."""
        kept = self._kept.get(function)
        if kept is None:
            if len(self._kept) >= FUNCTIONS_MAX:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[function] = _Kept()
        kept.lines.append(LogLine(self._next_number, self._now_ms(), text))
        self._next_number += 1
        kept.size += len(text) + LINE_OVERHEAD_BYTES
        while kept.size > KEPT_BYTES_MAX and len(kept.lines) > 1:
            kept.size -= len(kept.lines.popleft().text) + LINE_OVERHEAD_BYTES
        self._log("info", f"lambda {function.name}: {text}")

    def lines(self, name: str, after: int) -> list[LogLine]:
        """The lines that functions of this name have since the line `after`, in their order."""
        found = [
            line
            for function, kept in self._kept.items()
            if function.name == name
            for line in kept.lines
            if line.number > after
        ]
        return sorted(found)

    def lines_in(self, caller: Caller, after: int) -> list[tuple[str, LogLine]]:
        """The lines of all functions of an account and region since the line `after`, with their names."""
        return [
            (function.name, line)
            for function, kept in self._kept.items()
            if (function.account_id, function.region) == caller
            for line in kept.lines
            if line.number > after
        ]

    def forget(self) -> None:
        """Forget every line."""
        self._kept.clear()


class Output:
    """What a process writes, from bytes to lines; what belongs to the present invocation is bounded."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._tail = bytearray()
        self._partial = bytearray()
        self._left = INVOCATION_BYTES_MAX
        self._left_out = 0

    def begin(self) -> None:
        """An invocation begins: lines from now on are its own."""
        self.finish()
        self._tail.clear()
        self._left, self._left_out = INVOCATION_BYTES_MAX, 0

    def write(self, data: bytes) -> None:
        """The process has written."""
        self._keep_tail(data)
        start = 0
        while start < len(data) and self._left > 0:
            end = data.find(b"\n", start)
            stop = min(end if end >= 0 else len(data), start + LINE_BYTES_MAX - len(self._partial))
            self._partial += data[start:stop]
            is_whole = stop == end or len(self._partial) >= LINE_BYTES_MAX
            self._left -= stop - start + (LINE_OVERHEAD_BYTES if is_whole else 0)
            start = stop + (stop == end)
            if is_whole:
                self._end_line()
        self._left_out += len(data) - start

    def say(self, text: str) -> None:
        """A line of the server's own, such as `START …`."""
        self._flush_line()
        self._keep_tail(text.encode() + b"\n")
        self._on_line(text)

    def finish(self) -> None:
        """Tell what is written but not ended, and what was left out."""
        self._flush_line()
        if self._left_out:
            self._on_line(f"[{self._left_out} more bytes of this invocation are left out]")
            self._left_out = 0

    @property
    def tail(self) -> bytes:
        """The end of what belongs to the invocation."""
        return bytes(self._tail)

    def _keep_tail(self, data: bytes) -> None:
        self._tail += data[-TAIL_BYTES:]
        del self._tail[:-TAIL_BYTES]

    def _flush_line(self) -> None:
        if self._tail and not self._tail.endswith(b"\n"):
            self._keep_tail(b"\n")
        if self._partial:
            self._end_line()

    def _end_line(self) -> None:
        line = bytes(self._partial)
        self._partial.clear()
        self._on_line(line.decode("utf-8", "replace").rstrip("\r"))
