"""Queues for the tests of their consumers, and what is left in them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Any

from tests.waiting import RETRY_FOR_S

WAIT_S = RETRY_FOR_S


def new_queue(kinesis: Any, **attributes: Any) -> str:
    """The ARN of an ACTIVE queue on an on-demand stream of the same name."""
    name = f"queue-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    stream_arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    position = {"Type": "TRIM_HORIZON"}
    created = kinesis.create_queue(
        QueueName=name,
        StreamConfigurationList=[{"StreamARN": stream_arn, "StartingPosition": position}],
        QueueAttributes=attributes,
    )
    arn = str(created["QueueDescription"]["QueueARN"])
    deadline = time.monotonic() + WAIT_S
    while kinesis.describe_queue(QueueARN=arn)["QueueDescription"]["QueueStatus"] != "ACTIVE":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return arn


def built_in(max_receives: int) -> dict[str, Any]:
    """Attributes of a queue that sets records aside."""
    return {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": max_receives}}


def name_of(kinesis: Any, arn: str) -> str:
    """The name of a queue, which is that of its stream here."""
    return str(kinesis.describe_queue(QueueARN=arn)["QueueDescription"]["QueueName"])


def put(kinesis: Any, arn: str, data: Iterable[str]) -> None:
    """Put records into the stream of a queue, each with itself as its key."""
    entries = [{"Data": one.encode(), "PartitionKey": one} for one in data]
    for start in range(0, len(entries), 500):
        answer = kinesis.put_records(StreamName=name_of(kinesis, arn), Records=entries[start : start + 500])
        assert answer["FailedRecordCount"] == 0


def left_in(kinesis: Any, arn: str) -> list[tuple[str, int]]:
    """What can be received, with its receive counts."""
    left: list[tuple[str, int]] = []
    while page := kinesis.receive_queue_records(QueueARN=arn, WaitTimeSeconds=1)["QueueRecords"]:
        left += [(record["Data"].decode(), record["ReceiveCount"]) for record in page]
    return sorted(left)
