"""How often a store has committed, how long that took, and how often it failed."""

from __future__ import annotations

from headwater.model.durations import Durations


class CommitTimes:
    """The commits of one store since it was opened."""

    __slots__ = ("durations", "failures")

    def __init__(self) -> None:
        self.durations = Durations()
        """Of the write alone, with the wait for the disk where there is one; of failed ones, too."""
        self.failures = 0
