"""The delivery of batches to an iterator, perhaps in another thread.

Whether a record is done shows in the iterator having moved on: how many have been taken
from a list is what its iterator says of itself, so that nothing is counted for each
record.

Rules:
- the record that the iterator gave last is not done;
- a batch that was not begun can be called back. Of one that was begun the rest is taken
  away, and the iterator ends after the record that it is at;
- a batch is begun only while its shard is surely this worker's.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from operator import length_hint
from typing import Any

from headwater.client.calls.record import Record
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.delivery import BatchContext

PROGRESS_S = 1.0
"""The seconds between two looks at the progress of a batch."""


class IteratorBatch:
    """A batch in an iterator. `begin` and `finish` may be called in any thread."""

    def __init__(self, batch: Batch, turn: BatchContext) -> None:
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The final number of records that are done."""
        self._records = batch.records
        self._iterator = iter(self._records)
        self._turn = turn
        self._lock = threading.Lock()
        self._is_begun = False
        self._is_called_back = False

    def begin(self) -> Iterator[Record]:
        """Begin the batch: its records; none if it was called back."""
        with self._lock:
            if not self._is_called_back and self._turn.is_fresh and not self._turn.is_ending:
                self._is_begun = True
                return self._iterator
            self._is_called_back = True
        return iter(())

    def moved_on(self) -> int:
        """The number of records that are done: all before the one given last."""
        return max(0, len(self._records) - length_hint(self._iterator) - 1)

    def finish(self) -> None:
        """End the batch: all records that the iterator got are done."""
        self._set_done(0 if self._is_called_back else len(self._records))

    def leave(self) -> None:
        """End the batch when its iterator was left: the record given last is not done."""
        self._set_done(self.moved_on())

    def cut_short(self) -> None:
        """Call back the records that the iterator has not got yet."""
        with self._lock:
            if not self._is_begun:
                self._is_called_back = True
        if self._is_begun:
            del self._records[self.moved_on() + 1 :]
        else:
            self._set_done(0)

    def _set_done(self, count: int) -> None:
        loop = self.done.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, self.done, count)


def _resolve(done: asyncio.Future[int], count: int) -> None:
    if not done.done():
        done.set_result(count)


class IteratorDelivery:
    """The delivery to an iterator: a `Delivery`."""

    def __init__(self) -> None:
        self._waiting: deque[IteratorBatch] = deque()
        self._arrived = asyncio.Event()

    async def deliver(self, batch: Batch, turn: BatchContext) -> int:
        """Deliver a batch to the iterator; see `Delivery`."""
        handed = IteratorBatch(batch, turn)
        self._waiting.append(handed)
        self._arrived.set()
        ending = asyncio.ensure_future(turn.ending())
        either: set[asyncio.Future[Any]] = {handed.done, ending}
        try:
            while not handed.done.done() and not ending.done():
                await asyncio.wait(either, timeout=PROGRESS_S, return_when=asyncio.FIRST_COMPLETED)
                turn.progress(handed.moved_on())
            if not handed.done.done():
                handed.cut_short()
            return await handed.done
        finally:
            ending.cancel()
            if handed in self._waiting:
                self._waiting.remove(handed)

    async def take(self) -> list[IteratorBatch]:
        """All waiting batches; waits for at least one."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken
