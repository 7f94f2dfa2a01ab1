"""Transformation by a function: the event that it gets, and what its answer makes of the records.

Rules, of the developer guide ("data transformation", "failure handling"):
- a function gets records up to its buffer's size, and answers for each: Ok, Dropped or ProcessingFailed;
- an invocation that fails is tried again, so many times; then, as when the answer is not of the
  documented form, every record of it has failed;
- an event has at most 6 MB, in base64.

Refuses to know functions: it is given what invokes them.
"""

from __future__ import annotations

import binascii
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from pybase64 import b64decode, b64encode_as_string

from headwater.delivery.firehose.items import PROCESSING_FAILED, FailedItem, Item, failure
from headwater.delivery.firehose.processing import LambdaProcessor

OK, DROPPED, FAILED = "Ok", "Dropped", "ProcessingFailed"
EVENT_BYTES_MAX = 6 * 1024 * 1024
ENVELOPE_BYTES = 400
"""About what a record has in an event beside its data."""

FUNCTION_ERROR = (
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
)
NOT_PARSED = (
    "Lambda.JsonProcessingException",
    (
        "There was an error parsing returned records from the Lambda function. Ensure that the returned "
        "records follow the status model required by Firehose."
    ),
)
DUPLICATED = (
    "Lambda.DuplicatedRecordId",
    (
        "Multiple records were returned with the same record ID. Ensure that the Lambda function returns "
        "unique record IDs for each record."
    ),
)
MISSING = (
    "Lambda.MissingRecordId",
    (
        "One or more record IDs were not returned. Ensure that the Lambda function returns all received "
        "record IDs."
    ),
)
STATUS_FAILED = ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")


class Said(NamedTuple):
    """What came of an invocation."""

    payload: bytes
    error: tuple[str, str] | None
    """Code and message; `None` when the function succeeded."""


InvokeFunction = Callable[[str, bytes], Awaitable[Said]]
"""Takes a function's ARN and its event."""


class FunctionEventSource(NamedTuple):
    """The delivery stream, as functions see it."""

    delivery_stream_arn: str
    region: str
    stream_arn: str | None


class _Returned(msgspec.Struct):
    """A record of a function's answer."""

    record_id: str = msgspec.field(name="recordId")
    result: str
    data: str | None = None
    metadata: dict[str, Any] | None = None


class _FunctionAnswer(msgspec.Struct):
    records: list[_Returned]


_answers = msgspec.json.Decoder(_FunctionAnswer)


class AnswerRefused(Exception):
    """A function's answer is not of the documented form."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def event(source: FunctionEventSource, items: Sequence[Item], invocation_id: str) -> bytes:
    """The event of an invocation."""
    document: dict[str, Any] = {"invocationId": invocation_id}
    if source.stream_arn is not None:
        document["sourceKinesisStreamArn"] = source.stream_arn
    document |= {
        "deliveryStreamArn": source.delivery_stream_arn,
        "region": source.region,
        "records": [_event_record(item) for item in items],
    }
    return msgspec.json.encode(document)


def _event_record(item: Item) -> dict[str, Any]:
    record: dict[str, Any] = {
        "recordId": item.record_id,
        "approximateArrivalTimestamp": item.arrival_ms,
        "data": b64encode_as_string(item.data),
    }
    if item.shard_id:
        record["kinesisRecordMetadata"] = {
            "sequenceNumber": item.sequence_number,
            "subsequenceNumber": item.subsequence_number,
            "partitionKey": item.partition_key,
            "shardId": item.shard_id,
            "approximateArrivalTimestamp": item.arrival_ms,
        }
    return record


def batches(items: Sequence[Item], buffer_bytes: int) -> Iterator[list[Item]]:
    """The items of each invocation: up to a size, one at least, and no more than an event may have."""
    batch: list[Item] = []
    size = encoded = 0
    for item in items:
        size += len(item.data)
        encoded += len(item.data) * 4 // 3 + ENVELOPE_BYTES
        if batch and (size > buffer_bytes or encoded > EVENT_BYTES_MAX):
            yield batch
            batch, size, encoded = [], len(item.data), len(item.data) * 4 // 3 + ENVELOPE_BYTES
        batch.append(item)
    if batch:
        yield batch


def answered(items: Sequence[Item], payload: bytes) -> list[tuple[Item, str]]:
    """What an answer makes of each item: the item, and its result. Raises `AnswerRefused`."""
    try:
        returned = _answers.decode(payload).records
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AnswerRefused(*NOT_PARSED) from None
    by_id = {record.record_id: record for record in returned}
    if len(by_id) < len(returned):
        raise AnswerRefused(*DUPLICATED)
    if any(item.record_id not in by_id for item in items):
        raise AnswerRefused(*MISSING)
    return [_result(item, by_id[item.record_id]) for item in items]


def _result(item: Item, record: _Returned) -> tuple[Item, str]:
    if record.result not in (OK, DROPPED, FAILED):
        raise AnswerRefused(*NOT_PARSED)
    if record.result != OK:
        return item, record.result
    if record.data is None:
        raise AnswerRefused(*NOT_PARSED)
    try:
        data = b64decode(record.data, validate=True)
    except (binascii.Error, ValueError):
        raise AnswerRefused(*NOT_PARSED) from None
    keys = (record.metadata or {}).get("partitionKeys") or {}
    if not isinstance(keys, dict):
        raise AnswerRefused(*NOT_PARSED)
    texts = {name: str(value) for name, value in keys.items() if value is not None}
    return item._replace(data=data, keys_from_lambda=texts), OK


class Transformation:
    """One function at work for a delivery stream."""

    def __init__(
        self,
        processor: LambdaProcessor,
        source: FunctionEventSource,
        invoke: InvokeFunction,
        pause: Callable[[int], Awaitable[None]],
        now_ms: Callable[[], int],
    ) -> None:
        """`pause` waits before an attempt, of which it is given the number."""
        self._processor = processor
        self._source = source
        self._invoke = invoke
        self._pause = pause
        self._now_ms = now_ms

    async def transformed(
        self, items: Sequence[Item], new_uuid: Callable[[], str]
    ) -> tuple[list[Item], list[FailedItem], list[tuple[str, str]]]:
        """Items that are Ok, failures, and the errors of invocations."""
        done: list[Item] = []
        failed: list[FailedItem] = []
        errors: list[tuple[str, str]] = []
        for batch in batches(items, self._processor.buffer_bytes):
            results, attempts, error = await self._attempted(batch, new_uuid())
            if error is not None:
                errors.append(error)
                failed += [self._failure(item, *error, attempts) for item in batch]
                continue
            done += [item for item, result in results if result == OK]
            failed += [
                self._failure(item, *STATUS_FAILED, attempts) for item, result in results if result == FAILED
            ]
        return done, failed, errors

    async def _attempted(
        self, batch: list[Item], invocation_id: str
    ) -> tuple[list[tuple[Item, str]], int, tuple[str, str] | None]:
        """The results, the number of attempts, and the error of the last one."""
        payload, attempts = event(self._source, batch, invocation_id), 0
        while True:
            attempts += 1
            said = await self._invoke(self._processor.arn, payload)
            if said.error is None:
                try:
                    return answered(batch, said.payload), attempts, None
                except AnswerRefused as refused:
                    return [], attempts, (refused.code, refused.message)
            if attempts > self._processor.retries:
                return [], attempts, said.error
            await self._pause(attempts)

    def _failure(self, item: Item, code: str, message: str, attempts: int) -> FailedItem:
        return failure(
            item,
            PROCESSING_FAILED,
            code,
            message,
            attempts=attempts,
            now_ms=self._now_ms(),
            lambdaArn=self._processor.arn,
        )
