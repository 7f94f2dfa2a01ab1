"""UpdateStreamMode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.clocked_server import ON_DEMAND_STREAM_LIMIT, SHARD_LIMIT
from tests.api.refusals import WRONG_ARN, refusal, required
from tests.api.streams import (
    DAY_MS,
    commit_throughput,
    create,
    create_on_demand,
    finish,
    put,
    read,
    shards,
    status,
    summary,
)
from tests.api.validation.broken_constraints import broken, too_small

Settle = Callable[[], None]

ON_DEMAND = {"StreamMode": "ON_DEMAND"}
PROVISIONED = {"StreamMode": "PROVISIONED"}


def switch(kinesis: Any, settle: Settle, stream_arn: str, mode: dict[str, str]) -> None:
    kinesis.update_stream_mode(StreamARN=stream_arn, StreamModeDetails=mode)
    finish(kinesis, settle)


def test_the_stream_is_updating_and_then_has_the_mode(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    kinesis.update_stream_mode(StreamARN=stream_arn, StreamModeDetails=ON_DEMAND)
    assert status(kinesis) == "UPDATING"
    finish(kinesis, settle)
    described = summary(kinesis)
    assert described["StreamModeDetails"] == ON_DEMAND
    assert described["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    switch(kinesis, settle, stream_arn, PROVISIONED)
    assert summary(kinesis)["StreamModeDetails"] == PROVISIONED
    assert "RecordDistributionStrategy" not in summary(kinesis)


def test_shards_and_records_stay(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    put(kinesis, b"data")
    before = shards(kinesis)
    switch(kinesis, settle, stream_arn, ON_DEMAND)
    assert shards(kinesis) == before
    assert read(kinesis) == [b"data"]


def test_the_mode_that_it_has_changes_nothing(kinesis: Any, stream_arn: str) -> None:
    for _ in range(3):
        kinesis.update_stream_mode(StreamARN=stream_arn, StreamModeDetails=PROVISIONED)
        assert status(kinesis) == "ACTIVE"


def test_switches_twice_in_24_hours(
    kinesis: Any, clock: ManualClock, settle: Settle, account_id: str, stream_arn: str
) -> None:
    first_ms = clock.now_ms()
    switch(kinesis, settle, stream_arn, ON_DEMAND)
    clock.advance_ms(3_600_000)
    switch(kinesis, settle, stream_arn, PROVISIONED)
    code, text = refusal(kinesis.update_stream_mode, StreamARN=stream_arn, StreamModeDetails=ON_DEMAND)
    assert code == "LimitExceededException"
    assert f"orders under account {account_id}" in text
    clock.set_ms(first_ms + DAY_MS)
    switch(kinesis, settle, stream_arn, ON_DEMAND)
    code, _text = refusal(kinesis.update_stream_mode, StreamARN=stream_arn, StreamModeDetails=PROVISIONED)
    assert code == "LimitExceededException"


def test_the_account_has_a_limit_of_on_demand_streams(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    for number in range(ON_DEMAND_STREAM_LIMIT):
        create_on_demand(kinesis, settle, f"stream-{number}")
    code, text = refusal(kinesis.update_stream_mode, StreamARN=stream_arn, StreamModeDetails=ON_DEMAND)
    assert code == "LimitExceededException"
    assert f"Limit: {ON_DEMAND_STREAM_LIMIT}" in text
    assert status(kinesis) == "ACTIVE"


def test_the_account_has_a_limit_of_shards(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, SHARD_LIMIT - 3, "invoices")
    arn = create_on_demand(kinesis, settle)
    code, text = refusal(kinesis.update_stream_mode, StreamARN=arn, StreamModeDetails=PROVISIONED)
    assert code == "LimitExceededException"
    assert f"Limit: {SHARD_LIMIT}" in text


def test_a_provisioned_stream_no_longer_distributes_records_itself(kinesis: Any, settle: Settle) -> None:
    arn = create_on_demand(kinesis, settle, RecordDistributionStrategy="AUTO")
    switch(kinesis, settle, arn, PROVISIONED)
    assert refusal(kinesis.put_record, StreamARN=arn, Data=b"data") == required("partitionKey")


@pytest.mark.parametrize(
    ("shard_count", "warm_mibps", "expected", "ready_mibps"), [(2, 6, 6, 6), (2, 1, 4, 1), (9, 6, 9, 9)]
)
def test_warm_throughput_scales_the_stream(
    kinesis: Any, settle: Settle, shard_count: int, warm_mibps: int, expected: int, ready_mibps: int
) -> None:
    commit_throughput(kinesis)
    arn = create(kinesis, settle, shard_count)
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=warm_mibps)
    finish(kinesis, settle)
    described = summary(kinesis)
    assert described["OpenShardCount"] == expected
    assert described["WarmThroughput"] == {"TargetMiBps": warm_mibps, "CurrentMiBps": ready_mibps}


def test_warm_throughput_is_for_on_demand_streams(kinesis: Any, stream_arn: str) -> None:
    commit_throughput(kinesis)
    code, text = refusal(
        kinesis.update_stream_mode,
        StreamARN=stream_arn,
        StreamModeDetails=PROVISIONED,
        WarmThroughputMiBps=1,
    )
    assert code == "InvalidArgumentException"
    assert "ON_DEMAND" in text


def test_warm_throughput_needs_the_commitment(kinesis: Any, stream_arn: str) -> None:
    code, text = refusal(
        kinesis.update_stream_mode,
        StreamARN=stream_arn,
        StreamModeDetails=ON_DEMAND,
        WarmThroughputMiBps=1,
    )
    assert code == "ValidationException"
    assert "MinimumThroughputBillingCommitment" in text


def test_warm_throughput_is_lost_with_the_mode(kinesis: Any, settle: Settle) -> None:
    commit_throughput(kinesis)
    arn = create_on_demand(kinesis, settle, WarmThroughputMiBps=5)
    switch(kinesis, settle, arn, PROVISIONED)
    assert "WarmThroughput" not in summary(kinesis)


@pytest.mark.parametrize(("wrong", "expected"), WRONG_ARN)
def test_a_stream_that_is_not_named_well_is_refused(
    kinesis: Any,
    stream_arn: str,
    wrong: Callable[[str], str],
    expected: Callable[[str], tuple[str, str]],
) -> None:
    assert refusal(
        kinesis.update_stream_mode, StreamARN=wrong(stream_arn), StreamModeDetails=ON_DEMAND
    ) == expected(stream_arn)


def test_what_is_needed(kinesis: Any, stream_arn: str) -> None:
    assert refusal(kinesis.update_stream_mode, StreamModeDetails=ON_DEMAND) == required("streamARN")
    assert refusal(kinesis.update_stream_mode, StreamARN=stream_arn) == required("streamModeDetails")
    assert refusal(kinesis.update_stream_mode, StreamARN=stream_arn, StreamModeDetails={}) == required(
        "streamModeDetails.streamMode"
    )


def test_bounds(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.update_stream_mode, StreamARN=stream_arn, StreamModeDetails={"StreamMode": "SERVERLESS"}
    ) == broken(
        "streamModeDetails.streamMode",
        "SERVERLESS",
        "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
    )
    assert refusal(
        kinesis.update_stream_mode,
        StreamARN=stream_arn,
        StreamModeDetails=ON_DEMAND,
        WarmThroughputMiBps=-1,
    ) == too_small("warmThroughputMiBps", -1, 0)
