"""What the tests of queues share: a queue that is ACTIVE, what it gives, and time that passes meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from headwater.model.clock import ManualClock

Settle = Callable[[], None]
RECEIVE, RECEIVE_DEAD = "receive_queue_records", "receive_dead_letter_queue_records"


def on_demand_stream(kinesis: Any, settle: Settle, name: str = "orders") -> str:
    """An ACTIVE on-demand stream of four shards; its ARN."""
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    settle()
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    arn: str = summary["StreamARN"]
    return arn


def create_queue(kinesis: Any, stream_arn: str, name: str = "work", **members: Any) -> dict[str, Any]:
    """The description of a queue that is being created; `StartingPosition` may be among the members."""
    configuration = {"StreamARN": stream_arn}
    if "StartingPosition" in members:
        configuration["StartingPosition"] = members.pop("StartingPosition")
    answer = kinesis.create_queue(QueueName=name, StreamConfigurationList=[configuration], **members)
    described: dict[str, Any] = answer["QueueDescription"]
    return described


def active_queue(kinesis: Any, settle: Settle, stream_arn: str, name: str = "work", **members: Any) -> str:
    """The ARN of a queue that is ACTIVE."""
    arn: str = create_queue(kinesis, stream_arn, name, **members)["QueueARN"]
    settle()
    return arn


def attributes(timeout_s: int | None = None, receives_max: int | None = None) -> dict[str, Any]:
    """`QueueAttributes`; a count of 0 is no dead letters at all."""
    members: dict[str, Any] = {}
    if timeout_s is not None:
        members["VisibilityTimeoutSeconds"] = timeout_s
    if receives_max is not None:
        built_in = {"TargetType": "BUILT_IN", "MaxReceiveCount": receives_max}
        members["DeadLetterConfiguration"] = built_in if receives_max else {"TargetType": "NONE"}
    return members


def described(kinesis: Any, arn: str) -> dict[str, Any]:
    """The queue as it is now."""
    found: dict[str, Any] = kinesis.describe_queue(QueueARN=arn)["QueueDescription"]
    return found


def put(kinesis: Any, texts: Sequence[str], stream: str = "orders") -> None:
    """Put records; each has its text as key, too."""
    records = [{"Data": text.encode(), "PartitionKey": text} for text in texts]
    assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def received(kinesis: Any, arn: str, operation: str = RECEIVE, **members: Any) -> list[dict[str, Any]]:
    """What a receive gives of what there is; the server's clock stands still, so something must be there."""
    records: list[dict[str, Any]] = getattr(kinesis, operation)(QueueARN=arn, **members)["QueueRecords"]
    return records


def all_received(kinesis: Any, arn: str, count: int, **members: Any) -> dict[str, dict[str, Any]]:
    """So many records, by their texts."""
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        found |= by_text(received(kinesis, arn, **members))
    assert len(found) == count
    return found


def by_text(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Records by their data."""
    return {record["Data"].decode(): record for record in records}


@contextmanager
def waiting(kinesis: Any, arn: str, operation: str = RECEIVE, **members: Any) -> Iterator[Future[Any]]:
    """A receive on another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(received, kinesis, arn, operation, **members)


def gives_nothing(kinesis: Any, clock: ManualClock, arn: str, operation: str = RECEIVE) -> bool:
    """Whether a receive ends without a record. A few seconds pass on the server's clock."""
    with waiting(kinesis, arn, operation, WaitTimeSeconds=1) as call:
        while not wait([call], 0.15).done:
            clock.advance_ms(1000)
        return not call.result()


def handles(records: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The entries that name these records."""
    return [{"ReceiptHandle": record["ReceiptHandle"]} for record in records]


def failures(answer: dict[str, Any]) -> list[str]:
    """The codes of the entries that failed."""
    return [entry["ErrorCode"] for entry in answer["Failed"]]


def dead_letters(kinesis: Any, settle: Settle, stream_arn: str, texts: Sequence[str]) -> str:
    """A queue in which the records with these texts are dead letters, received once; its ARN."""
    arn = active_queue(kinesis, settle, stream_arn, QueueAttributes=attributes(receives_max=1))
    put(kinesis, texts)
    all_received(kinesis, arn, len(texts), VisibilityTimeoutSeconds=0)
    return arn
