"""Records for tests of rules: short to write, and not from any stream."""

from __future__ import annotations

from headwater.lambda_.functions.invocation import FunctionError, InvocationResult
from headwater.lambda_.mappings.kinesis_event import EventRecord
from headwater.lambda_.mappings.mapping import Mapping

STREAM_ARN = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
FUNCTION_ARN = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"


def record(position: int, arrival_ms: int = 0, size: int = 10) -> EventRecord:
    """A record whose sequence number is its position."""
    return EventRecord(position, str(position), arrival_ms, b"x" * size)


def records(count: int) -> tuple[EventRecord, ...]:
    """Records at the positions from 0 on."""
    return tuple(record(position) for position in range(count))


def mapping(**fields: object) -> Mapping:
    """A mapping with these fields; everything else is the default."""
    given = {
        "uuid": "2b733dcc-8ac3-4df5-af3a-1827b3b11284",
        "account_id": "123456789012",
        "region": "us-east-2",
        "event_source_arn": STREAM_ARN,
        "function_arn": FUNCTION_ARN,
        "starting_position": "TRIM_HORIZON",
        "last_modified_ms": 0,
    }
    return Mapping(**(given | fields))  # type: ignore[arg-type]  # the test names fields of the right types


def result(payload: bytes = b"null", error: FunctionError | None = None) -> InvocationResult:
    """What an invocation gave."""
    return InvocationResult(payload, error, "$LATEST", "c9b8fa9f-5a7f-4e02-af9c-0c604cde93a5", b"")
