"""Enhanced fan-out: records pushed to a consumer as they are committed.

Rules, as the API's documentation and the client libraries have them:
- a subscription lasts for five minutes;
- there is one for each consumer and shard: another within five seconds of a
  successful call is refused, even when the first one's reader has left since; a later
  one takes over, and the first ends with an error;
- `resubscribe_at_once` is the friendlier rule: who has left can be followed at once;
- records come in the order of the log, in events of about 1 MiB; while there are
  none, an empty event tells every few seconds how far the consumer is;
- at the end of a closed shard the last event has the children and no
  continuation: exactly then; after it the subscription ends;
- when the stream or the consumer goes, the subscription ends with an error;
- nothing is read while the reader is slow, so memory does not grow with it.

A subscription is moved by three things: commits to its log, the engine's tick,
and its reader. All of them wake it, and a push goes on as long as there is something to push:

    new ─ start ─► resting ─ wake ─► pushing ─ wake ─► pushing again ─ pushed ─► resting, and wakes
                    ▲ ▲                │  │
                    │ └──── pushed ────┘  └─ used up ─► held back ─ wake ─► pushing
                    └ a tick wakes it, too, when an event is due           every phase ─ end ─► over

Apart from that its reader `follows` or is `slow`; while it is slow, nothing wakes the subscription, and a
push ends with the event that it is at. A sink is there from `start` to `end`.

It refuses to know connections and encodings: it talks to an `EventSink`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple, Protocol

from headwater.engine import shared_subscriptions
from headwater.engine.active_subscription import SubscriptionKey
from headwater.engine.engine import Engine
from headwater.engine.limits.token_bucket import TokenBucket
from headwater.engine.live_stream import LiveStream
from headwater.engine.reading import ShardPage, read_shard
from headwater.model.completion import drive
from headwater.model.errors import (
    InternalFailureException,
    KinesisError,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.model.sequence_number import record_sequence_number, sequence_base
from headwater.model.shard import Shard, shard_id_of
from headwater.model.transitions import transitions
from headwater.storage.interface import StoreError

SUBSCRIPTION_LIFE_MS = 300_000
TAKE_OVER_AFTER_MS = 5_000
IDLE_EVENT_MS = 3_000
"""An event is sent at least this often, even when there is nothing to read."""
EVENT_RECORDS_MAX = 10_000
EVENT_BYTES_MAX = 1024 * 1024

Phase = Literal[
    "new",  # it has not been started
    "resting",  # all was pushed, or the reader is slow
    "held back",  # the consumer's rate is used up: a tick will ask again
    "pushing",
    "pushing again",  # something has come meanwhile, which this push may have missed
    "over",
]
Reader = Literal["follows", "slow"]

PHASES: dict[str, dict[Phase, Phase]] = {
    "start": {"new": "resting"},
    "wake": {
        "resting": "pushing",
        "held back": "pushing",
        "pushing": "pushing again",
        "pushing again": "pushing again",
    },
    "pushed": {"pushing": "resting", "pushing again": "resting"},
    "used up": {"pushing": "held back", "pushing again": "held back"},
    "end": {
        "new": "over",
        "resting": "over",
        "held back": "over",
        "pushing": "over",
        "pushing again": "over",
    },
}
"""Event → phase before → phase after. What is not here cannot happen."""

READERS: dict[str, dict[Reader, Reader]] = {
    "pause": {"follows": "slow", "slow": "slow"},
    "resume": {"slow": "follows", "follows": "follows"},
}
"""The same of the reader; what is said twice says nothing new."""

_phases, _readers = transitions(PHASES), transitions(READERS)


class FanOutEvent(NamedTuple):
    """The event of one push."""

    page: ShardPage
    continuation_sequence_number: str | None
    """Where to subscribe again; `None` at the end of a closed shard."""


class BrokenOff(KinesisError):
    """In place of an error of the API: the events are to stop as if the network had failed."""


class EventSink(Protocol):
    """Where a subscription's events go. `fail` or `end` is called last, and once."""

    def event(self, event: FanOutEvent) -> None:
        """Take an event."""

    def fail(self, error: KinesisError) -> None:
        """The subscription has ended with an error."""

    def end(self) -> None:
        """The subscription has ended."""


class _EndReason(NamedTuple):
    events: int
    """The number of events that are still sent."""
    error: KinesisError | None


class Subscription:
    """One reader of one shard for one consumer."""

    def __init__(self, engine: Engine, key: SubscriptionKey, position: int, started_ms: int) -> None:
        """`started_ms` is when it was asked for, as it is noted."""
        self._engine = engine
        self._key = key
        self._metrics = engine.live(key.stream).metrics
        self._position = position
        self._sink: EventSink | None = None
        self._started_ms = started_ms
        self._last_event_ms = 0
        self._last_arrival_ms = 0
        """Of the records that were pushed: the store's clock may be ahead of the engine's."""
        self._phase: Phase = "new"
        self._reader: Reader = "follows"
        self._unwatch: list[Callable[[], None]] = []
        self._ending: _EndReason | None = None
        """An end that was asked for."""

    @property
    def position(self) -> int:
        """See `ActiveSubscription`."""
        return self._position

    @property
    def started_ms(self) -> int:
        """See `ActiveSubscription`."""
        return self._started_ms

    def start(self, sink: EventSink) -> None:
        """Begin to push; the first event comes at once, empty if there is nothing to read."""
        self._phase = _phases["start"][self._phase]
        engine, key = self._engine, self._key
        before = engine.subscriptions.get(key)
        if before is not None:
            before.take_over()
        engine.subscriptions[key] = self
        self._metrics.subscribed(key.consumer_name)
        self._sink = sink
        with suppress(ResourceNotFoundException):  # gone since it was subscribed to: the first push says so
            shard = engine.live(key.stream).stream.shard(key.shard_index)
            if shard is not None:
                self._unwatch.append(engine.store.watch(shard.log_id, self._wake))
        self._unwatch.append(engine.watch_stream(key.stream, self._wake))
        self._unwatch.append(engine.watch_time(self._on_tick))
        self._end_if_asked()
        self._wake()

    def pause(self) -> None:
        """The reader is slow: push nothing until `resume`."""
        self._reader = _readers["pause"][self._reader]

    def resume(self) -> None:
        """The reader has caught up."""
        self._reader = _readers["resume"][self._reader]
        self._wake()

    def stop(self) -> None:
        """The reader has gone."""
        self._finish()

    def release(self) -> None:
        """End it for a reader that has gone: the next one need not wait."""
        self._finish()
        self._forget_call()

    def take_over(self) -> None:
        """Another subscription for the same consumer and shard begins."""
        self._fail(_in_use(self._key))

    def end_after(self, events: int, error: KinesisError | None) -> None:
        """End on purpose after a number of further events: cleanly, or with an error."""
        self._ending = _EndReason(events, error)
        if self._sink is not None:
            self._end_if_asked()

    def _end_if_asked(self) -> None:
        """End if no event is left to be sent before an end that was asked for."""
        ending = self._ending
        if ending is None or ending.events > 0:
            return
        sink = self._finish()
        self._forget_call()  # a test that ends a subscription need not wait for the next one
        if sink is not None and ending.error is not None:
            sink.fail(ending.error)
        elif sink is not None:
            sink.end()

    def _on_tick(self, now_ms: int) -> None:
        if now_ms - self._started_ms >= SUBSCRIPTION_LIFE_MS:
            sink = self._finish()
            if sink is not None:
                sink.end()
        elif self._phase == "held back" or now_ms - self._last_event_ms >= IDLE_EVENT_MS:
            self._wake()

    def _wake(self) -> None:
        """Push what there is. Called while a push is under way, push once more after it."""
        if self._sink is None or self._reader == "slow":
            return
        self._phase = _phases["wake"][self._phase]
        if self._phase == "pushing":
            drive(self._push(), self._pushed)

    def _pushed(self, is_rate_used_up: bool | None, error: BaseException | None) -> None:
        if isinstance(error, KinesisError):
            self._fail(error)
        elif isinstance(error, StoreError):
            self._fail(InternalFailureException("Internal Service Failure"))
        elif error is not None:
            self._fail(InternalFailureException("Internal Service Failure"))
            raise error
        elif self._phase != "over":
            before, after = self._phase, "used up" if is_rate_used_up else "pushed"
            self._phase = _phases[after][before]
            if before == "pushing again":
                self._wake()

    async def _push(self) -> bool:
        """Push until there is nothing more to push now; whether the consumer's rate is used up."""
        while self._sink is not None and self._reader == "follows":
            # 1. Ask the consumer's rate; without any left a tick asks again.
            live, shard = await self._find_shard()
            rate, max_bytes = self._rate(live, shard)
            if rate is not None and not rate.has(1, self._engine.now_ms()):
                return True
            # 2. Read a page. The subscriber may have gone meanwhile; an event without records may not be due.
            page = await read_shard(
                self._engine, live.stream, shard, self._position, EVENT_RECORDS_MAX, max_bytes
            )
            sink = self._sink
            if sink is None:
                return False
            now_ms = self._engine.now_ms()
            if not page.records.runs and page.next_position is not None and not self._is_event_due(now_ms):
                return False
            # 3. Count the page, then push it: as the last event at the shard's end, else with a continuation.
            self._last_event_ms = now_ms
            self._count(page)
            if rate is not None:
                rate.use(page.size)
            if page.next_position is None:
                self._finish()
                sink.event(FanOutEvent(page, None))
                sink.end()
                return False
            self._position = page.next_position
            # As records arrive, so that it does not go back when the machine's clock does.
            arrival_ms = max(self._engine.arrival_ms(), self._last_arrival_ms)
            sink.event(FanOutEvent(page, _continuation(page, page.next_position, arrival_ms)))
            if self._ending is not None:
                self._ending = self._ending._replace(events=self._ending.events - 1)
                self._end_if_asked()
            if page.is_at_tip:  # what is committed from now on wakes the subscription again
                return False
        return False

    def _count(self, page: ShardPage) -> None:
        if page.records.runs:
            self._last_arrival_ms = page.records.runs[-1].arrival_ms
        self._metrics.event(
            self._key.consumer_name,
            page.shard.shard_id,
            len(page.records),
            page.size,
            page.millis_behind_latest,
        )

    def _rate(self, live: LiveStream, shard: Shard) -> tuple[TokenBucket | None, int]:
        """The consumer's rate, if the stream is limited, and the most bytes of one event."""
        limits = live.limits
        if limits is None:
            return None, EVENT_BYTES_MAX
        rate = limits.fan_out(shard.log_id, self._key.consumer_name, self._engine.now_ms())
        # An event of many seconds' worth would be followed by a silence that clients give up on.
        return rate, min(EVENT_BYTES_MAX, limits.figures.fan_out_bytes_per_s)

    def _is_event_due(self, now_ms: int) -> bool:
        return now_ms - self._last_event_ms >= IDLE_EVENT_MS

    async def _find_shard(self) -> tuple[LiveStream, Shard]:
        """The stream and shard as they are now. Raises ResourceNotFoundException when either is gone."""
        key = self._key
        live = self._engine.settled(key.stream) or await self._engine.serving(key.stream)
        stream = live.stream
        consumer = stream.consumer(key.consumer_name)
        if consumer is None or consumer.created_s != key.consumer_created_s:
            raise ResourceNotFoundException(
                f"Consumer {key.consumer_name} of stream {stream.label} not found."
            )
        shard = stream.shard(key.shard_index)
        if shard is None or stream.created_ms != key.stream_created_ms:
            raise ResourceNotFoundException(
                f"Could not find shard {shard_id_of(key.shard_index)} in stream {stream.label}."
            )
        return live, shard

    def _fail(self, error: KinesisError) -> None:
        sink = self._finish()
        if sink is not None:
            sink.fail(error)

    def _finish(self) -> EventSink | None:
        """Let go of everything; the sink, if it has not been told of an end yet."""
        if self._phase == "over":
            return None
        self._phase = _phases["end"][self._phase]
        sink, self._sink = self._sink, None
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch.clear()
        if self._engine.subscriptions.get(self._key) is self:
            del self._engine.subscriptions[self._key]
        if self._engine.settings.resubscribe_at_once:
            self._forget_call()
        return sink

    def _forget_call(self) -> None:
        if self._engine.subscribed_ms.get(self._key) == self._started_ms:
            del self._engine.subscribed_ms[self._key]


def require_free(engine: Engine, key: SubscriptionKey) -> None:
    """Raise ResourceInUseException within five seconds of a successful call, as the API model has it."""
    subscribed_ms = engine.subscribed_ms.get(key)
    if engine.store.is_shared and not engine.settings.resubscribe_at_once:
        subscribed_ms = shared_subscriptions.asked_ms(engine.store, key)
    if subscribed_ms is not None and _is_recent(subscribed_ms, engine.now_ms()):
        engine.live(key.stream).metrics.subscription_refused(key.consumer_name)
        raise _in_use(key)


async def subscribe(engine: Engine, key: SubscriptionKey, position: int) -> Subscription:
    """A subscription that is ready to start. Raises what `require_free` raises, and StoreUnavailable."""
    require_free(engine, key)
    now_ms = engine.now_ms()
    if engine.store.is_shared and not await shared_subscriptions.begin(engine.store, key, now_ms):
        engine.live(key.stream).metrics.subscription_refused(key.consumer_name)
        raise _in_use(key)
    recent = {other: ms for other, ms in engine.subscribed_ms.items() if _is_recent(ms, now_ms)}
    engine.subscribed_ms = {**recent, key: now_ms}
    return Subscription(engine, key, position, now_ms)


def _is_recent(subscribed_ms: int, now_ms: int) -> bool:
    """A call that seems to come from the future does not count: the clock was set back."""
    return 0 <= now_ms - subscribed_ms < TAKE_OVER_AFTER_MS


def _in_use(key: SubscriptionKey) -> ResourceInUseException:
    account_id, _, name = key.stream
    return ResourceInUseException(
        f"Another active subscription exists for this consumer: {account_id}:{name}:{key.consumer_name}:"
        f"{shard_id_of(key.shard_index)}:{key.consumer_created_s}"
    )


def _continuation(page: ShardPage, next_position: int, arrival_ms: int) -> str:
    """The number of the last record; without records, one that lies between it and the next record's.

    So it moves forward while nothing is written, and either way of subscribing with
    it, at it or after it, goes on with the next record when it is no record's own.
    """
    base = sequence_base(page.shard.epoch_s, page.shard.index)
    time_ms = page.records.runs[-1].arrival_ms if page.records.runs else arrival_ms
    return record_sequence_number(base, page.shard.epoch_s, next_position - 1, time_ms)
