"""Reading a shard for a mapping: by asking the engine, or as a consumer with enhanced fan-out.

Rules:
- records are read in pages, and no further while the lanes have enough to do, so that
  memory does not grow with the stream;
- a reader asks again when the shard's log grows, the stream changes or its lanes have
  room: there is no polling interval;
- with the limits of AWS enforced, a stream's ARN is read as by any other reader: once a
  second at most, out of the 5 reads and 2 MiB a second that all of them share. A
  consumer's ARN has the 2 MiB a second of the consumer.

`LogReader` has one thing to wait for at a time:

    reading ◄─ room, fill ─► full          both ─ stop ─► stopped

`FanOutReader` has one subscription after another:

    unsubscribed ─ subscribe ─► reading ─ fill ─► full ─ room ─► reading
         ▲                         │ │              │
         │                         │ └── end ───────┴─► ended
         └──────── let go ─────────┼────────────────────────┘
                                   └─ reach end ─► finished          every phase ─ stop ─► stopped

Refuses to know lanes: what was read goes to `take`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

from headwater.engine.active_subscription import SubscriptionKey
from headwater.engine.consumers import require_active_consumer
from headwater.engine.engine import Engine
from headwater.engine.fan_out import FanOutEvent, Subscription, subscribe
from headwater.engine.live_stream import LiveStream
from headwater.engine.reading import ShardPage, read_shard
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.model.arn import ConsumerName, StreamName
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.model.shard import Shard
from headwater.model.transitions import transitions
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreError

PAGE_RECORDS = 1_000
PAGE_BYTES = 2 * 1024 * 1024
RETRY_MS = 1_000
"""After what the stream or the store refuses, a reader asks again in so long."""
LIMITED_INTERVAL_MS = 1_000
"""Between two reads of one shard when the limits of AWS are enforced."""

LogPhase = Literal[
    "reading",
    "full",  # the lanes have enough to do: it waits for room
    "stopped",
]

LOG_PHASES: dict[str, dict[LogPhase, LogPhase]] = {
    "fill": {"reading": "full", "full": "full"},
    "room": {"full": "reading", "reading": "reading"},
    "stop": {"reading": "stopped", "full": "stopped", "stopped": "stopped"},
}
"""Event → phase of a `LogReader` before → phase after. What is not here cannot happen."""

Phase = Literal[
    "unsubscribed",  # a subscription is due
    "reading",
    "full",  # the lanes have enough to do: the subscription is paused
    "ended",  # the subscription has, another one will follow
    "finished",  # the shard was read to its end
    "stopped",
]

PHASES: dict[str, dict[Phase, Phase]] = {
    "subscribe": {"unsubscribed": "reading"},
    "fill": {"reading": "full"},
    "room": {"full": "reading"},
    "reach end": {"reading": "finished", "stopped": "stopped"},
    "end": {"reading": "ended", "full": "ended", "finished": "finished", "stopped": "stopped"},
    "let go": {
        "ended": "unsubscribed",
        "reading": "unsubscribed",  # the task was cancelled
        "full": "unsubscribed",
        "finished": "finished",
        "stopped": "stopped",
    },
    "stop": {
        "unsubscribed": "stopped",
        "reading": "stopped",
        "full": "stopped",
        "ended": "stopped",
        "finished": "stopped",
        "stopped": "stopped",
    },
}
"""Event → phase of a `FanOutReader` before → phase after. What is not here cannot happen.

A reader that was stopped is still told of what its subscription has under way."""

_log_phases = transitions(LOG_PHASES)
_phases = transitions(PHASES)


class ShardGone(Exception):
    """The stream or the shard is no longer there."""


class ReadTarget(Protocol):
    """The target of a reader."""

    def take(self, page: ShardPage) -> None:
        """Take what was read."""

    def has_room(self) -> bool:
        """Whether more may be read."""


async def find_shard(engine: Engine, name: StreamName, shard: Shard) -> tuple[LiveStream, Shard]:
    """The stream and the shard as they are held now. Raises `ShardGone`."""
    try:
        live = engine.settled(name)
        if live is None:
            live = await finished(engine.serving(name))
    except ResourceNotFoundException:
        raise ShardGone from None
    now = live.stream.shard(shard.index)
    if now is None or now.log_id != shard.log_id:
        raise ShardGone
    return live, now


class LogReader:
    """Reads a shard by asking the engine."""

    def __init__(
        self, context: PollerContext, name: StreamName, shard: Shard, position: int, target: ReadTarget
    ) -> None:
        self._context = context
        self._name = name
        self._shard = shard
        self._position = position
        self._target = target
        self._next_read_ms = 0
        self._phase: LogPhase = "reading"
        self._wake = asyncio.Event()

    def on_room(self) -> None:
        """There is room for records again."""
        if self._phase == "full":
            self._wake.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._phase = _log_phases["stop"][self._phase]
        self._wake.set()

    async def run(self) -> None:
        """Read to the end of the shard, or until `stop`. Raises `ShardGone`."""
        engine = self._context.engine
        unwatch = [
            engine.watch_log(self._shard.log_id, self._wake.set),
            engine.watch_stream(self._name, self._wake.set),
        ]
        try:
            while self._phase != "stopped":
                self._wake.clear()
                self._phase = _log_phases["room" if self._target.has_room() else "fill"][self._phase]
                if self._phase == "full":
                    await self._wake.wait()
                elif await self._read():
                    return
                await self._pause()
        finally:
            for end in unwatch:
                end()

    async def _read(self) -> bool:
        """Read a page, if the stream's limits allow it now; whether it was the last one."""
        engine = self._context.engine
        live, shard = await find_shard(engine, self._name, self._shard)
        if not self._may_read(live, shard):
            return False
        started_s = engine.stopwatch()
        try:
            page = await finished(
                read_shard(engine, live.stream, shard, self._position, PAGE_RECORDS, PAGE_BYTES)
            )
        except ResourceNotFoundException:
            raise ShardGone from None
        except StoreError as error:
            live.metrics.get_records_failed(engine.stopwatch() - started_s)
            self._context.log("error", f"{self._shard.shard_id} of {self._name.name} cannot be read: {error}")
            self._next_read_ms = engine.now_ms() + RETRY_MS
            return False
        self._count(live, page, engine.stopwatch() - started_s)
        self._position = self._position if page.next_position is None else page.next_position
        self._target.take(page)
        if page.next_position is None:
            return True
        extent = engine.extent(shard.log_id)
        if extent is None or self._position >= extent.next:
            await self._wake.wait()
        return False

    def _may_read(self, live: LiveStream, shard: Shard) -> bool:
        if live.limits is None:
            return True
        now_ms = self._context.engine.now_ms()
        self._next_read_ms = now_ms + LIMITED_INTERVAL_MS
        if live.limits.may_read(shard.log_id, now_ms):
            return True
        live.metrics.get_records_refused(shard.shard_id, 0.0)
        return False

    def _count(self, live: LiveStream, page: ShardPage, duration_s: float) -> None:
        """A page counts as one of GetRecords: towards the stream's limits, and in its metrics."""
        if live.limits is not None:
            live.limits.count_read(page.shard.log_id, page.size, self._context.engine.now_ms())
        live.metrics.get_records(
            page.shard.index,
            len(page.records),
            page.size,
            page.millis_behind_latest,
            duration_s,
            at_end=page.next_position is None,
        )

    async def _pause(self) -> None:
        """Until the next read may be made; requests of others come in between at least."""
        await _until(self._context, self._next_read_ms, lambda: self._phase == "stopped", self._wake)
        await asyncio.sleep(0)


class FanOutReader:
    """Reads a shard as a registered consumer: a `Sink` of one subscription after another."""

    def __init__(
        self,
        context: PollerContext,
        consumer: ConsumerName,
        shard: Shard,
        position: int,
        target: ReadTarget,
        report: Callable[[str], None],
    ) -> None:
        self._context = context
        self._consumer = consumer
        self._shard = shard
        self._position = position
        self._target = target
        self._report = report
        self._subscription: Subscription | None = None
        self._phase: Phase = "unsubscribed"
        self._wake = asyncio.Event()

    def on_room(self) -> None:
        """There is room for records again."""
        if self._phase == "full" and self._subscription is not None and self._target.has_room():
            self._phase = _phases["room"][self._phase]
            self._subscription.resume()

    def stop(self) -> None:
        """Let `run` end."""
        self._phase = _phases["stop"][self._phase]
        self._wake.set()

    async def run(self) -> None:
        """Read to the end of the shard, or until `stop`. Raises `ShardGone`."""
        while self._phase == "unsubscribed":
            await find_shard(self._context.engine, self._consumer.stream, self._shard)
            try:
                await self._subscribe()
            except (KinesisError, StoreError) as error:
                self._report(f"PROBLEM: {error}")
                again_ms = self._context.engine.now_ms() + RETRY_MS
                await _until(self._context, again_ms, lambda: self._phase == "stopped", self._wake)

    async def _subscribe(self) -> None:
        """One subscription, from its start to its end."""
        engine, consumer = self._context.engine, self._consumer
        live, shard = await find_shard(engine, consumer.stream, self._shard)
        if self._phase == "stopped":
            return
        stream = live.stream
        registered = stream.consumer(consumer.name)
        if registered is None or registered.created_s != consumer.created_s:
            raise ResourceNotFoundException("Consumer not found")
        require_active_consumer(stream, registered)
        key = SubscriptionKey(
            stream.full_name, stream.created_ms, consumer.name, consumer.created_s, shard.index
        )
        self._subscription = await finished(subscribe(engine, key, self._position))
        self._phase = _phases["subscribe"][self._phase]
        self._subscription.start(self)
        try:
            while self._phase in ("reading", "full"):
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._subscription.release()
            self._subscription = None
            self._phase = _phases["let go"][self._phase]

    def event(self, event: FanOutEvent) -> None:
        """Take a push of the subscription."""
        page = event.page
        if page.next_position is None:
            self._phase = _phases["reach end"][self._phase]
        else:
            self._position = page.next_position
        self._target.take(page)
        if self._phase == "reading" and not self._target.has_room() and self._subscription is not None:
            self._phase = _phases["fill"][self._phase]
            self._subscription.pause()

    def fail(self, error: KinesisError) -> None:
        """The subscription has ended with an error."""
        self._report(f"PROBLEM: {error}")
        self.end()

    def end(self) -> None:
        """The subscription has ended."""
        self._phase = _phases["end"][self._phase]
        self._wake.set()


async def _until(
    context: PollerContext, due_ms: int, is_over: Callable[[], bool], wake: asyncio.Event
) -> None:
    """Wait for a time of the engine's clock, or until it is over."""
    cancel = context.alarms.set(due_ms, wake.set)
    try:
        while context.engine.now_ms() < due_ms and not is_over():
            wake.clear()
            await wake.wait()
    finally:
        cancel()
