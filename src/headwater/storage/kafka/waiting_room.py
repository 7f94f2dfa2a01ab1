"""How many bytes of records a gateway keeps that its brokers have not answered for yet.

They wait in queues or are under way: while brokers are away as long as callers wait, and a batch that is in
doubt until it is known. What has no room is refused at once.

Rules:
- all logs together have `ROOM_BYTES` at most;
- a log is let in while what it has is an eighth of what is free, or less: the more logs do not get rid of
  theirs, the less each of them may have, and something is always free for one that does;
- an entry takes half of what is free at most.

Refuses to know what is waited for.
"""

from __future__ import annotations

from headwater.storage.interface import CommitTimes

ROOM_BYTES = 128 * 1024 * 1024
SHARE = 8
"""A log that is alone is let in up to a little less than 16 MiB, and one of a hundred to 1.2."""


class WaitingRoom:
    """The room of some logs. Each says itself what it brings and takes away."""

    __slots__ = ("_times",)

    def __init__(self, times: CommitTimes) -> None:
        """`times` has the bytes that are in it."""
        self._times = times

    def has_room(self, own_bytes: int, size: int) -> bool:
        """Whether a log that has so many bytes in it may bring an entry of a size."""
        free_bytes = ROOM_BYTES - self._times.waiting_bytes
        return SHARE * own_bytes <= free_bytes and 2 * size <= free_bytes

    def count(self, size: int) -> None:
        """So many bytes have come, or gone if it is less than nothing."""
        self._times.waiting_bytes += size
