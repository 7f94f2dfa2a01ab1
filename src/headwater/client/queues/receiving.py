"""Receiving records for as many places as are free.

One receiver waits for records. While its answers are full, others help it: a queue with
much in it is emptied by several calls at a time, and an idle one is asked by one.

Rules:
- no more records are asked for than there are free places;
- a call that fails and may pass is made again, later each time, for ever;
- when it is stopped, a call that waits gets a moment for its answer: what it was handed
  would otherwise stay invisible for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.timing import Timing
from headwater.client.queues.queue_calls import ENTRIES_MAX
from headwater.client.queues.queue_record import QueueRecord
from headwater.client.queues.stats import QueueConsumerStats

HELPERS_MAX = 7
HELPER_WAIT_S = 1
STOP_GRACE_S = 1.0
STATUS_POLL_S = 0.25

_log = logging.getLogger("headwater.client")

Receive = Callable[[int, int], Awaitable[list[QueueRecord]]]
"""One call, for at most so many records, that waits for at most so many seconds."""


class Places:
    """The places for records in hand. Belongs to one event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """How many are free now."""
        return self._free

    async def take(self, most: int) -> int:
        """Take up to so many, once there is one."""
        while self._free == 0:
            self._changed.clear()
            await self._changed.wait()
        return self.take_free(most)

    def take_free(self, most: int) -> int:
        """Take up to so many of those that are free."""
        taken = min(self._free, most)
        self._free -= taken
        return taken

    def leave(self, count: int = 1) -> None:
        """Some are free again."""
        self._free += count
        self._changed.set()


class Receiver:
    """Receives from one queue."""

    def __init__(
        self,
        receive: Receive,
        deliver: Callable[[QueueRecord], None],
        comes_back: Callable[[], Awaitable[bool]],
        places: Places,
        wait_s: int,
        timing: Timing,
        stats: QueueConsumerStats,
    ) -> None:
        """`comes_back` tells of a queue that refused whether it will not for long."""
        self._receive = receive
        self._deliver = deliver
        self._comes_back = comes_back
        self._places = places
        self._wait_s = wait_s
        self._timing = timing
        self._stats = stats
        self._is_stopped = False
        self._lead: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Receive until `stop`. Raises `ClientError` for what trying again does not help."""
        self._lead = asyncio.create_task(self._receive_for_ever())
        await asyncio.wait({self._lead})
        if not self._lead.cancelled():
            self._lead.result()

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Return when no call is made any more: those that wait get `grace_s` for their answers."""
        self._is_stopped = True
        tasks = {task for task in (self._lead, *self._helpers) if task is not None and not task.done()}
        if tasks:
            _, waiting = await asyncio.wait(tasks, timeout=grace_s)
            for task in waiting:
                task.cancel()
            if waiting:
                await asyncio.wait(waiting)

    async def _receive_for_ever(self) -> None:
        backoff = Backoff("page", self._timing.rng)
        while not self._is_stopped:
            taken = await self._places.take(ENTRIES_MAX)
            try:
                is_full = await self._receive_into(taken, self._wait_s)
            except ClientError as error:
                self._stats.failed_calls += 1
                if is_transient(error):
                    _log.warning("receiving again: %s", error)
                    await self._timing.sleep(backoff.delay_s())
                elif await self._comes_back():
                    await self._timing.sleep(STATUS_POLL_S)
                else:
                    raise
            else:
                backoff.reset()
                if is_full:
                    self._call_for_help()

    async def _help(self, taken: int) -> None:
        """Receive as long as there are places, and records for them."""
        try:
            while taken and await self._receive_into(taken, HELPER_WAIT_S) and not self._is_stopped:
                taken = self._places.take_free(ENTRIES_MAX)
        except ClientError as error:  # the one that leads will meet it, and knows what to do
            self._stats.failed_calls += 1
            _log.warning("receiving again: %s", error)

    def _call_for_help(self) -> None:
        if self._is_stopped or len(self._helpers) >= HELPERS_MAX or not self._places.free:
            return
        helper = asyncio.create_task(self._help(self._places.take_free(ENTRIES_MAX)))
        self._helpers.add(helper)
        helper.add_done_callback(self._helpers.discard)

    async def _receive_into(self, taken: int, wait_s: int) -> bool:
        """Whether a call filled the places that were taken for it; those that it did not are left."""
        filled = 0
        try:
            for record in await self._receive(taken, wait_s):
                filled += 1
                self._stats.received += 1
                self._deliver(record)
        finally:
            self._places.leave(taken - filled)
        return filled == taken
