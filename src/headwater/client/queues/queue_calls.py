"""The operations of Kinesis that a consumer of a queue calls, with typed answers.

Rules:
- a queue is given by its name or its ARN; the operations want the ARN;
- the dead letters of a queue have operations of their own, alike but for their names;
- an answer of 200 may refuse single entries: these come back as `EntryFailure`;
- nothing is retried; failures are `ClientError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.errors import ConfigurationError, MalformedAnswer
from headwater.client.queues.queue_record import QueueRecord

ENTRIES_MAX = 10
"""Of one call, and the most records of one receive."""


class Operations(NamedTuple):
    """The names of the operations on records, or on dead letters."""

    receive: str
    acknowledge: str
    change_visibility: str


OPERATIONS = {
    "records": Operations("ReceiveQueueRecords", "AcknowledgeQueueRecords", "UpdateQueueRecordsVisibility"),
    "dead_letters": Operations(
        "ReceiveDeadLetterQueueRecords",
        "AcknowledgeDeadLetterQueueRecords",
        "UpdateDeadLetterQueueRecordsVisibility",
    ),
}
"""By what a consumer reads."""
RESTORE = "RestoreDeadLetterQueueRecords"


class EntryFailure(msgspec.Struct, rename="pascal"):
    """Why the queue did not take an entry."""

    receipt_handle: str
    error_code: str
    error_message: str = ""


class _ReceiveAnswer(msgspec.Struct, rename="pascal"):
    queue_records: list[QueueRecord]


class _EntriesAnswer(msgspec.Struct, rename="pascal"):
    failed: list[EntryFailure] = []  # msgspec copies it


_encode = msgspec.json.Encoder().encode
_decode_receive = msgspec.json.Decoder(_ReceiveAnswer).decode
_decode_entries = msgspec.json.Decoder(_EntriesAnswer).decode


class QueueCalls:
    """Calls the operations of queues over a service that it does not own."""

    def __init__(self, service: AwsService) -> None:
        self.service = service

    async def find(self, queue: str) -> str:
        """The ARN of a queue. Raises `ConfigurationError` when there is none of that name."""
        if queue.startswith("arn:"):
            return queue
        request: dict[str, Any] = {}
        while True:
            answer = await self.service.call("ListQueues", request)
            for summary in answer["QueueSummaries"]:
                if summary["QueueName"] == queue:
                    return str(summary["QueueARN"])
            if "NextToken" not in answer:
                raise ConfigurationError(f"there is no queue {queue}")
            request = {"NextToken": answer["NextToken"]}

    async def describe(self, queue_arn: str) -> dict[str, Any]:
        """The members of QueueDescription."""
        description: dict[str, Any] = (await self.service.call("DescribeQueue", {"QueueARN": queue_arn}))[
            "QueueDescription"
        ]
        return description

    async def receive(
        self, operation: str, queue_arn: str, limit: int, wait_s: int, visibility_timeout_s: int
    ) -> list[QueueRecord]:
        """Up to `limit` records, from 1 to 10, after waiting `wait_s` at most, from 1 to 20.

        Raises `MalformedAnswer`.
        """
        request = {
            "QueueARN": queue_arn,
            "Limit": limit,
            "WaitTimeSeconds": wait_s,
            "VisibilityTimeoutSeconds": visibility_timeout_s,
        }
        answer = await self.service.call_bytes(operation, _encode(request))
        try:
            return _decode_receive(answer).queue_records
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise MalformedAnswer(f"the answer of {operation} cannot be read: {error}") from None

    async def send(
        self, operation: str, queue_arn: str, entries: Sequence[dict[str, Any]]
    ) -> list[EntryFailure]:
        """The entries that an operation on up to ten records did not take. Raises `MalformedAnswer`."""
        request = {"QueueARN": queue_arn, "Entries": entries}
        answer = await self.service.call_bytes(operation, _encode(request))
        try:
            return _decode_entries(answer).failed
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise MalformedAnswer(f"the answer of {operation} cannot be read: {error}") from None
