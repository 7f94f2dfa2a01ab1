"""How often each operation was called, what came of it, and how long it took.

The labels are few whatever is asked: an operation's name for those that the API has,
and one word for everything else.
"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.model.durations import Durations

OWN_ROUTE = "own-route"
"""A request for a route of the server's own."""
UNKNOWN = "unknown"
"""A request that names no operation of the API."""
UNREADABLE = "unreadable"
"""What is not a request."""
OK = "ok"


class OperationCounts:
    """The calls of one operation."""

    __slots__ = ("durations", "failures")

    def __init__(self) -> None:
        self.durations = Durations()
        """Of every call."""
        self.failures: dict[str, int] = {}
        """By the name of the error."""

    def fail(self, error_code: str) -> None:
        """One of the calls was answered with an error."""
        self.failures[error_code] = self.failures.get(error_code, 0) + 1

    def outcomes(self) -> dict[str, int]:
        """How many calls there were of each outcome."""
        successes = sum(self.durations.counts) - sum(self.failures.values())
        return ({OK: successes} if successes else {}) | self.failures


class RequestCounts:
    """The calls of one server."""

    def __init__(self, operation_names: Iterable[str]) -> None:
        self.by_operation = {
            name: OperationCounts() for name in (*operation_names, OWN_ROUTE, UNKNOWN, UNREADABLE)
        }

    def called(self) -> dict[str, OperationCounts]:
        """The operations that were called at least once."""
        return {name: counts for name, counts in self.by_operation.items() if any(counts.durations.counts)}
