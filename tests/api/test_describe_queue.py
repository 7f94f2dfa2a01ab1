"""DescribeQueue; how it names its queue holds for every operation on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.queues import active_queue, attributes, described
from tests.api.refusals import NO_ACCOUNT, in_other_account, in_other_region, invalid, refusal

Settle = Callable[[], None]


def test_describes_the_queue(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=attributes(5, 2))
    queue = described(kinesis, arn)
    assert queue["QueueARN"] == arn
    assert queue["QueueName"] == "work"
    assert queue["QueueAttributes"] == attributes(5, 2)
    assert queue["StreamConfigurationList"][0]["StreamARN"] == on_demand_arn


def test_describes_one_that_is_being_deleted(kinesis: Any, queue_arn: str, settle: Settle) -> None:
    kinesis.delete_queue(QueueARN=queue_arn)
    assert described(kinesis, queue_arn)["QueueStatus"] == "DELETING"
    settle()
    assert refusal(kinesis.describe_queue, QueueARN=queue_arn)[0] == "ResourceNotFoundException"


CALLS: dict[str, dict[str, Any]] = {
    "acknowledge_dead_letter_queue_records": {"Entries": [{"ReceiptHandle": "x"}]},
    "acknowledge_queue_records": {"Entries": [{"ReceiptHandle": "x"}]},
    "delete_queue": {},
    "describe_queue": {},
    "receive_dead_letter_queue_records": {},
    "receive_queue_records": {},
    "restore_dead_letter_queue_records": {"Entries": [{"ReceiptHandle": "x"}]},
    "update_dead_letter_queue_records_visibility": {
        "Entries": [{"ReceiptHandle": "x", "VisibilityTimeoutSeconds": 1}]
    },
    "update_queue": {"QueueAttributes": {}},
    "update_queue_records_visibility": {"Entries": [{"ReceiptHandle": "x", "VisibilityTimeoutSeconds": 1}]},
}


@pytest.mark.parametrize("operation", CALLS)
def test_every_operation_refuses_what_is_no_queue_of_the_caller(
    kinesis: Any, queue_arn: str, operation: str
) -> None:
    call, members = getattr(kinesis, operation), CALLS[operation]
    not_found = "ResourceNotFoundException"
    absent = f"{queue_arn[:-32]}{'0' * 32}"
    assert refusal(call, QueueARN=absent, **members) == (not_found, f"Queue {absent} not found.")
    elsewhere = in_other_region(queue_arn)
    assert refusal(call, QueueARN=elsewhere, **members) == (not_found, f"Queue {elsewhere} not found.")
    assert refusal(call, QueueARN=in_other_account(queue_arn), **members) == NO_ACCOUNT
    assert refusal(call, QueueARN=f"{queue_arn}/more", **members)[0] == "InvalidArgumentException"
    assert refusal(call, QueueARN="work", **members) == invalid(
        "Value 'work' at 'queueARN' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:queue/\S+"
    )
