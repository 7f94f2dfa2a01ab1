"""A point in time in an answer.

Everywhere else a time is a plain number of milliseconds. Only in an answer must
it be told from other numbers, because each wire format writes it in a way of
its own; so an operation wraps it, and the wire format unwraps it.
"""

from __future__ import annotations


class Instant:
    """Milliseconds since the Unix epoch. Do not change one: it is a value."""

    __slots__ = ("ms",)

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant) and other.ms == self.ms

    def __hash__(self) -> int:
        return hash((Instant, self.ms))

    def __repr__(self) -> str:
        return f"Instant({self.ms})"
