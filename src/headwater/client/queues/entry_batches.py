"""One operation on single records, gathered into calls of ten.

Rules:
- a call leaves when ten entries wait, or the first of them has waited for `linger_s`;
- an entry that the queue cannot take now is sent again, later each time, until its time
  is up; one whose receipt is no longer good is `ReceiptLost`;
- who asked for an entry waits until the queue has taken it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, ServiceError, is_transient, says_not_now
from headwater.client.calls.timing import Timing
from headwater.client.queues.queue_calls import ENTRIES_MAX, EntryFailure

Send = Callable[[Sequence[dict[str, Any]]], Awaitable[list[EntryFailure]]]
"""Makes one call; returns what was not taken."""


class ReceiptLost(ClientError):
    """The receipt of a record is no longer good: the queue may have handed the record out again."""


@dataclass(slots=True)
class _WaitingEntry:
    entry: dict[str, Any]
    taken: asyncio.Future[None]
    backoff: Backoff
    give_up_at_s: float


class EntryBatches:
    """The entries of one operation on one queue. Belongs to one event loop."""

    def __init__(self, send: Send, timing: Timing, linger_s: float) -> None:
        self._send = send
        self._timing = timing
        self._linger_s = linger_s
        self._waiting: deque[_WaitingEntry] = deque()
        self._lingering: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def submit(self, receipt_handle: str, patience_s: float, **members: Any) -> None:
        """Return when the queue has taken an entry.

        Raises `ReceiptLost`, and the last `ClientError` once `patience_s` are over.
        """
        waiting = _WaitingEntry(
            {"ReceiptHandle": receipt_handle, **members},
            asyncio.get_running_loop().create_future(),
            Backoff("call", self._timing.rng),
            self._timing.now_s() + patience_s,
        )
        self._add(waiting)
        await waiting.taken

    def _add(self, waiting: _WaitingEntry) -> None:
        self._waiting.append(waiting)
        if len(self._waiting) >= ENTRIES_MAX:
            self._call_now()
        elif self._lingering is None:
            self._lingering = asyncio.create_task(self._linger())

    async def _linger(self) -> None:
        await self._timing.sleep(self._linger_s)
        self._lingering = None
        if self._waiting:
            self._call_now()

    def _call_now(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        batch = [self._waiting.popleft() for _ in range(min(ENTRIES_MAX, len(self._waiting)))]
        call = asyncio.create_task(self._call([one for one in batch if not one.taken.done()]))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call(self, batch: list[_WaitingEntry]) -> None:
        if not batch:
            return
        try:
            failures = await self._send([one.entry for one in batch])
        except ClientError as error:
            await self._settle_failed([(one, error, is_transient(error)) for one in batch])
            return
        except asyncio.CancelledError:
            for one in batch:
                one.taken.cancel()
            raise
        by_handle = {failure.receipt_handle: failure for failure in failures}
        failed = []
        for one in batch:
            failure = by_handle.get(one.entry["ReceiptHandle"])
            if failure is None:
                if not one.taken.done():
                    one.taken.set_result(None)
            else:
                failed.append((one, _error_of(failure), _may_pass(failure)))
        await self._settle_failed(failed)

    async def _settle_failed(self, failed: Sequence[tuple[_WaitingEntry, ClientError, bool]]) -> None:
        """Send again what may pass and has time left; tell the others."""
        again = []
        for one, error, may_pass in failed:
            if may_pass and self._timing.now_s() < one.give_up_at_s:
                again.append(one)
            elif not one.taken.done():
                one.taken.set_exception(error)
        if not again:
            return
        await self._timing.sleep(max(one.backoff.delay_s() for one in again))
        for one in again:
            self._add(one)


def _may_pass(failure: EntryFailure) -> bool:
    return says_not_now(failure.error_code, 200)


def _error_of(failure: EntryFailure) -> ClientError:
    if _may_pass(failure):
        return ServiceError(failure.error_code, failure.error_message, 200)
    return ReceiptLost(f"{failure.error_code}: {failure.error_message}")
