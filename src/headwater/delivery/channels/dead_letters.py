"""Records that cannot be delivered: gathered with the reason, and written to the dead-letter bucket.

An object has a line of JSON for each record. What AWS writes there is not documented but for its being
"failure metadata"; the members are those of Kinesis's records, with the reason.

Refuses to know why a record cannot be delivered.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from pybase64 import b64encode_as_string

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.objects import Bucket, ObjectOptions, Objects
from headwater.delivery.results import BatchResult, object_place
from headwater.delivery.source import RecordOrigin
from headwater.model.record import Record

EXTENSION = ".jsonl"
OPTIONS = ObjectOptions(content_type="application/x-ndjson")


class ChannelDeadLetters:
    """The dead letters of one batch."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def reasons(self) -> list[str]:
        """The reasons for which records are among them, each once."""
        return list(dict.fromkeys(f"{line['errorCode']}: {line['errorMessage']}" for line in self._lines))

    def add(self, record: Record, origin: RecordOrigin, code: str, message: str) -> None:
        """Set a record aside."""
        self._lines.append(
            {
                "errorCode": code,
                "errorMessage": message,
                "shardId": origin.shard_id,
                "sequenceNumber": origin.sequence_number,
                "partitionKey": record.partition_key,
                "approximateArrivalTimestamp": origin.arrival_ms / 1000,
                "data": b64encode_as_string(record.data),
            }
        )

    async def write(
        self, objects: Objects, delivered: DeliveredChannel, plan: BatchPlan, result: BatchResult
    ) -> None:
        """Write them, if there are any, and say in `result` where they are. Raises `DeliveryFailed`."""
        if not self._lines:
            return
        channel, letters = delivered.channel, delivered.channel.dead_letters
        moment = datetime.fromtimestamp(plan.made_ms / 1000, UTC)
        key = f"{letters.prefix}{moment:%Y/%m/%d/%H}/{channel.name}-{delivered.suffix(plan)}{EXTENSION}"
        common = {"channelArn": delivered.arn, "streamArn": delivered.stream.arn}
        body = b"".join(msgspec.json.encode({**line, **common}) + b"\n" for line in self._lines)
        bucket = Bucket.of_arn(letters.bucket_arn, letters.owner)
        options = OPTIONS._replace(kms_key_id=channel.kms_key_id)
        await objects.put(delivered.caller, bucket, key, body, options)
        result.set_aside, result.set_aside_place = len(self._lines), object_place(bucket.name, key)
