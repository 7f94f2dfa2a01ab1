"""A dead-letter stream: it takes the records that a handler could not handle."""

from __future__ import annotations

import asyncio

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.backoff import Backoff
from headwater.client.calls.endpoint import Session
from headwater.client.calls.errors import ServiceError
from headwater.client.calls.kinesis_calls import KinesisCalls, PutRecordsEntry
from headwater.client.calls.put_call import CALL_RECORDS_MAX
from headwater.client.calls.record import Record

BYTES_MAX = 4 * 1024 * 1024
EMPTY_KEY = "-"
"""The partition key of a record without one: a put needs a key."""


class DeadLetterStream:
    """A dead-letter stream for `on_failure`: records are put there with their data and partition keys."""

    def __init__(
        self,
        stream: str,
        *,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
    ) -> None:
        """`stream` is a name or an ARN; the rest is as boto3's. Raises `ConfigurationError`."""
        self._stream = stream
        self._arguments = (endpoint_url, region_name, session)

    async def __call__(self, records: list[Record], _error: Exception) -> None:
        """Put the records, and wait until all are stored. Raises `ClientError` unless it is transient."""
        service = AwsService("kinesis", *self._arguments)
        try:
            calls = KinesisCalls(service)
            for chunk in _chunks(records):
                await self._put(calls, chunk)
        finally:
            await service.close()

    async def _put(self, calls: KinesisCalls, left: list[PutRecordsEntry]) -> None:
        backoff = Backoff("put")
        while True:
            results = await calls.put_records(self._stream, left)
            refused = [
                (entry, result)
                for entry, result in zip(left, results, strict=True)
                if result.error_code is not None
            ]
            if not refused:
                return
            error = ServiceError(str(refused[0][1].error_code), str(refused[0][1].error_message))
            if not error.is_transient:
                raise error
            left = [entry for entry, _ in refused]
            await asyncio.sleep(backoff.delay_s())


def _chunks(records: list[Record]) -> list[list[PutRecordsEntry]]:
    chunks: list[list[PutRecordsEntry]] = [[]]
    size_bytes = 0
    for record in records:
        entry = PutRecordsEntry(record.data, record.partition_key or EMPTY_KEY, record.explicit_hash_key)
        if chunks[-1] and (len(chunks[-1]) == CALL_RECORDS_MAX or size_bytes + len(record.data) > BYTES_MAX):
            chunks.append([])
            size_bytes = 0
        chunks[-1].append(entry)
        size_bytes += len(record.data)
    return chunks
