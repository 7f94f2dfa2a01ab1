"""A consumer with enhanced fan-out: subscribes to shards, and again where it was when that ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.fan_out import FanOutEvent
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.storage.interface import StoreUnavailable
from headwater.wire.json_format import decode, encode
from tests.simulation.record_book import Page
from tests.simulation.simulated_server import ConnectionLost, Flight
from tests.simulation.world import World

EVENT_RECORDS_MAX = 10_000


class SubscribedShard:
    """One subscription, and what it has pushed: the sink of the engine's subscription."""

    def __init__(self, world: World, name: str, shard_id: str, after: str) -> None:
        self.shard_id = shard_id
        self.after = after
        self.continuation = after
        self.ended = False
        """The end of the shard was told."""
        self.over = False
        """There will be no event more."""
        self.paused = False
        self._world = world
        self._name = name
        self._born = world.born(name)
        self._crashes = world.server.crashes
        self._answer: StreamedAnswer | None = None
        self._told = False

    @property
    def is_alive(self) -> bool:
        """Whether the process that pushes is still there."""
        return not self.over and self._crashes == self._world.server.crashes

    @property
    def is_current(self) -> bool:
        """Whether the stream is still the one that was subscribed to."""
        return self._born == self._world.born(self._name)

    def start(self, answer: StreamedAnswer) -> None:
        """Let the events come."""
        self._answer = answer
        try:
            answer.subscription.start(self)
        except KinesisError as error:
            raise AssertionError("what goes wrong as a subscription starts is told to its sink") from error

    def pause_or_resume(self) -> None:
        """Be slow, or no longer."""
        assert self._answer is not None
        self.paused = not self.paused
        (self._answer.subscription.pause if self.paused else self._answer.subscription.resume)()

    def check_whole(self) -> None:
        """Everything that was acknowledged must have come."""
        stream, now = self._world.stream(self._name), self._world.scheduler.now
        missing = stream.records.missing(self.shard_id, self.after, now, stream.gone_before_ms)
        assert not missing, f"{missing} of {self.shard_id} were not pushed"

    def stop(self) -> None:
        """Go away."""
        assert self._answer is not None
        self.over = True
        self._answer.subscription.stop()

    def event(self, event: FanOutEvent) -> None:
        """Take an event, which must be what it may be."""
        self._noting(lambda: self._take(event))

    def fail(self, error: KinesisError) -> None:
        """The subscription has ended with an error."""
        self._world.scheduler.note(f"subscription to {self.shard_id} fails: {error.code}")
        self.end()

    def end(self) -> None:
        """The subscription has ended."""
        self._noting(self._end)

    def _end(self) -> None:
        assert not self.over, "a subscription ends once"
        self.over = True

    def _take(self, event: FanOutEvent) -> None:
        assert self._answer is not None
        assert self.is_alive, "an event comes after the end"
        document = decode(encode(self._answer.describe(event)))
        self._world.scheduler.note(f"event of {len(document['Records'])} records of {self.shard_id}")
        stream = self._world.stream(self._name)
        now = self._world.scheduler.now
        self.ended = "ContinuationSequenceNumber" not in document
        assert self.ended == ("ChildShards" in document)
        if not self.is_current:
            return
        page = Page(
            shard_id=self.shard_id,
            records=document["Records"],
            after=self.after,
            asked=now,
            to_the_tip=self.ended,
            visible_from_ms=-1,
            gone_before_ms=stream.gone_before_ms,
        )
        for record in stream.records.read(page, stream.shards):
            self.after = record.number
        if not self.ended:
            continuation = document["ContinuationSequenceNumber"]
            # Another process does not know how far the clock of this one was.
            assert not self._told or self.continuation <= continuation, "a continuation goes back"
            self._told = True
            assert self.after <= continuation
            self.continuation = continuation

    def _noting(self, call: Callable[[], None]) -> None:
        try:
            call()
        except AssertionError as failure:
            self._world.scheduler.fail(failure)


class FanOutConsumer:
    """Subscribes to every shard of a stream that it finds."""

    def __init__(self, world: World, name: str, consumer_name: str) -> None:
        self._world = world
        self._name = name
        self._consumer_name = consumer_name
        self._shards: dict[str, SubscribedShard] = {}
        self._born: int | None = None

    @property
    def subscribed(self) -> list[SubscribedShard]:
        """The subscriptions that are under way."""
        return [shard for shard in self._shards.values() if shard.is_alive and shard.is_current]

    async def run(self) -> None:
        """Subscribe until the history ends."""
        while not self._world.ending:
            await self._world.scheduler.turn("a fan-out consumer")
            if self._world.ending:
                return
            if self._world.born(self._name) != self._born:
                self._born, self._shards = self._world.born(self._name), {}
            with suppress(KinesisError, StoreUnavailable, ConnectionLost):
                await self._step()

    async def _step(self) -> None:
        chance, subscribed = self._world.chance, self.subscribed
        if subscribed and chance.random() < 0.5:
            shard = chance.choice(subscribed)
            if chance.random() < 0.2:
                shard.stop()
            else:
                shard.pause_or_resume()
            return
        known = self._world.stream(self._name).shards.shards
        waiting = [name for name in known if name not in self._shards or not self._shards[name].is_alive]
        waiting = [name for name in waiting if name not in self._shards or not self._shards[name].ended]
        if waiting:
            await self._subscribe(chance.choice(waiting))

    async def _subscribe(self, shard_id: str) -> None:
        world, arn = self._world, self._world.book.arn_of(self._name)
        named = {"StreamARN": arn, "ConsumerName": self._consumer_name}
        try:
            told = await world.server.call("DescribeStreamConsumer", None, **named)
        except ResourceNotFoundException:
            await world.book.change("RegisterStreamConsumer", **named)
            return
        before = self._shards.get(shard_id)
        shard = SubscribedShard(world, self._name, shard_id, before.after if before else "")
        start: dict[str, Any] = {"Type": "TRIM_HORIZON"}
        if before is not None and before.continuation:
            kind = world.chance.choice(("AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER"))
            if kind == "AT_SEQUENCE_NUMBER" and before.continuation == before.after:
                kind = "AFTER_SEQUENCE_NUMBER"  # at the record itself it would come again
            start = {"Type": kind, "SequenceNumber": before.continuation}
            shard.continuation = before.continuation
        answer = await world.server.call(
            "SubscribeToShard",
            partial(self._settle, shard),
            ConsumerARN=told["ConsumerDescription"]["ConsumerARN"],
            ShardId=shard_id,
            StartingPosition=start,
        )
        if shard.is_alive and shard.is_current:
            self._shards[shard_id] = shard
            shard.start(answer)

    def _settle(self, shard: SubscribedShard, flight: Flight) -> None:
        if flight.code == "StoreUnavailable":
            assert flight.saw_failures
        elif (
            flight.code
            not in {
                None,
                "ConnectionLost",
                "ResourceNotFoundException",
                "ResourceInUseException",
            }
            and shard.is_current
        ):
            raise AssertionError(f"SubscribeToShard: {flight.error!r}")
