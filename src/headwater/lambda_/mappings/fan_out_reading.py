"""Reading a shard for a mapping as a consumer with enhanced fan-out; without one, a `LogReader` reads it.

A consumer's ARN has the 2 MiB a second of the consumer. `FanOutReader` has one subscription after another:

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
from typing import Literal

from headwater.engine.active_subscription import SubscriptionKey
from headwater.engine.consumers import require_active_consumer
from headwater.engine.fan_out import FanOutEvent, Subscription, subscribe
from headwater.followers.shard_reading import RETRY_MS, ReadTarget, find_shard, until_due
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.model.arn import ConsumerName
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.model.shard import Shard
from headwater.model.transitions import transitions
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreError

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

_phases = transitions(PHASES)


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
                await until_due(self._context, again_ms, lambda: self._phase == "stopped", self._wake)

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
