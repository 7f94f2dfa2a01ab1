"""The log of misplaced records: user records of aggregates in a shard that is not that of all their keys.

They are dropped by default, so the log must say where they are:
the first are told at once, and later ones once a minute, with their number, and at the
consumer's end.

Refuses to know what becomes of them otherwise.
"""

from __future__ import annotations

import logging

from headwater.client.calls.timing import Timing

_log = logging.getLogger("headwater.client")

TELL_EVERY_S = 60.0


class MisplacedRecords:
    """The misplaced records of one consumer, counted and logged."""

    def __init__(self, stream: str, *, is_kept: bool, timing: Timing) -> None:
        """`is_kept` says whether they are delivered."""
        self._stream = stream
        self._fate = "handed over" if is_kept else "dropped"
        self._timing = timing
        self._untold: dict[str, int] = {}
        self._tell_at_s: float | None = None

    def found(self, shard_id: str, count: int) -> None:
        """Count the user records of an aggregate, of which at least one is another shard's."""
        self._untold[shard_id] = self._untold.get(shard_id, 0) + count

    def tell(self, *, at_once: bool = False) -> None:
        """Log the count, unless that was done a moment ago."""
        if not self._untold:
            return
        now_s = self._timing.now_s()
        if not at_once and self._tell_at_s is not None and now_s < self._tell_at_s:
            return
        _log.warning(
            "%d user records of %s were %s: they are in aggregates whose keys belong to several shards, "
            "found in %s; the setting misplaced_records says what becomes of such",
            sum(self._untold.values()),
            self._stream,
            self._fate,
            ", ".join(sorted(self._untold)),
        )
        self._untold.clear()
        self._tell_at_s = now_s + TELL_EVERY_S
