"""Kinesis streaming destinations of tables: operations, and CloudFormation's `KinesisStreamSpecification`.

Rules:
- a destination is ACTIVE, or DISABLED once it was; what the answers call ENABLING, UPDATING and DISABLING is
  over when they arrive;
- the stream must exist when it becomes a destination; one that is deleted later is tried for a day;
- what waits for a destination that is disabled is dropped.

Refuses to know how records reach a stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.exceptions import MockValidationException, ResourceNotFoundException
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.dynamodb.item_changes import MICROSECOND, ItemChange, destinations_of
from headwater.neighbours.dynamodb.moments import is_again

ACTIVE, DISABLED = "ACTIVE", "DISABLED"
MILLISECOND = "MILLISECOND"
PRECISIONS = (MICROSECOND, MILLISECOND)
PRECISION = "ApproximateCreationDateTimePrecision"
SPECIFICATION = "KinesisStreamSpecification"

Document = dict[str, Any]


def sender_of(table: Table, stream_arn: str) -> str:
    """What the way of a table's changes into a stream is called."""
    return f"{table.table_arn} to {stream_arn}"


def enable(table: Table, stream_arn: str, precision: str | None) -> str:
    """Tell changes from now on; gives the precision. Raises moto's errors."""
    precision = precision or MILLISECOND
    _check_precision(precision)
    known = _destination(table, stream_arn)
    if known is not None and known["DestinationStatus"] == ACTIVE:
        raise _not_in_state(
            "enable", "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED", "ENABLE"
        )
    if not is_again():
        _check_stream(stream_arn)
    destinations = destinations_of(table)
    if known is not None:
        destinations.remove(known)
    destinations.append({"StreamArn": stream_arn, "DestinationStatus": ACTIVE, PRECISION: precision})
    return precision


def disable(table: Table, stream_arn: str) -> str:
    """Tell nothing more; gives the precision. Raises moto's errors."""
    known = _destination(table, stream_arn)
    if known is None or known["DestinationStatus"] != ACTIVE:
        raise _not_in_state("disable", "DisableKinesisStreamingDestination must be ACTIVE", "DISABLE")
    known["DestinationStatus"] = DISABLED
    CURRENT_SERVER.get().outbox.drop(sender_of(table, stream_arn))
    return known[PRECISION]


def update(table: Table, stream_arn: str, precision: str) -> None:
    """Tell times in another precision. Raises `MockValidationException`, as moto does."""
    _check_precision(precision)
    known = _destination(table, stream_arn)
    if known is None or known["DestinationStatus"] != ACTIVE:
        raise _not_in_state("update", "UpdateKinesisStreamingDestination must be ACTIVE", "UPDATE")
    if known[PRECISION] == precision:
        raise MockValidationException(
            f"Invalid Request: Precision is already set to the desired value of {precision} for tableId: "
            f"{table.name}, kdsArn: {stream_arn}"
        )
    known[PRECISION] = precision


def enabled_records(changes: list[ItemChange]) -> list[tuple[str, str, str, bytes]]:
    """For each change and destination: the sender, the stream, the partition key and the data, in order."""
    return [
        (
            sender_of(change.table, each["StreamArn"]),
            each["StreamArn"],
            change.partition_key,
            change.record(each[PRECISION]),
        )
        for change in changes
        for each in destinations_of(change.table)
        if each["DestinationStatus"] == ACTIVE
    ]


def _destination(table: Table, stream_arn: str) -> dict[str, str] | None:
    return next((each for each in destinations_of(table) if each["StreamArn"] == stream_arn), None)


def _check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise MockValidationException(
            f"1 validation error detected: Value '{precision}' at 'approximateCreationDateTimePrecision' "
            f"failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(PRECISIONS)}]"
        )


def _check_stream(stream_arn: str) -> None:
    stream = parse_stream_arn(stream_arn)
    if stream is None:
        raise MockValidationException(f"{stream_arn} is not the ARN of a Kinesis data stream")
    try:
        CURRENT_SERVER.get().kinesis.call(
            Caller(stream.account_id, stream.region), "DescribeStreamSummary", StreamARN=stream_arn
        )
    except KinesisError as error:
        raise ResourceNotFoundException(f"Requested resource not found: {error.message}") from error


def _not_in_state(verb: str, wanted: str, operation: str) -> MockValidationException:
    return MockValidationException(
        f"Table is not in a valid state to {verb} Kinesis Streaming Destination:{wanted} to perform "
        f"{operation} operation."
    )


# The operations


def _named_table(handler: DynamoHandler) -> Table:
    name = handler.body.get("TableName") or ""
    table = handler.dynamodb_backend.tables.get(name.rpartition("/")[2])
    if table is None:
        raise ResourceNotFoundException(table_name=name)
    return table


def _answer(handler: DynamoHandler, status: str, configuration: str, precision: str) -> ActionResult:
    return ActionResult(
        {
            "TableName": _named_table(handler).name,
            "StreamArn": handler.body["StreamArn"],
            "DestinationStatus": status,
            configuration: {PRECISION: precision},
        }
    )


def enable_kinesis_streaming_destination(handler: DynamoHandler) -> ActionResult:
    """EnableKinesisStreamingDestination."""
    asked = (handler.body.get("EnableKinesisStreamingConfiguration") or {}).get(PRECISION)
    precision = enable(_named_table(handler), handler.body["StreamArn"], asked)
    return _answer(handler, "ENABLING", "EnableKinesisStreamingConfiguration", precision)


def disable_kinesis_streaming_destination(handler: DynamoHandler) -> ActionResult:
    """DisableKinesisStreamingDestination."""
    precision = disable(_named_table(handler), handler.body["StreamArn"])
    return _answer(handler, "DISABLING", "EnableKinesisStreamingConfiguration", precision)


def update_kinesis_streaming_destination(handler: DynamoHandler) -> ActionResult:
    """UpdateKinesisStreamingDestination."""
    precision = (handler.body.get("UpdateKinesisStreamingConfiguration") or {}).get(PRECISION) or ""
    update(_named_table(handler), handler.body["StreamArn"], precision)
    return _answer(handler, "UPDATING", "UpdateKinesisStreamingConfiguration", precision)


def describe_kinesis_streaming_destination(handler: DynamoHandler) -> ActionResult:
    """DescribeKinesisStreamingDestination."""
    table = _named_table(handler)
    return ActionResult(
        {
            "TableName": table.name,
            "KinesisDataStreamDestinations": [dict(each) for each in destinations_of(table)],
        }
    )


# CloudFormation

_create: Callable[..., Any] = Table.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]


def create_from_template(
    cls: type[Table], name: str, document: Document, account_id: str, region_name: str, **context: Any
) -> Table:
    """A table, with its destination."""
    table: Table = _create(cls, name, document, account_id, region_name, **context)
    wanted = document["Properties"].get(SPECIFICATION)
    if wanted:
        try:
            enable(table, wanted["StreamArn"], wanted.get(PRECISION))
        except Exception:
            dynamodb_backends[account_id][region_name].delete_table(table.name)
            raise
    return table


def update_from_template(
    _cls: type[Table], original_resource: Table, cloudformation_json: Document, **_context: Any
) -> Table:
    """What can change of a table without a new one: its destination. Moto's does nothing."""
    wanted = cloudformation_json["Properties"].get(SPECIFICATION) or {}
    arn, precision = wanted.get("StreamArn"), wanted.get(PRECISION) or MILLISECOND
    for each in destinations_of(original_resource):
        if each["DestinationStatus"] == ACTIVE and each["StreamArn"] != arn:
            disable(original_resource, each["StreamArn"])
    known = None if arn is None else _destination(original_resource, arn)
    if known is not None and known["DestinationStatus"] == ACTIVE:
        known[PRECISION] = precision
    elif arn is not None:
        enable(original_resource, arn, precision)
    return original_resource


OPERATIONS: tuple[Callable[[DynamoHandler], ActionResult], ...] = (
    describe_kinesis_streaming_destination,
    disable_kinesis_streaming_destination,
    enable_kinesis_streaming_destination,
    update_kinesis_streaming_destination,
)

OF_TEMPLATES: dict[str, Callable[..., Table]] = {
    "create_from_cloudformation_json": create_from_template,
    "update_from_cloudformation_json": update_from_template,
}
