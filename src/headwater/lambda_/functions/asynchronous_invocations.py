"""The queue of asynchronous invocations: events that functions get in their own time.

Rules:
- an event whose function fails is tried twice more, after a delay and after two; one that does
  not reach the function (throttled, say) is tried for `EVENT_AGE_S_MAX`, with growing delays;
- what is given up goes to the function's dead letter queue or topic, if it has one;
- the queue is in memory, and bounded. It ends with the server.

Refuses to know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from headwater.lambda_.functions.destination import DestinationFailed, DestinationMessage, MessageSender
from headwater.lambda_.functions.functions import Functions, NamedVersion
from headwater.lambda_.functions.invocation import InvocationRefused, InvocationResult
from headwater.lambda_.functions.metrics import MetricTarget
from headwater.lambda_.functions.name import NamedFunction

RETRIES = 2
EVENTS_MAX = 10_000
BYTES_MAX = 64 * 1024 * 1024
EVENT_AGE_S_MAX = 6 * 3600.0
REFUSED_DELAY_S = 0.1
REFUSED_DELAY_S_MAX = 10.0


class QueueFull(Exception):
    """No more events are taken for now."""


class _Waiting(NamedTuple):
    named: NamedFunction
    payload: bytes
    request_id: str
    since_ms: int


class AsynchronousInvocations:
    """The queue of a server."""

    def __init__(
        self,
        functions: Functions,
        sender: MessageSender,
        log: Callable[[str, str], None],
        retry_delay_ms: int,
    ) -> None:
        """`retry_delay_ms` is the delay before an event is tried a second time."""
        self._functions = functions
        self._sender = sender
        self._log = log
        self._retry_delay_s = retry_delay_ms / 1000
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0

    def add(self, named: NamedFunction, payload: bytes, request_id: str) -> None:
        """Take an event. Raises `QueueFull`."""
        if len(self._tasks) >= EVENTS_MAX or self._bytes + len(payload) > BYTES_MAX:
            raise QueueFull
        self._bytes += len(payload)
        self._functions.metrics.event_received(MetricTarget(*named))
        task = asyncio.get_running_loop().create_task(
            self._deliver(_Waiting(named, payload, request_id, self._functions.now_ms()))
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what waits."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, waiting: _Waiting) -> None:
        try:
            chosen = None
            for attempt in range(RETRIES + 1):
                if attempt:
                    await asyncio.sleep(self._retry_delay_s * attempt)
                chosen, result = await self._reach(waiting)
                if chosen is None or (result is not None and result.function_error is None):
                    return
                if result is None:
                    break
            if chosen is not None:
                await self._give_up(waiting, chosen)
        finally:
            self._bytes -= len(waiting.payload)

    async def _reach(self, waiting: _Waiting) -> tuple[NamedVersion | None, InvocationResult | None]:
        """The outcome of one attempt; without result when the function was not reached for too long."""
        loop = asyncio.get_running_loop()
        began_s, delay_s = loop.time(), REFUSED_DELAY_S
        while True:
            chosen = self._functions.find(waiting.named)
            if chosen is None:
                return None, None
            age_ms = max(0, self._functions.now_ms() - waiting.since_ms)
            self._functions.metrics.event_reached(MetricTarget(*waiting.named), age_ms)
            try:
                return chosen, await self._functions.run(chosen, waiting.payload, waiting.request_id)
            except InvocationRefused:
                if loop.time() - began_s > EVENT_AGE_S_MAX:
                    return chosen, None
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, REFUSED_DELAY_S_MAX)

    async def _give_up(self, waiting: _Waiting, chosen: NamedVersion) -> None:
        metrics, target = self._functions.metrics, MetricTarget(*waiting.named)
        metrics.event_dropped(target)
        name, arn = chosen.function.name, chosen.version.dead_letter_arn
        if arn is None:
            self._log("warning", f"lambda {name}: the event {waiting.request_id} is given up")
            return
        message = DestinationMessage(arn, waiting.payload, waiting.request_id, waiting.request_id)
        try:
            await self._sender.send(message)
        except DestinationFailed as error:
            metrics.dead_letter_failed(target)
            self._log("error", f"lambda {name}: the event {waiting.request_id} is lost: {error}")
