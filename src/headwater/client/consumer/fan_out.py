"""Reading by enhanced fan-out: records are pushed to a registered consumer.

Rules:
- a subscription ends after five minutes; the next begins where the last event said that
  it can go on, so nothing is missed and nothing comes twice;
- while another subscription of this consumer holds the shard, such as that of a worker
  which does not know yet that it has lost it, a new one is refused: it is tried again;
- a reader that is slow holds the connection back, and the service with it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, ServiceError
from headwater.client.calls.kinesis_calls import KinesisCalls, SubscriptionEvent
from headwater.client.calls.timing import Timing
from headwater.client.consumer.page import AFTER_SEQUENCE_NUMBER, Page, ReadFrom, shards_of, size_bytes
from headwater.client.consumer.stats import ShardStats
from headwater.client.leases.checkpoint import AT_TIMESTAMP, LATEST
from headwater.client.leases.shard_listing import NOT_FOUND, has_left_retention

REGISTRATION_POLL_S = 0.25
IN_USE = "ResourceInUseException"


class FanOut:
    """A reader of shards as one registered consumer: a `PageSource`."""

    def __init__(self, calls: KinesisCalls, stream: str, consumer_name: str, timing: Timing) -> None:
        self._calls = calls
        self._stream = stream
        self._consumer_name = consumer_name
        self._timing = timing
        self._consumer_arn = ""

    async def open(self) -> None:
        """Register the consumer if it is missing, and wait until it is ACTIVE. Raises `ClientError`."""
        stream_arn = (await self._calls.describe_stream_summary(self._stream))["StreamARN"]
        while True:
            try:
                found = await self._calls.describe_stream_consumer(stream_arn, self._consumer_name)
            except ServiceError as error:
                if error.code != NOT_FOUND:
                    raise
                await self._register(stream_arn)
                continue
            if found["ConsumerStatus"] == "ACTIVE":
                self._consumer_arn = found["ConsumerARN"]
                return
            await self._timing.sleep(REGISTRATION_POLL_S)

    async def pages(self, shard_id: str, start: ReadFrom, stats: ShardStats) -> AsyncGenerator[Page]:
        """Pages of a shard; see `PageSource`."""
        at = start
        backoff = Backoff("page", self._timing.rng)
        while True:
            is_silent = True
            asked_at_ms = self._timing.wall_ms()
            try:
                events = self._calls.subscribe_to_shard(self._consumer_arn, shard_id, at.position)
                async with aclosing(events):  # type: ignore[type-var]  # it is a generator
                    async for event in events:
                        is_silent = False
                        backoff.reset()
                        yield _page_of(event)  # whose records are the reader's from here on
                        if event.continuation_sequence_number is None:
                            return
                        at = ReadFrom(AFTER_SEQUENCE_NUMBER, event.continuation_sequence_number)
            except ClientError as error:
                if await self._is_gone(shard_id, error):
                    yield Page([], 0, 0, children=[])
                    return
                stats.refused(error)
                is_silent = True
            if at.type == LATEST:  # a second LATEST would skip what arrives until then
                at = ReadFrom(AT_TIMESTAMP, timestamp_s=asked_at_ms / 1000)
            if is_silent:
                await self._timing.sleep(backoff.delay_s())

    async def _register(self, stream_arn: str) -> None:
        try:
            await self._calls.register_stream_consumer(stream_arn, self._consumer_name)
        except ServiceError as error:
            if error.code != IN_USE:  # another worker was first
                raise
            await self._timing.sleep(REGISTRATION_POLL_S)

    async def _is_gone(self, shard_id: str, error: ClientError) -> bool:
        """Whether the shard has left retention. Raises the error unless it is transient."""
        if isinstance(error, ServiceError) and error.code == IN_USE:
            return False
        return await has_left_retention(self._calls, self._stream, shard_id, error)


def _page_of(event: SubscriptionEvent) -> Page:
    children = None if event.continuation_sequence_number is not None else shards_of(event.child_shards)
    return Page(event.records, event.millis_behind_latest, size_bytes(event.records), children)
