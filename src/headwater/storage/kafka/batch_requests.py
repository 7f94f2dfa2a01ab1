"""Joins batches of several topics into produce requests to a broker: a request costs far more than a batch.

What is given in one turn of the event loop leaves in one request. A few requests are under way at a time,
each on a connection of its own; what is given while all are waits, and leaves together in the next one.

Rules:
- a topic has one batch here at a time;
- a request is answered when its last batch is, so who has cause to think that a batch will take long (it
  was not answered before) sends it by itself, and not through here;
- what becomes of a request becomes of each of its batches, unless the broker has answered for that one;
- when a request fails, what waits behind it is given back: another broker may lead these topics by now.

Refuses to know connections, and what an answer means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from headwater.storage.kafka.patience import SILENT_SWEEPS

Answer = TypeVar("Answer")

LANES = 4
REQUEST_BYTES = 4 * 1024 * 1024
"""A request takes no further batch once it has this much."""


class NothingSaid(Exception):
    """The broker has said nothing of a batch in its answer to the request."""


class NotSent(Exception):
    """The batch has not left, as requests to the broker fail."""


class BatchRequests(Generic[Answer]):
    """The requests to one broker."""

    def __init__(self, send: Callable[[Mapping[str, bytes], int], Awaitable[Mapping[str, Answer]]]) -> None:
        """`send` sends batches by topic, on the connection of a lane, and gives the answers by topic."""
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, tuple[bytes, asyncio.Future[Answer]]] = {}
        self._free = list(reversed(range(LANES)))
        self._silent_sweeps = 0
        self._is_due = False
        """Whether what waits leaves at the end of this turn of the loop."""
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, topic: str, batch: bytes) -> asyncio.Future[Answer]:
        """The answer to a batch; or `NothingSaid`, `NotSent`, or what `send` raises."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[topic] = (batch, answer)
        if self._free and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._leave)
        return answer

    def sweep(self) -> None:
        """Look now and then whether the broker answers: a loop that was busy for long has not listened."""
        self._silent_sweeps = self._silent_sweeps + 1 if len(self._free) < LANES else 0

    def is_silent(self) -> bool:
        """Whether the broker has owed answers for some time, and given none."""
        return self._silent_sweeps >= SILENT_SWEEPS

    def _leave(self) -> None:
        self._is_due = False
        while self._free and self._waiting:
            batches = self._take()
            if not batches:
                return  # nobody waits for them any more
            task = self._loop.create_task(self._carry(batches, self._free.pop()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> dict[str, tuple[bytes, asyncio.Future[Answer]]]:
        """What goes into one request, in the order in which it came."""
        taken: dict[str, tuple[bytes, asyncio.Future[Answer]]] = {}
        size = 0
        for topic, (batch, answer) in tuple(self._waiting.items()):
            if taken and size + len(batch) > REQUEST_BYTES:
                break
            del self._waiting[topic]
            if not answer.cancelled():
                taken[topic] = (batch, answer)
                size += len(batch)
        return taken

    def _give_back(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for _, answer in waiting.values():
            if not answer.cancelled():
                answer.set_exception(NotSent("the broker does not answer others"))

    async def _carry(self, batches: Mapping[str, tuple[bytes, asyncio.Future[Answer]]], lane: int) -> None:
        answers: Mapping[str, Answer] = {}
        failure: Exception = NothingSaid("the broker has not answered for this batch")
        try:
            answers = await self._send({topic: batch for topic, (batch, _) in batches.items()}, lane)
            self._silent_sweeps = 0
        except Exception as error:  # noqa: BLE001 - it is raised where each batch is waited for
            failure = error
            self._give_back()
        finally:
            self._free.append(lane)
        for topic, (_, answer) in batches.items():
            if answer.cancelled():
                continue
            if topic in answers:
                answer.set_result(answers[topic])
            else:
                answer.set_exception(failure)
        self._leave()
