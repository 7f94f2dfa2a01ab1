"""What functions write, in the neighbouring CloudWatch Logs: a group for each function.

Before a request for logs is answered, the lines that were written since the last one are put there.

Refuses to know what runs functions, and what keeps their lines.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

from moto.logs.models import LogsBackend, logs_backends

from headwater.model.caller import Caller
from headwater.neighbours.moto import FunctionLine, LinesAfter

GROUP_PREFIX = "/aws/lambda/"


class FunctionLogGroups:
    """Puts the lines of one server's functions into groups."""

    def __init__(self, lines_after: LinesAfter) -> None:
        self._lines_after = lines_after
        self._seen: dict[Caller, int] = {}

    def show(self, caller: Caller) -> None:
        """Put the lines that are new into the groups of an account and region."""
        lines = self._lines_after(caller, self._seen.get(caller, 0))
        if not lines:
            return
        backend = logs_backends[caller.account_id][caller.region]
        for (function, stream), written in groupby(
            sorted(lines, key=lambda line: (line.function, line.number)),
            lambda line: (line.function, _stream_of(line)),
        ):
            _ensure(backend, GROUP_PREFIX + function, stream)
            events = [{"timestamp": line.time_ms, "message": line.text} for line in written]
            backend.put_log_events(GROUP_PREFIX + function, stream, events)
        self._seen[caller] = max(line.number for line in lines)


def _stream_of(line: FunctionLine) -> str:
    return datetime.fromtimestamp(line.time_ms / 1000, UTC).strftime("%Y/%m/%d/[$LATEST]headwater")


def _ensure(backend: LogsBackend, group: str, stream: str) -> None:
    if group not in backend.groups:
        backend.create_log_group(group, {})
    if stream not in backend.groups[group].streams:
        backend.create_log_stream(group, stream)
