"""The queue of records from the threads that put them to the event loop that sends them.

Bounded by records and bytes: what was taken in and has no outcome yet counts.

Rules:
- the loop never takes the lock, so that a signal handler that waits for the loop may
  interrupt a `put` that holds it; what is taken in is counted on one side and what is
  done with on the other, and the difference is what is held;
- the loop is woken for a batch, or for the first record after a pause, not for each.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from headwater.client.producer.put_future import PutFuture


class PutQueue:
    """The put queue of one producer."""

    def __init__(self, records_max: int, bytes_max: int, batch_records: int, batch_bytes: int) -> None:
        self.arrived: deque[PutFuture] = deque()
        """Records that the loop has not taken yet."""
        self.is_expected = False
        """Whether the loop will look without being woken: set when it is woken, cleared by the loop."""
        self.is_batch_announced = False
        """Whether the loop was woken for a full batch: cleared when it looks."""
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._batch_records = batch_records
        self._batch_bytes = batch_bytes
        self._lock = threading.Lock()
        self._records_in = self._bytes_in = 0
        self._records_out = self._bytes_out = 0
        self._bytes_at_look = 0
        self._waiting_for_room: deque[Callable[[], object]] = deque()

    @property
    def records(self) -> int:
        """The number of records that the producer holds."""
        return self._records_in - self._records_out

    @property
    def bytes(self) -> int:
        """The bytes of data and keys that the producer holds."""
        return self._bytes_in - self._bytes_out

    def offer(self, put: PutFuture, wake: Callable[[], object]) -> bool:
        """Add a record if there is room; whether there was. `wake` is called if the loop must look."""
        size_bytes = put.size_bytes
        with self._lock:
            records = self._records_in - self._records_out
            if records >= self._records_max or (
                records and self._bytes_in - self._bytes_out + size_bytes > self._bytes_max
            ):
                return False
            self._records_in += 1
            self._bytes_in += size_bytes
            self.arrived.append(put)
        if not self.is_expected:
            self.is_expected = True
            wake()
        elif not self.is_batch_announced and self.has_batch:
            self.is_batch_announced = True
            wake()
        return True

    @property
    def has_batch(self) -> bool:
        """Whether the records that the loop has not taken yet fill a call."""
        return (
            len(self.arrived) >= self._batch_records
            or self._bytes_in - self._bytes_at_look >= self._batch_bytes
        )

    def take(self) -> list[PutFuture]:
        """Take all records that have arrived. For the loop only."""
        self._bytes_at_look = self._bytes_in
        arrived = self.arrived
        return [arrived.popleft() for _ in range(len(arrived))]

    def release(self, records: int, size_bytes: int) -> None:
        """Count off records that have their outcome, and call those who wait for room. For the loop only."""
        self._records_out += records
        self._bytes_out += size_bytes
        waiting = self._waiting_for_room
        for _ in range(len(waiting)):
            waiting.popleft()()

    def when_room(self, callback: Callable[[], object]) -> None:
        """Call `callback` once when there may be room, perhaps at once."""
        self._waiting_for_room.append(callback)
        if self.records < self._records_max and self.bytes < self._bytes_max:
            callback()
