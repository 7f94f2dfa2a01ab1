"""A batch of a delivery stream: gathered records, worked out into objects and requests, and these delivered.

Rules:
- the processors work once for a batch, however often its delivery is tried;
- names and ids are derived from the batch's number: the same batch, made again after a kill, writes over its
  objects and is the same request;
- what is delivered is not delivered again when the rest is tried again.

Refuses to know how records are read, and how far the delivery is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.firehose import deaggregation, partition_keys
from headwater.delivery.firehose.conversion import TableColumn, columns_of, converted
from headwater.delivery.firehose.conversion_settings import LATEST, ConversionSettings
from headwater.delivery.firehose.endpoint import (
    EndpointAnswer,
    EndpointRefusal,
    EndpointRequest,
    EndpointSettings,
    refusal,
    request_for,
)
from headwater.delivery.firehose.items import ENDPOINT_FAILED, FailedItem, Item, failure
from headwater.delivery.firehose.object_names import NameContext
from headwater.delivery.firehose.processing import LambdaProcessor
from headwater.delivery.firehose.recipes import ObjectTarget, Recipe
from headwater.delivery.firehose.transformation import (
    FunctionEventSource,
    InvokeFunction,
    Said,
    Transformation,
)
from headwater.delivery.results import BatchResult, object_place
from headwater.delivery.source import RecordOrigin, SourcePage
from headwater.model.caller import Caller
from headwater.model.record import Record
from headwater.wire.aggregated_record import deaggregate, is_framed

Output = Callable[[], Awaitable[None]]
"""Delivers one part of a batch. Raises `DeliveryFailed`, and is called again then."""

CONVERSION = "DataFormatConversion."
"""What the codes of its errors begin with."""

_encode = msgspec.json.Encoder().encode

TO_S3, BACKUP, TO_ENDPOINT = "DeliveryToS3", "BackupToS3", "DeliveryToHttpEndpoint"
"""What metrics of destinations begin with."""


class CountedObject(NamedTuple):
    """What is counted of an object."""

    destination: str
    records: int
    oldest_ms: int
    """When the first of them arrived."""


class CountedStep(NamedTuple):
    """The metrics of a step that records go through."""

    records_done: str
    bytes_done: str
    records_failed: str
    bytes_failed: str


DECOMPRESSION = CountedStep(
    "OutputDecompressedRecords.Success",
    "OutputDecompressedBytes.Success",
    "OutputDecompressedRecords.Failed",
    "OutputDecompressedBytes.Failed",
)
CONVERSION_STEP = CountedStep(
    "SucceedConversion.Records",
    "SucceedConversion.Bytes",
    "FailedConversion.Records",
    "FailedConversion.Bytes",
)


class NoteError(Protocol):
    """Tells of an error in a delivery: code and message, and the function if it was one's."""

    def __call__(self, code: str, message: str, processor: str | None = None) -> None:
        """Tell it."""


@dataclass(frozen=True)
class StreamBatchContext:
    """What the batches of one delivery stream work with."""

    delivery: DeliveryContext
    invoke: InvokeFunction
    pause: Callable[[int], Awaitable[None]]
    """Waits before an attempt, of which it is given the number."""
    send: Callable[[EndpointRequest], Awaitable[EndpointAnswer | EndpointRefusal]]
    """Asks an endpoint."""
    note_error: NoteError
    count: Callable[[Mapping[str, float]], None]
    """Counts values of the delivery stream's metrics."""


class DerivedUuids:
    """UUIDs, one after another, that are the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def __call__(self) -> str:
        """The next one."""
        self._count += 1
        digest = blake2b(f"{self._seed}/{self._count}".encode(), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))


class StreamBatch:
    """A `Batch` of a delivery stream."""

    def __init__(self, context: StreamBatchContext, recipe: Callable[[], Recipe]) -> None:
        """`recipe` gives the present one: that of the first record is the batch's."""
        self._context = context
        self._recipe_now = recipe
        self._recipe = recipe()
        self._pages: list[SourcePage] = []
        self._outputs: list[Output] | None = None
        """What is left to deliver; `None`: it is not worked out yet."""
        self.result = BatchResult()
        self.records = 0
        """How many were added."""
        self.size = 0
        """The bytes of their data."""

    def add(self, page: SourcePage) -> None:
        """Gather records."""
        if not self._pages:
            self._recipe = self._recipe_now()
        self._pages.append(page)
        size = sum(map(len, page.datas))
        self.records += len(page)
        self.size += size
        if page.shard_id:
            self._context.count(
                {
                    "DataReadFromKinesisStream.Records": len(page),
                    "DataReadFromKinesisStream.Bytes": size,
                    "KinesisMillisBehindLatest": page.behind_ms,
                }
            )

    async def deliver(self, plan: BatchPlan) -> None:
        """Deliver all of it. Raises `DeliveryFailed`, for a fault of its own as well."""
        try:
            await self._deliver_outputs(plan)
        except DeliveryFailed:
            raise
        except Exception as error:
            raise DeliveryFailed("InternalError", f"{type(error).__name__}: {error}") from error
        try:
            await self._context.delivery.services.keep()
        except OSError as error:
            raise DeliveryFailed("NotKept", f"The neighbours cannot be kept: {error}") from error

    async def _deliver_outputs(self, plan: BatchPlan) -> None:
        if self._outputs is None:
            self._outputs = await self._worked_out(plan)
        while self._outputs:
            await self._outputs[0]()
            self._outputs.pop(0)

    # Working out

    async def _worked_out(self, plan: BatchPlan) -> list[Output]:
        """What is to be delivered. Raises `DeliveryFailed`."""
        recipe, outputs = self._recipe, list[Output]()
        if recipe.backup is not None:
            datas = [data for page in self._pages for data in page.datas]
            name = self._naming(plan, "backup")
            backup = CountedObject(BACKUP, len(datas), self._oldest_ms())
            outputs.append(self._object(recipe.backup, name(backup.oldest_ms), _joined(datas, None), backup))
        if recipe.is_plain:
            datas = [data for page in self._pages for data in _plain_data(page)]
            if datas:
                name = self._naming(plan, "records")
                parts = _joined(datas, recipe.processing.delimiter)
                written = CountedObject(TO_S3, len(datas), self._oldest_ms())
                outputs.append(self._object(recipe.target, name(written.oldest_ms), parts, written))
            return outputs
        return outputs + await self._processed(plan)

    def _oldest_ms(self) -> int:
        return min(page.first_arrival_ms for page in self._pages)

    async def _processed(self, plan: BatchPlan) -> list[Output]:
        """The same of records that the processors work at."""
        recipe, now_ms = self._recipe, self._context.delivery.engine.now_ms()
        in_thread = self._context.delivery.in_thread
        items, failed = await in_thread(partial(_opened, recipe, self._items(), now_ms))
        if recipe.processing.decompresses:
            size = sum(len(item.data) for item in items)
            self._count_step(DECOMPRESSION, len(items), size, failed)
        if recipe.processing.transformation is not None:
            items, more = await self._transformed(recipe.processing.transformation, items, plan)
            failed += more
        if recipe.is_partitioned:
            find = partial(
                partition_keys.with_keys,
                items,
                recipe.program,
                recipe.names_from_query,
                recipe.names_from_lambda,
                now_ms,
            )
            began_s = self._context.delivery.engine.stopwatch()
            items, more = await in_thread(find)
            failed += more
            if recipe.program is not None:
                took_s = self._context.delivery.engine.stopwatch() - began_s
                self._context.count({"JQProcessing.Duration": took_s * 1000})
        if recipe.endpoint is not None:
            outputs = self._requests(recipe.endpoint, items, plan)
        else:
            outputs, more = await self._objects(items, plan, now_ms)
            failed += more
        return outputs + self._failures(failed, plan)

    def _items(self) -> list[Item]:
        return [
            item
            for page in self._pages
            for record, origin in zip(page.records, page.origins(), strict=True)
            for item in _items_of(record, origin)
        ]

    async def _transformed(
        self, processor: LambdaProcessor, items: list[Item], plan: BatchPlan
    ) -> tuple[list[Item], list[FailedItem]]:
        stream, context = self._recipe.stream, self._context
        transformation = Transformation(
            processor,
            FunctionEventSource(stream.arn, stream.region, stream.stream_arn),
            self._invoke,
            context.pause,
            context.delivery.engine.now_ms,
        )
        done, failed, errors = await transformation.transformed(items, self._uuids(plan, "invocation"))
        size = sum(len(item.data) for item in done)
        context.count({"SucceedProcessing.Records": len(done), "SucceedProcessing.Bytes": size})
        for code, message in errors:
            context.note_error(code, message, processor.arn)
        return done, failed

    async def _invoke(self, function: str, payload: bytes) -> Said:
        """What the function says; counted."""
        stopwatch = self._context.delivery.engine.stopwatch
        began_s = stopwatch()
        said = await self._context.invoke(function, payload)
        duration_ms = (stopwatch() - began_s) * 1000
        self._context.count(
            {"ExecuteProcessing.Duration": duration_ms, "ExecuteProcessing.Success": int(said.error is None)}
        )
        return said

    # Objects

    async def _objects(
        self, items: list[Item], plan: BatchPlan, now_ms: int
    ) -> tuple[list[Output], list[FailedItem]]:
        recipe, outputs, failed = self._recipe, list[Output](), list[FailedItem]()
        columns = [] if recipe.conversion is None else await self._columns(recipe.conversion)
        groups = partition_keys.groups(items)
        if recipe.is_partitioned:
            self._context.count({"PartitionCount": len(groups)})
        for group in groups:
            if recipe.conversion is None:
                parts = _joined([item.data for item in group], recipe.processing.delimiter)
            else:
                convert = partial(converted, group, columns, recipe.conversion, now_ms)
                body, more = await self._context.delivery.in_thread(convert)
                failed += more
                size = sum(len(item.data) for item in group) - sum(each.size for each in more)
                self._count_step(CONVERSION_STEP, len(group) - len(more), size, more)
                parts = [body] if body else []
            if not parts:
                continue
            first = group[0]
            keys = [*first.keys_from_query.items(), *first.keys_from_lambda.items()]
            name = self._naming(plan, f"records/{keys}", first)
            written = CountedObject(TO_S3, len(group), min(item.arrival_ms for item in group))
            outputs.append(self._object(recipe.target, name(written.oldest_ms), parts, written))
        return outputs, failed

    async def _columns(self, settings: ConversionSettings) -> list[TableColumn]:
        """The columns of the table, as of now. Raises `DeliveryFailed`."""
        try:
            return columns_of(await self._table(settings))
        except DeliveryFailed as error:
            code = error.code.removeprefix(CONVERSION)
            raise DeliveryFailed(f"{CONVERSION}{code}", error.message) from error

    async def _table(self, settings: ConversionSettings) -> dict[str, Any]:
        """The table as Glue describes it. Raises `DeliveryFailed`."""
        table = settings.table
        members = {"CatalogId": table.catalog_id, "DatabaseName": table.database}
        caller = Caller(self._recipe.stream.account_id, table.region)
        call = self._context.delivery.services.call_json
        if table.version_id == LATEST:
            answer = await call(caller, "glue", "AWSGlue.GetTable", {**members, "Name": table.table})
            return dict(answer["Table"])
        asked = {**members, "TableName": table.table, "VersionId": table.version_id}
        answer = await call(caller, "glue", "AWSGlue.GetTableVersion", asked)
        return dict(answer["TableVersion"]["Table"])

    def _uuids(self, plan: BatchPlan, what: str) -> DerivedUuids:
        stream = self._recipe.stream
        return DerivedUuids(f"{stream.arn}/{stream.created_ms}/{plan.number}/{what}")

    def _naming(self, plan: BatchPlan, what: str, item: Item | None = None) -> Callable[[int], NameContext]:
        """What a name is made of, given the arrival of the oldest record."""
        new_uuid = self._uuids(plan, what)

        def context(arrival_ms: int) -> NameContext:
            if item is None:
                return NameContext(arrival_ms, new_uuid)
            return NameContext(
                arrival_ms,
                new_uuid,
                keys_from_query=item.keys_from_query,
                keys_from_lambda=item.keys_from_lambda,
            )

        return context

    def _object(
        self, target: ObjectTarget, name: NameContext, parts: Sequence[bytes], written: CountedObject
    ) -> Output:
        return partial(self._put, target, target.naming.name(name), parts, written)

    async def _put(
        self, target: ObjectTarget, key: str, parts: Sequence[bytes], written: CountedObject
    ) -> None:
        """Write an object, and count it. Raises `DeliveryFailed`."""
        delivery, stream = self._context.delivery, self._recipe.stream
        body = await delivery.in_thread(partial(target.compression.compress, parts))
        caller = Caller(stream.account_id, stream.region)
        try:
            await delivery.objects.put(caller, target.bucket, key, body, target.options)
        except DeliveryFailed:
            self._count_delivery(written.destination, written.oldest_ms, {"Success": 0})
            raise
        if target is not self._recipe.backup:
            self.result.place = object_place(target.bucket.name, key)
        figures = {"Success": 1, "Bytes": len(body), "Records": written.records}
        if self._recipe.is_partitioned and written.destination == TO_S3:
            figures["ObjectCount"] = 1
        self._count_delivery(written.destination, written.oldest_ms, figures)

    # Metrics

    def _count_delivery(self, destination: str, oldest_ms: int, figures: Mapping[str, float]) -> None:
        """Count an attempt to deliver."""
        age_s = max(0, self._context.delivery.engine.now_ms() - oldest_ms) / 1000
        named = {f"{destination}.{name}": figure for name, figure in figures.items()}
        self._context.count({f"{destination}.DataFreshness": age_s, **named})

    def _count_step(self, step: CountedStep, records: int, size: int, failed: Sequence[FailedItem]) -> None:
        """Count what a step has made of records."""
        failed_size = sum(each.size for each in failed)
        self._context.count(
            {
                step.records_done: records,
                step.bytes_done: size,
                step.records_failed: len(failed),
                step.bytes_failed: failed_size,
            }
        )

    def _failures(self, failed: Sequence[FailedItem], plan: BatchPlan) -> list[Output]:
        """An object for each kind of failure: a document in each line."""
        kinds = groupby(sorted(failed, key=lambda each: each.kind), lambda each: each.kind)
        return [self._failure_object(kind, list(those), plan) for kind, those in kinds]

    def _failure_object(self, kind: str, failed: Sequence[FailedItem], plan: BatchPlan) -> Output:
        target = self._recipe.target
        oldest_ms = min(each.arrival_ms for each in failed)
        name = self._naming(plan, kind)(oldest_ms)._replace(error_type=kind)
        lines = b"".join(_encode(each.document) + b"\n" for each in failed)
        return partial(self._put_failures, target, target.naming.error_name(name), lines, len(failed))

    async def _put_failures(self, target: ObjectTarget, key: str, lines: bytes, count: int) -> None:
        """Write an object of so many failures. Raises `DeliveryFailed`."""
        stream, options = self._recipe.stream, target.options._replace(content_encoding=None)
        caller = Caller(stream.account_id, stream.region)
        await self._context.delivery.objects.put(caller, target.bucket, key, lines, options)
        self.result.set_aside += count
        self.result.set_aside_place = object_place(target.bucket.name, key)

    # Endpoints

    def _requests(self, settings: EndpointSettings, items: Sequence[Item], plan: BatchPlan) -> list[Output]:
        if not items:
            return []
        delimiter = self._recipe.processing.delimiter or b""
        request_id = self._uuids(plan, "request")()
        now_ms = self._context.delivery.engine.now_ms()
        datas = [item.data + delimiter for item in items]
        return [partial(self._ask, settings, request_for(settings, datas, request_id, now_ms), items, plan)]

    async def _ask(
        self, settings: EndpointSettings, request: EndpointRequest, items: Sequence[Item], plan: BatchPlan
    ) -> None:
        """Have an endpoint take a request; what it does not take goes to the bucket."""
        context, engine = self._context, self._context.delivery.engine
        deadline_ms, attempts = engine.now_ms() + settings.retry_ms, 0
        size, oldest_ms = sum(len(item.data) for item in items), min(item.arrival_ms for item in items)
        tried = {"ProcessedRecords": len(items), "ProcessedBytes": size}
        while True:
            attempts += 1
            said = await context.send(request)
            refused = said if isinstance(said, EndpointRefusal) else refusal(request.id, said)
            if refused is None:
                self.result.place = settings.url
                taken = {"Success": 1, "Records": len(items), "Bytes": size}
                self._count_delivery(TO_ENDPOINT, oldest_ms, tried | taken)
                return
            self._count_delivery(TO_ENDPOINT, oldest_ms, tried | {"Success": 0})
            context.note_error(refused.code, refused.message)
            if refused.is_final or engine.now_ms() >= deadline_ms:
                break
            await context.pause(attempts)
        assert self._outputs is not None
        now_ms = engine.now_ms()
        failed = [
            failure(item, ENDPOINT_FAILED, refused.code, refused.message, attempts=attempts, now_ms=now_ms)
            for item in items
        ]
        self._outputs[1:1] = self._failures(failed, plan)


def _opened(recipe: Recipe, items: list[Item], now_ms: int) -> tuple[list[Item], list[FailedItem]]:
    """The items with what was in them, taken apart. In a thread."""
    processing, failed = recipe.processing, list[FailedItem]()
    if processing.decompresses:
        items, failed = deaggregation.decompressed(items, now_ms)
    if processing.extracts_messages:
        items = deaggregation.messages(items)
    if processing.deaggregation is not None:
        items = deaggregation.deaggregated(items, processing.deaggregation)
    return items, failed


def _joined(datas: list[bytes], delimiter: bytes | None) -> list[bytes]:
    if not delimiter:
        return datas
    return [delimiter.join([*datas, b""])] if datas else []


def _plain_data(page: SourcePage) -> list[bytes]:
    """The data of a page's records; aggregates of the Kinesis Producer Library are several."""
    if not page.shard_id:
        return page.datas
    return [data for framed in page.datas for data in _user_data(framed)]


def _user_data(data: bytes) -> list[bytes]:
    found = deaggregate(data) if is_framed(data) else None
    return [data] if found is None else [record.data for record in found]


def _items_of(record: Record, origin: RecordOrigin) -> list[Item]:
    """The items of a record: one, or those of an aggregate."""
    shard_id, number, arrival_ms = origin
    found = deaggregate(record.data) if shard_id and is_framed(record.data) else None
    sequence_number = number if shard_id else ""
    if found is None:
        key = record.partition_key or ""
        return [
            Item(record.data, f"{number}000000", arrival_ms, shard_id, sequence_number, 0, key, record.data)
        ]
    return [
        Item(
            each.data,
            f"{number}{at:06d}",
            arrival_ms,
            shard_id,
            sequence_number,
            at,
            each.partition_key,
            each.data,
        )
        for at, each in enumerate(found)
    ]
