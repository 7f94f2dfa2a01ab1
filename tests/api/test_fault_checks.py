"""Whether a fault makes sense."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.api.fault_checks import COMMON_ERRORS, WrongFault, checked
from headwater.api.operation import OPERATIONS
from headwater.engine.faults.faults import (
    AnyFault,
    CutConnection,
    EndOpenSubscriptions,
    EndSubscription,
    Error,
    ExpireIterator,
    Throttle,
)
from tests.tables import each


def operations_of(fault: AnyFault) -> set[str]:
    return set(checked(fault)[1])


def test_a_fault_can_happen_to_every_operation_unless_it_says_otherwise() -> None:
    assert operations_of(CutConnection()) == set(OPERATIONS)
    assert operations_of(CutConnection(operation="PutRecord")) == {"PutRecord"}
    assert operations_of(CutConnection(operation=("PutRecord", "GetRecords"))) == {"PutRecord", "GetRecords"}


def test_an_error_of_the_model_happens_to_the_operations_that_have_it() -> None:
    assert operations_of(Error(error="ExpiredIteratorException")) == {"GetRecords"}
    assert "ListStreams" not in operations_of(Error(error="ResourceNotFoundException"))


@pytest.mark.parametrize("name", sorted(COMMON_ERRORS))
def test_a_common_error_happens_to_every_operation(name: str) -> None:
    assert operations_of(Error(error=name)) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("fault", "operations"),
    [
        (Throttle(), {"PutRecords"}),
        (ExpireIterator(), {"GetRecords"}),
        (EndSubscription(), {"SubscribeToShard"}),
        (EndOpenSubscriptions(error="InternalFailureException"), {"SubscribeToShard"}),
        (CutConnection(partition_key="alice"), {"PutRecord", "PutRecords"}),
        (CutConnection(partition_key="alice", operation="PutRecord"), {"PutRecord"}),
    ],
)
def test_a_fault_happens_where_it_can(fault: AnyFault, operations: set[str]) -> None:
    assert operations_of(fault) == operations


def test_a_shard_is_named_in_short_or_whole() -> None:
    for name in ("shardId-000000000007", "shardId-7", "7"):
        assert checked(CutConnection(shard=name))[0].shard == "shardId-000000000007"


@each(
    ("fault", "text"),
    [
        (CutConnection(operation="PutRecrod"), "no operation 'PutRecrod'"),
        (Error(error="Foo"), "no error 'Foo'"),
        (Error(error="ExpiredIteratorException", operation="PutRecord"), "PutRecord does not answer"),
        (Throttle(operation="PutRecord"), "PutRecord has no records to throttle"),
        (ExpireIterator(operation=("GetRecords", "PutRecord")), "PutRecord reads no iterator"),
        (EndSubscription(operation="GetRecords"), "GetRecords opens no subscription"),
        (EndSubscription(error="LimitExceededException"), "does not end with 'LimitExceededException'"),
        (EndOpenSubscriptions(error="Foo"), "InternalFailureException"),
        (EndSubscription(error="InternalFailureException", cut=True), "one or the other"),
        (CutConnection(shard="first"), "one looks like shardId-000000000000"),
        (CutConnection(shard="0", operation="ListShards"), "ListShards is about no shard"),
        (CutConnection(partition_key="alice", operation="GetRecords"), "GetRecords has no partition key"),
        (CutConnection(partition_key=""), "1 to 256"),
        (CutConnection(partition_key="k" * 257), "1 to 256"),
        (CutConnection(consumer="reader", operation="GetRecords"), "GetRecords is about no consumer"),
        (CutConnection(stream="no stream"), "neither the name nor the ARN"),
        (CutConnection(stream="arn:aws:s3:::bucket"), "neither the name nor the ARN"),
        (CutConnection(stream="orders", operation="ListStreams"), "ListStreams names no stream"),
        (CutConnection(partition_key="alice", consumer="reader"), "no operation has all of that"),
    ],
)
def test_what_cannot_happen_is_refused_in_words(fault: Any, text: str) -> None:
    with pytest.raises(WrongFault, match=text):
        checked(fault)


def test_an_operation_that_is_not_offered_is_refused() -> None:
    for name in [name for name, operation in OPERATIONS.items() if operation.handler is None]:
        with pytest.raises(WrongFault, match="not offered"):
            checked(CutConnection(operation=name))
