"""A request to DynamoDB: at its moment, and with what it changes told to whom it may concern.

Refuses to know how a request is read, and what becomes of records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from headwater.neighbours.delivery.outbox import OutgoingRecord, RecordOutbox
from headwater.neighbours.dynamodb import item_changes, moments, streaming_destinations
from headwater.neighbours.dynamodb.item_changes import ItemChange, changes_collected
from headwater.neighbours.dynamodb.moments import at_moment, now_s
from headwater.neighbours.dynamodb.streaming_destinations import enabled_records

TRANSACTION = "TransactWriteItems"
ERROR_STATUS = 400

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def answered(
    application: Application,
    environ: Environ,
    start_response: Callable[..., Any],
    moment: tuple[float, int, bool],
    outbox: RecordOutbox,
) -> Iterable[bytes]:
    """The application's answer; what it changed is on its way."""
    statuses: list[int] = []

    def start(status: str, *others: Any) -> Any:
        statuses.append(int(status.split(maxsplit=1)[0]))
        return start_response(status, *others)

    with at_moment(*moment), changes_collected() as changes:
        answer = application(environ, start)
        is_undone = statuses[-1:] >= [ERROR_STATUS] and environ["HTTP_X_AMZ_TARGET"].endswith(TRANSACTION)
        if changes and not is_undone:
            _tell(changes, outbox)
    return answer


def _tell(changes: list[ItemChange], outbox: RecordOutbox) -> None:
    created_ms = int(now_s() * 1000)
    for sender, stream_arn, partition_key, data in enabled_records(changes):
        outbox.put(sender, [OutgoingRecord(stream_arn, partition_key, data, created_ms)])


@cache
def install() -> None:
    """Put Headwater's parts into moto's DynamoDB, once for a process."""
    moments.install()
    for owner, name, replacement in item_changes.MENDED:
        setattr(owner, name, replacement)
    for operation in streaming_destinations.OPERATIONS:
        setattr(DynamoHandler, operation.__name__, operation)
    for name, replacement in streaming_destinations.OF_TEMPLATES.items():
        setattr(Table, name, classmethod(replacement))
