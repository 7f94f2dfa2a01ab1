"""The operations of the Firehose API: each takes the caller and the checked members, and gives a document.

Refuses to know HTTP, and how records are delivered.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

import msgspec

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.delivery.firehose.delivery_stream import (
    DESTINATION_ID,
    DeliveryStream,
    DeliveryStreamId,
    Encryption,
    description,
)
from headwater.delivery.firehose.destinations import (
    CheckedDestination,
    destination_in,
    updated_destination,
)
from headwater.delivery.firehose.errors import (
    ConcurrentModification,
    DeliveryStreamInUse,
    DeliveryStreamNotFound,
    InvalidArgument,
    InvalidKmsResource,
    LimitExceeded,
    NotOffered,
    PutsUnavailable,
)
from headwater.delivery.firehose.put_rates import PutRates
from headwater.delivery.firehose.put_requests import PutBatchMembers, PutMembers
from headwater.delivery.firehose.store import DeliveryStreamStore, not_found
from headwater.engine.encryption_key import KeyState
from headwater.engine.engine import Engine
from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.server.asyncio_bridge import finished

DELIVERY_STREAMS_MAX = 5_000
TAGS_MAX = 50
BATCH_BYTES_MAX = 4 * 1024 * 1024
LISTED_DEFAULT = 10
SLOW_DOWN = "Slow down."
TAGS_LISTED_DEFAULT = 50
OTHER_SOURCES = {"MSKAsSource": "Amazon MSK", "DatabaseAsSource": "a database"}
USABLE: tuple[KeyState | None, ...] = (None, "Usable")

Document = dict[str, Any]
Handler: TypeAlias = Callable[[Caller, Any], Coroutine[Any, Any, Document]]
"""Takes the caller and the members of a request; gives the answer's document."""


class Deliveries(Protocol):
    """What delivers the records of delivery streams."""

    async def beginning(self, stream: DeliveryStream) -> DeliveryProgress | None:
        """Where a new delivery stream begins in the stream that it reads; `None` without one."""

    def follow(self, key: DeliveryStreamId) -> None:
        """Look at a delivery stream anew: it is there, has changed, or is gone."""


class FirehoseOperations:
    """All operations of one server."""

    def __init__(
        self,
        engine: Engine,
        store: DeliveryStreamStore,
        deliveries: Deliveries,
        check_expressions: Callable[[CheckedDestination], None],
        count: Callable[[DeliveryStream, Mapping[str, float]], None],
    ) -> None:
        """`check_expressions` raises `InvalidArgument` for what only a library can find wrong.

        `count` takes values of a delivery stream's metrics.
        """
        self._engine = engine
        self._store = store
        self._deliveries = deliveries
        self._check_expressions = check_expressions
        self._count = count
        self._rates = PutRates()

    def handlers(self) -> dict[str, Handler]:
        """The operations by name."""
        return {
            "CreateDeliveryStream": self._create,
            "DeleteDeliveryStream": self._delete,
            "DescribeDeliveryStream": self._describe,
            "ListDeliveryStreams": self._list,
            "ListTagsForDeliveryStream": self._list_tags,
            "PutRecord": self._put_record,
            "PutRecordBatch": self._put_record_batch,
            "StartDeliveryStreamEncryption": self._start_encryption,
            "StopDeliveryStreamEncryption": self._stop_encryption,
            "TagDeliveryStream": self._tag,
            "UntagDeliveryStream": self._untag,
            "UpdateDestination": self._update,
        }

    async def _create(self, caller: Caller, request: Document) -> Document:
        key = _id(caller, request)
        destination = destination_in(request)
        self._check_expressions(destination)
        taken = [stream for stream in self._store.streams() if stream.id[:2] == caller]
        if len(taken) >= DELIVERY_STREAMS_MAX:
            names = ", ".join(stream.name for stream in taken)
            raise LimitExceeded(
                f"You have already consumed your firehose quota of {DELIVERY_STREAMS_MAX} hoses. "
                f"Firehose names: [{names}]"
            )
        stream = DeliveryStream(
            **key._asdict(),
            **await self._source(request),
            due_ms=self._engine.now_ms() + self._engine.settings.transition_ms,
            created_ms=self._engine.now_ms(),
            destination_type=destination.type,
            destination=destination.document,
            encryption=self._encryption(caller, request),
            tags=_checked_tags({}, request.get("Tags") or ()),
        )
        await self._store.add(stream, await self._deliveries.beginning(stream))
        self._deliveries.follow(key)
        return {"DeliveryStreamARN": stream.arn}

    async def _source(self, request: Document) -> Document:
        """The fields of the source that a request asks for."""
        kind = request.get("DeliveryStreamType", "DirectPut")
        if kind in OTHER_SOURCES:
            raise NotOffered(
                f"Headwater does not read {OTHER_SOURCES[kind]} ({kind}): sources are direct puts and "
                "streams."
            )
        config = request.get("KinesisStreamSourceConfiguration")
        if kind == "DirectPut":
            if config is not None:
                raise InvalidArgument(
                    "KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type"
                )
            hint = (request.get("DirectPutSourceConfiguration") or {}).get("ThroughputHintInMBs")
            return {
                "source_type": kind,
                "log_id": self._engine.new_log_id(),
                "throughput_hint_mbs": hint,
            }
        if config is None:
            raise InvalidArgument(
                "KinesisStreamSourceConfiguration must be specified for KinesisStreamAsSource stream type"
            )
        arn = config["KinesisStreamARN"]
        name = parse_stream_arn(arn)
        try:
            if name is None:
                raise InvalidArgument(f"{arn} is not the ARN of a stream")
            await finished(self._engine.serving(name))
        except KinesisError as error:
            raise DeliveryStreamNotFound(error.message or "") from error
        return {"source_type": kind, "stream_arn": arn, "role_arn": config["RoleARN"]}

    def _encryption(self, caller: Caller, request: Document) -> Encryption | None:
        asked = request.get("DeliveryStreamEncryptionConfigurationInput")
        if asked is None:
            return None
        if request.get("DeliveryStreamType", "DirectPut") != "DirectPut":
            raise InvalidArgument(
                "Server-side encryption can only be enabled for delivery streams with DirectPut as the "
                "source."
            )
        arn = asked.get("KeyARN")
        if asked["KeyType"] == "AWS_OWNED_CMK":
            if arn is not None:
                raise InvalidArgument("KeyARN must not be specified when KeyType is AWS_OWNED_CMK.")
            return Encryption("AWS_OWNED_CMK")
        if arn is None:
            raise InvalidArgument("KeyARN must be specified when KeyType is CUSTOMER_MANAGED_CMK.")
        keys = self._engine.key_directory
        state = None if keys is None else keys.key_state(caller, arn)
        if state not in USABLE:
            raise InvalidKmsResource(f"The key {arn} cannot be used: {state}")
        return Encryption("CUSTOMER_MANAGED_CMK", arn)

    async def _describe(self, caller: Caller, request: Document) -> Document:
        shown = description(self._found(caller, request))
        if request.get("ExclusiveStartDestinationId", "") >= DESTINATION_ID:
            shown["Destinations"] = []
        return {"DeliveryStreamDescription": shown}

    async def _list(self, caller: Caller, request: Document) -> Document:
        kind, after = request.get("DeliveryStreamType"), request.get("ExclusiveStartDeliveryStreamName", "")
        names = [
            stream.name
            for stream in self._store.streams()
            if stream.id[:2] == caller and stream.name > after and kind in (None, stream.source_type)
        ]
        limit = request.get("Limit", LISTED_DEFAULT)
        return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}

    async def _delete(self, caller: Caller, request: Document) -> Document:
        due_ms = self._engine.now_ms() + self._engine.settings.transition_ms

        def delete(stream: DeliveryStream) -> DeliveryStream:
            if stream.state == "CREATING":
                raise DeliveryStreamInUse(
                    f"Firehose {stream.name} under accountId {stream.account_id} is in CREATING state "
                    "and cannot be deleted."
                )
            if stream.state == "DELETING":
                return stream
            return msgspec.structs.replace(stream, state="DELETING", due_ms=due_ms)

        await self._revise(caller, request, delete)
        return {}

    async def _update(self, caller: Caller, request: Document) -> Document:
        def update(stream: DeliveryStream) -> DeliveryStream:
            _require_active(stream)
            known, current = request["CurrentDeliveryStreamVersionId"], str(stream.version)
            if known != current:
                raise ConcurrentModification(
                    f"Cannot update firehose: {stream.name} since the current version id: {current} "
                    f"and specified version id: {known} do not match"
                )
            if request["DestinationId"] != DESTINATION_ID:
                raise InvalidArgument(f"Destination Id {request['DestinationId']} not found")
            before = CheckedDestination(stream.destination_type, stream.destination)
            after = updated_destination(before, request)
            self._check_expressions(after)
            return msgspec.structs.replace(
                stream,
                destination_type=after.type,
                destination=after.document,
                version=stream.version + 1,
                updated_ms=self._engine.now_ms(),
            )

        await self._revise(caller, request, update)
        return {}

    async def _start_encryption(self, caller: Caller, request: Document) -> Document:
        configuration = {
            "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"},
            **request,
        }

        def start(stream: DeliveryStream) -> DeliveryStream:
            _require_active(stream)
            asked = configuration | {"DeliveryStreamType": stream.source_type}
            return msgspec.structs.replace(stream, encryption=self._encryption(caller, asked))

        await self._revise(caller, request, start)
        return {}

    async def _stop_encryption(self, caller: Caller, request: Document) -> Document:
        def stop(stream: DeliveryStream) -> DeliveryStream:
            _require_active(stream)
            return msgspec.structs.replace(stream, encryption=None)

        await self._revise(caller, request, stop)
        return {}

    async def _tag(self, caller: Caller, request: Document) -> Document:
        def tag(stream: DeliveryStream) -> DeliveryStream:
            return msgspec.structs.replace(stream, tags=_checked_tags(stream.tags, request["Tags"]))

        await self._revise(caller, request, tag)
        return {}

    async def _untag(self, caller: Caller, request: Document) -> Document:
        def untag(stream: DeliveryStream) -> DeliveryStream:
            kept = {key: value for key, value in stream.tags.items() if key not in request["TagKeys"]}
            return msgspec.structs.replace(stream, tags=kept)

        await self._revise(caller, request, untag)
        return {}

    async def _list_tags(self, caller: Caller, request: Document) -> Document:
        tags = self._found(caller, request).tags
        keys = [key for key in sorted(tags) if key > request.get("ExclusiveStartTagKey", "")]
        limit = request.get("Limit", TAGS_LISTED_DEFAULT)
        page = [{"Key": key, "Value": tags[key]} for key in keys[:limit]]
        return {"Tags": page, "HasMoreTags": len(keys) > limit}

    async def _put_record(self, caller: Caller, request: PutMembers) -> Document:
        stream, began_s = self._writable(caller, request.name), self._engine.stopwatch()
        if not all(self._taken(stream, [request.record.data])):
            self._count(stream, {"ThrottledRecords": 1})
            raise PutsUnavailable(SLOW_DOWN)
        position = await self._store.put(stream, [request.record.data])
        self._count_put(stream, "PutRecord", [request.record.data], began_s)
        return {"RecordId": self._record_id(stream, position), "Encrypted": stream.is_encrypted}

    async def _put_record_batch(self, caller: Caller, request: PutBatchMembers) -> Document:
        stream, began_s = self._writable(caller, request.name), self._engine.stopwatch()
        datas = [record.data for record in request.records]
        if sum(map(len, datas)) > BATCH_BYTES_MAX:
            raise InvalidArgument("Records size exceeds 4 MB limit")
        taken = self._taken(stream, datas)
        if not all(taken):
            self._count(stream, {"ThrottledRecords": taken.count(False)})
        places: Iterator[dict[str, str]] = iter(())
        refused = _failed(PutsUnavailable(SLOW_DOWN))
        if any(taken):
            kept = [data for data, is_taken in zip(datas, taken, strict=True) if is_taken]
            try:
                first = await self._store.put(stream, kept)
                self._count_put(stream, "PutRecordBatch", kept, began_s)
                places = ({"RecordId": self._record_id(stream, first + at)} for at in range(len(kept)))
            except PutsUnavailable as error:
                refused, taken = _failed(error), [False] * len(datas)
        responses = [next(places) if is_taken else refused for is_taken in taken]
        return {
            "FailedPutCount": len(taken) - sum(taken),
            "Encrypted": stream.is_encrypted,
            "RequestResponses": responses,
        }

    def _count_put(
        self, stream: DeliveryStream, operation: str, datas: Sequence[bytes], began_s: float
    ) -> None:
        """Count a request whose records are stored."""
        size = sum(map(len, datas))
        figures = {
            "IncomingBytes": size,
            "IncomingRecords": len(datas),
            "IncomingPutRequests": 1,
            f"{operation}.Bytes": size,
            f"{operation}.Latency": (self._engine.stopwatch() - began_s) * 1000,
            f"{operation}.Requests": 1,
        }
        if operation == "PutRecordBatch":
            figures["PutRecordBatch.Records"] = len(datas)
        self._count(stream, figures)

    def _taken(self, stream: DeliveryStream, datas: Sequence[bytes]) -> list[bool]:
        """Which records are within the rates, if there are any."""
        if not self._engine.settings.enforce_limits:
            return [True] * len(datas)
        return self._rates.taken(stream, [len(data) for data in datas], self._engine.now_ms())

    def _writable(self, caller: Caller, name: str) -> DeliveryStream:
        stream = self._found(caller, {"DeliveryStreamName": name})
        if stream.log_id is None:
            raise InvalidArgument(
                "This operation is not permitted on KinesisStreamAsSource delivery stream type."
            )
        if stream.state != "ACTIVE":
            raise DeliveryStreamNotFound(not_found(stream.id))
        return stream

    def _record_id(self, stream: DeliveryStream, position: int) -> str:
        """An id that no other record has, told by where the record is."""
        place = f"{stream.arn}/{stream.log_id}/{position}".encode()
        return urlsafe_b64encode(blake2b(place).digest()).decode()

    def _found(self, caller: Caller, request: Mapping[str, Any]) -> DeliveryStream:
        key = _id(caller, request)
        stream = self._store.find(key)
        if stream is None:
            raise DeliveryStreamNotFound(not_found(key))
        return stream

    async def _revise(
        self, caller: Caller, request: Document, change: Callable[[DeliveryStream], DeliveryStream]
    ) -> None:
        key = _id(caller, request)
        await self._store.revise(key, change)
        self._deliveries.follow(key)


def _id(caller: Caller, request: Mapping[str, Any]) -> DeliveryStreamId:
    return DeliveryStreamId(*caller, request["DeliveryStreamName"])


def _require_active(stream: DeliveryStream) -> None:
    if stream.state != "ACTIVE":
        raise DeliveryStreamInUse(
            f"Firehose {stream.name} under accountId {stream.account_id} is not in ACTIVE state: "
            f"it is {stream.state}"
        )


def _checked_tags(before: Mapping[str, str], tags: Sequence[Document]) -> dict[str, str]:
    after = {**before, **{tag["Key"]: tag.get("Value", "") for tag in tags}}
    if len(after) > TAGS_MAX:
        raise LimitExceeded(f"A delivery stream can have at most {TAGS_MAX} tags.")
    return after


def _failed(error: PutsUnavailable) -> dict[str, str]:
    return {"ErrorCode": error.code, "ErrorMessage": error.message}
