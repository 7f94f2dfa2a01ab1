"""The operations of Kinesis that a producer and a consumer call, with typed answers.

What carries many records is decoded by msgspec straight into structs, base64 included;
the rest are plain dicts in the API's names.

Rules:
- a stream is given by its name or its ARN;
- an operation with pages gives all of them;
- nothing is retried; failures are `ClientError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.errors import ConnectionFailed, MalformedAnswer, ServiceError
from headwater.client.calls.record import Record
from headwater.wire.event_stream import (
    EventStreamDecoder,
    EventStreamMessage,
    HeaderValue,
    MalformedEventStream,
)

Answer = TypeVar("Answer")

SUBSCRIPTION_SILENCE_S = 30.0
"""A subscription sends an event every few seconds, even when there are no records."""


class PutRecordsEntry(msgspec.Struct, gc=False, rename="pascal", omit_defaults=True):
    """One record of a PutRecords request."""

    data: bytes
    partition_key: str
    explicit_hash_key: str | None = None


class PutRecordsResult(msgspec.Struct, gc=False, rename="pascal"):
    """What became of one record: either where it is, or why it is not."""

    sequence_number: str | None = None
    shard_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class HashKeyRange(msgspec.Struct, rename="pascal"):
    """Ends inclusive, decimal digits."""

    starting_hash_key: str
    ending_hash_key: str


class ChildShard(msgspec.Struct, rename="pascal"):
    """A shard in which a closed one goes on."""

    shard_id: str
    parent_shards: list[str]
    hash_key_range: HashKeyRange


class SequenceNumberRange(msgspec.Struct, rename="pascal"):
    """The end is None as long as the shard is open."""

    starting_sequence_number: str
    ending_sequence_number: str | None = None


class ListedShard(msgspec.Struct, rename="pascal"):
    """One shard of a listing."""

    shard_id: str
    hash_key_range: HashKeyRange
    sequence_number_range: SequenceNumberRange
    parent_shard_id: str | None = None
    adjacent_parent_shard_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes records."""
        return self.sequence_number_range.ending_sequence_number is None


class RecordsPage(msgspec.Struct, rename="pascal"):
    """An answer of GetRecords. At the end of a closed shard there is no next iterator, but children."""

    records: list[Record]
    next_iterator: str | None = msgspec.field(name="NextShardIterator", default=None)
    millis_behind_latest: int = 0
    child_shards: list[ChildShard] = []  # msgspec copies it


class SubscriptionEvent(msgspec.Struct, rename="pascal"):
    """One event. At the end of a closed shard there is nothing to continue at, but children."""

    records: list[Record]
    continuation_sequence_number: str | None = None
    millis_behind_latest: int = 0
    child_shards: list[ChildShard] = []  # msgspec copies it


class _PutRecordsRequest(msgspec.Struct, omit_defaults=True, rename="pascal"):
    records: Sequence[PutRecordsEntry]
    stream_name: str | None = None
    stream_arn: str | None = msgspec.field(name="StreamARN", default=None)


class _PutRecordsAnswer(msgspec.Struct, rename="pascal"):
    records: list[PutRecordsResult]


class _ShardsPage(msgspec.Struct, rename="pascal"):
    shards: list[ListedShard]
    next_token: str | None = None


_encode_put_records = msgspec.json.Encoder().encode
_decode_put_records = msgspec.json.Decoder(_PutRecordsAnswer).decode
_decode_records_page = msgspec.json.Decoder(RecordsPage).decode
_decode_shards_page = msgspec.json.Decoder(_ShardsPage).decode
_decode_subscription_event = msgspec.json.Decoder(SubscriptionEvent).decode
_encode = msgspec.json.Encoder().encode


def stream_reference(stream: str) -> dict[str, str]:
    """The member that names a stream, given by its name or its ARN."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


class KinesisCalls:
    """Calls Kinesis over a service that it does not own."""

    def __init__(self, service: AwsService) -> None:
        self.service = service

    async def put_records(self, stream: str, records: Sequence[PutRecordsEntry]) -> list[PutRecordsResult]:
        """One result for each record, in their order. Raises MalformedAnswer."""
        by_arn = stream.startswith("arn:")
        request = _PutRecordsRequest(records, None if by_arn else stream, stream if by_arn else None)
        answer = await self.service.call_bytes("PutRecords", _encode_put_records(request))
        results = _decoded(_decode_put_records, "PutRecords", answer).records
        if len(results) != len(records):
            raise MalformedAnswer(f"PutRecords of {len(records)} records has {len(results)} results")
        return results

    async def get_records(
        self, iterator: str, limit: int | None = None, stream_arn: str | None = None
    ) -> RecordsPage:
        """A page of records, at most `limit`, up to 10,000."""
        request: dict[str, Any] = {"ShardIterator": iterator}
        if limit is not None:
            request["Limit"] = limit
        if stream_arn is not None:
            request["StreamARN"] = stream_arn
        answer = await self.service.call_bytes("GetRecords", _encode(request))
        return _decoded(_decode_records_page, "GetRecords", answer)

    async def list_shards(self, stream: str, shard_filter: dict[str, Any] | None = None) -> list[ListedShard]:
        """All shards, open and closed, or those that the filter lets through."""
        request: dict[str, Any] = stream_reference(stream)
        if shard_filter is not None:
            request["ShardFilter"] = shard_filter
        shards: list[ListedShard] = []
        while True:
            answer = await self.service.call_bytes("ListShards", _encode(request))
            page = _decoded(_decode_shards_page, "ListShards", answer)
            shards += page.shards
            if page.next_token is None:
                return shards
            request = {"NextToken": page.next_token}

    async def get_shard_iterator(
        self,
        stream: str,
        shard_id: str,
        iterator_type: str,
        *,
        sequence_number: str | None = None,
        timestamp_s: float | None = None,
    ) -> str:
        """`iterator_type` is the API's; `timestamp_s` since the Unix epoch."""
        request: dict[str, Any] = stream_reference(stream) | {
            "ShardId": shard_id,
            "ShardIteratorType": iterator_type,
        }
        if sequence_number is not None:
            request["StartingSequenceNumber"] = sequence_number
        if timestamp_s is not None:
            request["Timestamp"] = timestamp_s
        answer = await self.service.call("GetShardIterator", request)
        return str(answer["ShardIterator"])

    async def describe_stream_summary(self, stream: str) -> dict[str, Any]:
        """The members of StreamDescriptionSummary."""
        answer = await self.service.call("DescribeStreamSummary", stream_reference(stream))
        summary: dict[str, Any] = answer["StreamDescriptionSummary"]
        return summary

    async def register_stream_consumer(self, stream_arn: str, name: str) -> dict[str, Any]:
        """The consumer, which is CREATING: ConsumerARN, ConsumerStatus and so on."""
        request = {"StreamARN": stream_arn, "ConsumerName": name}
        consumer: dict[str, Any] = (await self.service.call("RegisterStreamConsumer", request))["Consumer"]
        return consumer

    async def describe_stream_consumer(self, stream_arn: str, name: str) -> dict[str, Any]:
        """The consumer: ConsumerARN, ConsumerStatus and so on."""
        request = {"StreamARN": stream_arn, "ConsumerName": name}
        answer = await self.service.call("DescribeStreamConsumer", request)
        consumer: dict[str, Any] = answer["ConsumerDescription"]
        return consumer

    async def subscribe_to_shard(
        self, consumer_arn: str, shard_id: str, starting_position: dict[str, Any]
    ) -> AsyncIterator[SubscriptionEvent]:
        """Events as they arrive, until the service ends the subscription, after five minutes at most.

        `starting_position` is the API's: Type, SequenceNumber, Timestamp in seconds. To unsubscribe,
        close the generator (`aclose`).

        Raises MalformedAnswer and ConnectionFailed.
        """
        request = {"ConsumerARN": consumer_arn, "ShardId": shard_id, "StartingPosition": starting_position}
        decoder = EventStreamDecoder()
        service = self.service
        async with service.call_streaming("SubscribeToShard", request, SUBSCRIPTION_SILENCE_S) as pieces:
            async for piece in pieces:
                try:
                    messages = decoder.feed(piece)
                except MalformedEventStream as error:
                    raise MalformedAnswer(f"SubscribeToShard: {error}") from None
                for message in messages:
                    event = _event_of(message)
                    if event is not None:
                        yield event
        if not decoder.is_between_messages:
            raise ConnectionFailed("a subscription broke off within an event")


def _event_of(message: EventStreamMessage) -> SubscriptionEvent | None:
    """None for a message that carries no records. Raises `ServiceError` for the one that ends the stream."""
    kind = message.headers.get(":message-type")
    if kind == "event":
        if message.headers.get(":event-type") == "SubscribeToShardEvent":
            return _decoded(_decode_subscription_event, "SubscribeToShard", message.payload)
        return None
    if kind == "exception":
        raise _streamed_error(message.headers.get(":exception-type"), message.payload)
    raise ServiceError(
        str(message.headers.get(":error-code", "InternalFailure")),
        str(message.headers.get(":error-message", "")),
        500,
    )


def _streamed_error(name: HeaderValue | None, payload: bytes) -> ServiceError:
    try:
        members = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError:
        members = {}
    text = members.get("message") or members.get("Message") or ""
    return ServiceError(str(name or "InternalFailure"), str(text), 400, members)


def _decoded(decode: Callable[[bytes], Answer], operation: str, answer: bytes) -> Answer:
    try:
        return decode(answer)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MalformedAnswer(f"the answer of {operation} cannot be read: {error}") from None
