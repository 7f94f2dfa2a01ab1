"""What is on its way costs memory as long as it is, and no longer."""

from __future__ import annotations

from headwater.engine.queues.progress import QueueProgress
from headwater.engine.queues.tracking import ShardTracking, TrackedRecord, Tracking

FOR_LONG_MS = 12 * 3_600_000


class Received:
    """A shard's records, received one after the other."""

    def __init__(self) -> None:
        self.tracking = Tracking()
        self.shard = ShardTracking(0, 7, QueueProgress("queue", 7))
        self.tracking.shards[7] = self.shard
        self._next = 0

    def receive(self, visible_ms: int) -> TrackedRecord:
        """One more in flight."""
        record = self.shard.track(self._next, arrival_ms=0)
        self._next += 1
        self.tracking.hand_out([record], [self._next], [f"handle-{self._next}"], 0, visible_ms, is_dead=False)
        return record

    def places(self) -> int:
        """How many records the lists of what memory keeps are long."""
        return sum(map(len, self.tracking._ending.values())) + len(self.shard._lowest)


def due(tracking: Tracking, now_ms: int) -> list[int]:
    found = []
    for record in tracking.due(now_ms):
        found.append(record.position)
        tracking.show(record)
    return found


def test_what_is_acknowledged_is_kept_no_longer_however_long_its_visibility_was() -> None:
    received = Received()
    stuck = received.receive(FOR_LONG_MS)
    for number in range(20_000):
        record = received.receive(FOR_LONG_MS + number)
        received.tracking.settle([record])
        received.tracking.end([record])
    assert received.places() < 5_000
    assert received.tracking.in_flight == 1
    assert due(received.tracking, 2 * FOR_LONG_MS) == [stuck.position]


def test_a_visibility_that_is_changed_often_ends_once_and_then() -> None:
    received = Received()
    records = [received.receive(1_000) for _ in range(10)]
    for visible_ms in range(2_000, 12_000):
        for record in records[:5]:
            received.tracking.hide_until(record, visible_ms)
    assert received.places() < 5_000
    assert due(received.tracking, 11_998) == [5, 6, 7, 8, 9]
    assert sorted(due(received.tracking, 11_999)) == [0, 1, 2, 3, 4]
    assert due(received.tracking, FOR_LONG_MS) == []


def test_a_record_is_found_by_its_latest_handle_while_it_is_in_flight() -> None:
    received = Received()
    record = received.receive(1_000)
    assert received.tracking.of_handles(["handle-1", "handle-2"]) == [record, None]
    assert due(received.tracking, 1_000) == [0]
    assert received.tracking.of_handles(["handle-1"]) == [None]


def test_records_and_dead_letters_in_flight_are_counted_apart() -> None:
    received = Received()
    record = received.receive(1_000)
    assert received.tracking.in_flight == 1
    received.tracking.become(record, is_dead=True)
    received.tracking.show(record)
    assert received.tracking.in_flight == 0
    assert received.tracking.next_visible(is_dead=False) is None
    assert received.tracking.next_visible(is_dead=True) is record
    received.tracking.hand_out([record], [2], ["handle-2"], 0, 2_000, is_dead=True)
    assert received.tracking.in_flight == 0
    received.tracking.end([record])
    assert received.receive(3_000).position == 1
    assert received.tracking.in_flight == 1
