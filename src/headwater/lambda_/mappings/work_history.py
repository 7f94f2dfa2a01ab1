"""What a mapping is at and has done since the server started, for who looks: batches, and records given up.

Nothing of it is kept. Refuses to know what an invocation is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

GIVEN_UP_SHOWN = 20
ERROR_SHOWN_MAX = 1_000
"""Characters of what a function said."""


class GivenUpRecords(NamedTuple):
    """Records of one batch that were given up."""

    time_ms: int
    shard_id: str
    first_sequence_number: str
    records: int
    condition: str
    """The rule by which they were."""
    invocations: int
    error: str
    """What the function said at last; empty: nothing."""
    told_to: str
    """The ARN of the on-failure destination that was told; empty: none was."""


class WorkHistory:
    """The history of one mapping."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Batches that a function has, or is about to get."""
        self.done = 0
        """Batches that are through, each attempt counted."""
        self.given_up: deque[GivenUpRecords] = deque(maxlen=GIVEN_UP_SHOWN)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One attempt at a batch, for as long as it takes."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self.done += 1
