"""How many bytes of records a gateway keeps that its brokers have not answered for yet.

Records wait in queues: while brokers are away, for as long as callers wait. A batch is under way until it is
known what became of it. Of a call of which some entries wait, its caller keeps the others, too. What has no
room is refused at once.

Rules:
- all logs together have `ROOM_BYTES` at most, and a log is let in while what it has in its queue is a
  seventh of what is free, or less: the more logs do not get rid of theirs, the less each of them may have,
  and something is always free for one that does;
- a log whose broker answers gets rid of everything sooner or later: for it all may have `BUSY_BYTES`, and its
  queue what is free of these;
- a call takes half of what is free at most.

Refuses to know what is waited for, and who answers.
"""

from __future__ import annotations

from headwater.storage.interface import CommitTimes

ROOM_BYTES = 128 * 1024 * 1024
"""The process takes some times that: a record is there as it came, as it is stored, and in its batch."""
SHARE = 7
"""A log that is alone has up to 16 MiB in its queue, and one of a hundred 1.2."""
BUSY_BYTES = 512 * 1024 * 1024
"""Also what brokers that go away all at once may leave behind, until it is too old."""


class WaitingRoom:
    """The room of some logs. Each says itself what it brings and takes away."""

    __slots__ = ("_times",)

    def __init__(self, times: CommitTimes) -> None:
        """`times` has the bytes that are in it."""
        self._times = times

    def has_room(self, queued_bytes: int, size: int) -> bool:
        """Whether a log that has so many bytes in its queue may take an entry of a call of a size."""
        free_bytes = ROOM_BYTES - self._times.waiting_bytes
        return SHARE * queued_bytes <= free_bytes and 2 * size <= free_bytes

    def has_room_if_answered(self, queued_bytes: int, size: int) -> bool:
        """The same of a log whose broker answers."""
        free_bytes = BUSY_BYTES - self._times.waiting_bytes
        return queued_bytes <= free_bytes and 2 * size <= free_bytes

    def count(self, size: int) -> None:
        """So many bytes have come, or gone if it is less than nothing."""
        self._times.waiting_bytes += size
