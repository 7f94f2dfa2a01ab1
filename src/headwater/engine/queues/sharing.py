"""What servers that share a queue tell each other: who has received a record, and for how long it is hidden.

A receive, and a changed visibility, is a sentence like an acknowledgement: it goes into the pages of the
queue's progress, on condition that they are as they are known here. Of two servers that choose the same
record one is first, and the other one is told so before its own commit fails (`Settling.overtake`).

Refuses to know requests, and where records that wait are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from headwater.engine.queues.progress import ReceivedState
from headwater.engine.queues.settling import Overtaken, Sentence, Settling
from headwater.engine.queues.tracking import ShardTracking, TrackedRecord, Tracking
from headwater.model.completion import Completion


class QueueSharing:
    """The part of one queue that its servers share."""

    def __init__(
        self,
        tracking: Tracking,
        settling: Settling,
        now_ms: Callable[[], int],
        next_delivery: Callable[[], int],
    ) -> None:
        self._tracking = tracking
        self._settling = settling
        self._now_ms = now_ms
        self._next_delivery = next_delivery

    def claim(self, records: Iterable[TrackedRecord], timeout_ms: int) -> Completion[Overtaken]:
        """Let the store have it that visible records are received here."""
        now_ms = self._now_ms()
        sentences = {}
        for record in records:
            first_ms = now_ms if record.first_receive_ms is None else record.first_receive_ms
            state = ReceivedState(
                record.position, self._next_delivery(), 0, timeout_ms, first_ms, record.receives + 1
            )
            sentences[record] = Sentence("receive", state)
        return self._settling.settle(sentences)

    async def hide(self, records: Mapping[str, TrackedRecord], timeouts_s: Mapping[str, int]) -> Overtaken:
        """Let the store have it that records are hidden anew, by handle."""
        if not records:
            return ()
        return await self._settling.settle(
            {
                record: Sentence("receive", _hidden(record, 1000 * timeouts_s[handle]))
                for handle, record in records.items()
            }
        )

    def take_over(self, shard: ShardTracking, position: int) -> None:
        """Let a record be what the store says: done with, a dead letter, received, or none of these."""
        progress, record = shard.progress, shard.records.get(position)
        letter, state = progress.dead_letter(position), progress.received_state(position)
        if record is not None:
            self._settling.overtake(record)
        if progress.is_done(position):  # or past retention
            if record is not None:
                self._tracking.end((record,))
            return
        if record is None and letter is None and state is None:
            return
        record = record or shard.track(position, None)
        self._tracking.become(record, is_dead=letter is not None)
        if state is not None:
            self._tracking.learn(record, state, progress.known_ms(position, self._now_ms()))
            return
        record.receives = letter.receives if letter else 0
        record.first_receive_ms = letter.first_receive_ms if letter else None
        self._tracking.show(record)


def _hidden(record: TrackedRecord, timeout_ms: int) -> ReceivedState:
    """What a record in flight is when its visibility has been changed."""
    first_ms = record.first_receive_ms or 0
    return ReceivedState(
        record.position, record.delivery, record.change + 1, timeout_ms, first_ms, record.receives
    )
