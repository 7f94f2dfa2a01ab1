"""UpdateStreamRecordDistributionStrategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import WRONG_ARN, refusal, required
from tests.api.streams import create_on_demand, put, read, shard_id, status, summary
from tests.api.validation.broken_constraints import broken

Settle = Callable[[], None]


def update(kinesis: Any, stream_arn: str, strategy: str) -> None:
    kinesis.update_stream_record_distribution_strategy(
        StreamARN=stream_arn, RecordDistributionStrategy=strategy
    )


def test_takes_effect_at_once(kinesis: Any, settle: Settle) -> None:
    arn = create_on_demand(kinesis, settle)
    assert summary(kinesis)["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    update(kinesis, arn, "AUTO")
    assert summary(kinesis)["RecordDistributionStrategy"] == "AUTO"
    assert status(kinesis) == "ACTIVE"
    placed = Counter(put(kinesis, b"data", 0)["ShardId"] for _ in range(8))
    assert placed == {shard_id(index): 2 for index in range(4)}
    update(kinesis, arn, "USER_PARTITION_KEY")
    assert summary(kinesis)["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    assert {put(kinesis, b"data", 0)["ShardId"] for _ in range(8)} == {shard_id(0)}


def test_partition_keys_are_optional_or_needed_accordingly(kinesis: Any, settle: Settle) -> None:
    arn = create_on_demand(kinesis, settle)
    assert refusal(kinesis.put_record, StreamARN=arn, Data=b"data") == required("partitionKey")
    update(kinesis, arn, "AUTO")
    kinesis.put_record(StreamARN=arn, Data=b"data")
    update(kinesis, arn, "USER_PARTITION_KEY")
    assert refusal(kinesis.put_record, StreamARN=arn, Data=b"data") == required("partitionKey")


def test_records_stay_where_they_are(kinesis: Any, settle: Settle) -> None:
    arn = create_on_demand(kinesis, settle)
    for _ in range(4):
        put(kinesis, b"data", 0)
    update(kinesis, arn, "AUTO")
    assert [len(read(kinesis, index)) for index in range(4)] == [4, 0, 0, 0]


def test_the_strategy_that_it_has_changes_nothing(kinesis: Any, settle: Settle) -> None:
    arn = create_on_demand(kinesis, settle)
    for strategy in ("USER_PARTITION_KEY", "AUTO", "AUTO"):
        update(kinesis, arn, strategy)
        assert summary(kinesis)["RecordDistributionStrategy"] == strategy


@pytest.mark.parametrize("strategy", ["AUTO", "USER_PARTITION_KEY"])
def test_a_provisioned_stream_has_no_strategy(kinesis: Any, stream_arn: str, strategy: str) -> None:
    code, text = refusal(
        kinesis.update_stream_record_distribution_strategy,
        StreamARN=stream_arn,
        RecordDistributionStrategy=strategy,
    )
    assert code == "InvalidArgumentException"
    assert "ON_DEMAND" in text


@pytest.mark.parametrize(("wrong", "expected"), WRONG_ARN)
def test_a_stream_that_is_not_named_well_is_refused(
    kinesis: Any,
    stream_arn: str,
    wrong: Callable[[str], str],
    expected: Callable[[str], tuple[str, str]],
) -> None:
    assert refusal(
        kinesis.update_stream_record_distribution_strategy,
        StreamARN=wrong(stream_arn),
        RecordDistributionStrategy="AUTO",
    ) == expected(stream_arn)


def test_what_is_needed(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.update_stream_record_distribution_strategy, RecordDistributionStrategy="AUTO"
    ) == required("streamARN")
    assert refusal(kinesis.update_stream_record_distribution_strategy, StreamARN=stream_arn) == required(
        "recordDistributionStrategy"
    )


def test_a_strategy_is_one_of_two(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.update_stream_record_distribution_strategy,
        StreamARN=stream_arn,
        RecordDistributionStrategy="RANDOM",
    ) == broken(
        "recordDistributionStrategy",
        "RANDOM",
        "Member must satisfy enum value set: [AUTO, USER_PARTITION_KEY]",
    )
