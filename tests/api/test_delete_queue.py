"""DeleteQueue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.queues import create_queue, described, put, received, waiting
from tests.api.refusals import refusal

Settle = Callable[[], None]


def test_the_queue_is_deleting_for_a_while_and_then_gone(
    kinesis: Any, queue_arn: str, settle: Settle
) -> None:
    kinesis.delete_queue(QueueARN=queue_arn)
    assert described(kinesis, queue_arn)["QueueStatus"] == "DELETING"
    kinesis.delete_queue(QueueARN=queue_arn)  # again: nothing else happens
    settle()
    assert kinesis.list_queues()["QueueSummaries"] == []
    assert refusal(kinesis.delete_queue, QueueARN=queue_arn)[0] == "ResourceNotFoundException"


def test_a_queue_may_go_while_it_is_created(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = create_queue(kinesis, on_demand_arn)["QueueARN"]
    kinesis.delete_queue(QueueARN=arn)
    settle()
    assert kinesis.list_queues()["QueueSummaries"] == []


def test_the_stream_and_its_records_stay_and_can_then_be_deleted(
    kinesis: Any, queue_arn: str, settle: Settle
) -> None:
    put(kinesis, ["apple"])
    delete = kinesis.delete_stream
    answer = refusal(delete, StreamName="orders", EnforceConsumerDeletion=True)
    assert answer[0] == "ResourceInUseException"
    assert "queues" in answer[1]
    kinesis.delete_queue(QueueARN=queue_arn)
    assert refusal(delete, StreamName="orders")[0] == "ResourceInUseException"
    settle()
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    assert summary["QueueCount"] == 0
    delete(StreamName="orders")


def test_a_stream_with_queues_stays_on_demand(
    kinesis: Any, on_demand_arn: str, queue_arn: str, settle: Settle
) -> None:
    mode = {"StreamARN": on_demand_arn, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    answer = refusal(kinesis.update_stream_mode, **mode)
    assert answer[0] == "ResourceInUseException"
    assert "queues" in answer[1]
    kinesis.delete_queue(QueueARN=queue_arn)
    settle()
    kinesis.update_stream_mode(**mode)


def test_who_waits_is_told(kinesis: Any, queue_arn: str) -> None:
    with waiting(kinesis, queue_arn, WaitTimeSeconds=20) as call:
        assert not wait([call], 0.3).done
        kinesis.delete_queue(QueueARN=queue_arn)
        with pytest.raises(ClientError) as caught:
            call.result()
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_queue_of_the_same_name_begins_anew(
    kinesis: Any, on_demand_arn: str, queue_arn: str, settle: Settle
) -> None:
    put(kinesis, ["apple"])
    kinesis.acknowledge_queue_records(
        QueueARN=queue_arn, Entries=[{"ReceiptHandle": received(kinesis, queue_arn)[0]["ReceiptHandle"]}]
    )
    kinesis.delete_queue(QueueARN=queue_arn)
    settle()
    start = {"Type": "TRIM_HORIZON"}
    arn = create_queue(kinesis, on_demand_arn, StartingPosition=start)["QueueARN"]
    settle()
    assert received(kinesis, arn)[0]["ReceiveCount"] == 1
