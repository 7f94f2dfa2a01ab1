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

from headwater.client.calls.aws_service import AwsService, CallObserver
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
"""The longest silence of a subscription: events come every few seconds, even without records."""


class PutRecordsEntry(msgspec.Struct, gc=False, rename="pascal", omit_defaults=True):
    """One record of a PutRecords request."""

    data: bytes
    partition_key: str
    explicit_hash_key: str | None = None


class PutRecordsResult(msgspec.Struct, gc=False, rename="pascal"):
    """The result of one record: shard and sequence number, or error code and message."""

    sequence_number: str | None = None
    shard_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class HashKeyRange(msgspec.Struct, rename="pascal"):
    """A range of hash keys, ends inclusive, in decimal digits."""

    starting_hash_key: str
    ending_hash_key: str


class ChildShard(msgspec.Struct, rename="pascal"):
    """A child of a closed shard."""

    shard_id: str
    parent_shards: list[str]
    hash_key_range: HashKeyRange


class SequenceNumberRange(msgspec.Struct, rename="pascal"):
    """The sequence numbers of a shard; the end is None while the shard is open."""

    starting_sequence_number: str
    ending_sequence_number: str | None = None


class ListedShard(msgspec.Struct, rename="pascal"):
    """A shard as ListShards gives it."""

    shard_id: str
    hash_key_range: HashKeyRange
    sequence_number_range: SequenceNumberRange
    parent_shard_id: str | None = None
    adjacent_parent_shard_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the shard is open: it takes records."""
        return self.sequence_number_range.ending_sequence_number is None


class RecordsPage(msgspec.Struct, rename="pascal"):
    """An answer of GetRecords; at the end of a closed shard it has child shards and no next iterator."""

    records: list[Record]
    next_iterator: str | None = msgspec.field(name="NextShardIterator", default=None)
    millis_behind_latest: int = 0
    child_shards: list[ChildShard] = []  # msgspec copies it


class SubscriptionEvent(msgspec.Struct, rename="pascal"):
    """An event of SubscribeToShard; at the end of a closed shard it has child shards and no continuation."""

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


_decode_put_records = msgspec.json.Decoder(_PutRecordsAnswer).decode
_decode_records_page = msgspec.json.Decoder(RecordsPage).decode
_decode_shards_page = msgspec.json.Decoder(_ShardsPage).decode
_decode_subscription_event = msgspec.json.Decoder(SubscriptionEvent).decode
_encode = msgspec.json.Encoder().encode


def stream_reference(stream: str) -> dict[str, str]:
    """The member of a request that names a stream: StreamName, or StreamARN for an ARN."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


class KinesisCalls:
    """The operations of Kinesis, over a service that its owner closes."""

    def __init__(self, service: AwsService) -> None:
        self.service = service

    async def put_records(
        self, stream: str, records: Sequence[PutRecordsEntry], observer: CallObserver | None = None
    ) -> list[PutRecordsResult]:
        """The results of PutRecords, in the records' order. Raises `ClientError` and MalformedAnswer."""
        by_arn = stream.startswith("arn:")
        request = _PutRecordsRequest(records, None if by_arn else stream, stream if by_arn else None)
        answer = await self.service.call_bytes("PutRecords", _encode(request), observer)
        results = _decoded(_decode_put_records, "PutRecords", answer).records
        if len(results) != len(records):
            raise MalformedAnswer(f"PutRecords of {len(records)} records has {len(results)} results")
        return results

    async def get_records(
        self, iterator: str, limit: int | None = None, stream_arn: str | None = None
    ) -> RecordsPage:
        """A page of at most `limit` records, up to 10,000. Raises `ClientError`."""
        request: dict[str, Any] = {"ShardIterator": iterator}
        if limit is not None:
            request["Limit"] = limit
        if stream_arn is not None:
            request["StreamARN"] = stream_arn
        answer = await self.service.call_bytes("GetRecords", _encode(request))
        return _decoded(_decode_records_page, "GetRecords", answer)

    async def list_shards(self, stream: str, shard_filter: dict[str, Any] | None = None) -> list[ListedShard]:
        """All shards, open and closed, or those of the filter; every page. Raises `ClientError`."""
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
        """The iterator of a shard; `timestamp_s` is in epoch seconds. Raises `ClientError`."""
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
        """The members of StreamDescriptionSummary. Raises `ClientError`."""
        answer = await self.service.call("DescribeStreamSummary", stream_reference(stream))
        summary: dict[str, Any] = answer["StreamDescriptionSummary"]
        return summary

    async def register_stream_consumer(self, stream_arn: str, name: str) -> dict[str, Any]:
        """The new consumer, which is CREATING: ConsumerARN and so on. Raises `ClientError`."""
        request = {"StreamARN": stream_arn, "ConsumerName": name}
        consumer: dict[str, Any] = (await self.service.call("RegisterStreamConsumer", request))["Consumer"]
        return consumer

    async def describe_stream_consumer(self, stream_arn: str, name: str) -> dict[str, Any]:
        """The consumer: ConsumerARN, ConsumerStatus and so on. Raises `ClientError`."""
        request = {"StreamARN": stream_arn, "ConsumerName": name}
        answer = await self.service.call("DescribeStreamConsumer", request)
        consumer: dict[str, Any] = answer["ConsumerDescription"]
        return consumer

    async def subscribe_to_shard(
        self, consumer_arn: str, shard_id: str, starting_position: dict[str, Any]
    ) -> AsyncIterator[SubscriptionEvent]:
        """The events of a subscription, until the service ends it: after five minutes at most.

        `starting_position` is the API's: Type, SequenceNumber, Timestamp in seconds. To unsubscribe,
        close the generator (`aclose`).

        Raises `ServiceError`, `ConnectionFailed` and `MalformedAnswer`.
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
    """The event of a message; None without records. Raises `ServiceError` for an exception message."""
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
