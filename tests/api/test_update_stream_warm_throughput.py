"""UpdateStreamWarmThroughput."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import NAMED, Reference, refusal, required
from tests.api.streams import (
    DAY_MS,
    commit_throughput,
    create_on_demand,
    finish,
    hash_range,
    open_shards,
    put,
    status,
    summary,
)
from tests.api.validation.broken_constraints import too_small

Settle = Callable[[], None]


@pytest.fixture
def on_demand_arn(kinesis: Any, settle: Settle) -> str:
    """The stream `orders`, on demand, in an account with the commitment; its ARN."""
    commit_throughput(kinesis)
    return create_on_demand(kinesis, settle)


def test_the_stream_is_updating_and_then_scaled(kinesis: Any, settle: Settle, on_demand_arn: str) -> None:
    answer = kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=10)
    del answer["ResponseMetadata"]
    scaling = {"TargetMiBps": 10, "CurrentMiBps": 4}
    assert answer == {"StreamARN": on_demand_arn, "StreamName": "orders", "WarmThroughput": scaling}
    assert status(kinesis) == "UPDATING"
    assert summary(kinesis)["WarmThroughput"] == scaling
    put(kinesis, b"meanwhile")
    finish(kinesis, settle)
    described = summary(kinesis)
    assert described["WarmThroughput"] == {"TargetMiBps": 10, "CurrentMiBps": 10}
    assert described["OpenShardCount"] == 10


@pytest.mark.parametrize("named", NAMED)
def test_a_stream_is_named_by_name_by_arn_or_by_both(
    kinesis: Any, on_demand_arn: str, named: Reference
) -> None:
    answer = kinesis.update_stream_warm_throughput(**named(on_demand_arn), WarmThroughputMiBps=5)
    assert answer["StreamARN"] == on_demand_arn


@pytest.mark.parametrize(("warm_mibps", "shard_count"), [(8, 8), (5, 5), (1, 4), (0, 4)])
def test_releases_what_is_no_longer_needed(
    kinesis: Any, settle: Settle, on_demand_arn: str, warm_mibps: int, shard_count: int
) -> None:
    kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=8)
    finish(kinesis, settle)
    answer = kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=warm_mibps)
    assert answer["WarmThroughput"] == {"TargetMiBps": warm_mibps, "CurrentMiBps": 8}
    finish(kinesis, settle)
    described = summary(kinesis)
    assert described["WarmThroughput"] == {"TargetMiBps": warm_mibps, "CurrentMiBps": warm_mibps}
    assert described["OpenShardCount"] == shard_count


def test_shards_are_of_equal_size_at_the_end(kinesis: Any, settle: Settle, on_demand_arn: str) -> None:
    kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=7)
    finish(kinesis, settle)
    ranges = [hash_range(shard) for shard in open_shards(kinesis)]
    sizes = [end - start + 1 for start, end in ranges]
    assert sum(sizes) == 2**128
    assert max(sizes) - min(sizes) < 7


def test_another_update_does_not_change_what_is_warm(
    kinesis: Any, settle: Settle, on_demand_arn: str
) -> None:
    kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=1)
    finish(kinesis, settle)
    kinesis.update_max_record_size(StreamARN=on_demand_arn, MaxRecordSizeInKiB=2048)
    assert summary(kinesis)["WarmThroughput"] == {"TargetMiBps": 1, "CurrentMiBps": 1}


def test_needs_the_commitment(kinesis: Any, settle: Settle) -> None:
    arn = create_on_demand(kinesis, settle)
    code, text = refusal(kinesis.update_stream_warm_throughput, StreamARN=arn, WarmThroughputMiBps=5)
    assert code == "ValidationException"
    assert "MinimumThroughputBillingCommitment" in text


def test_a_commitment_that_was_given_up_counts_until_its_end(
    kinesis: Any, clock: ManualClock, settle: Settle, on_demand_arn: str
) -> None:
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=5)
    finish(kinesis, settle)
    clock.advance_ms(DAY_MS)
    code, _text = refusal(
        kinesis.update_stream_warm_throughput, StreamARN=on_demand_arn, WarmThroughputMiBps=6
    )
    assert code == "ValidationException"


def test_a_provisioned_stream_has_no_warm_throughput(kinesis: Any, stream_arn: str) -> None:
    commit_throughput(kinesis)
    code, text = refusal(kinesis.update_stream_warm_throughput, StreamARN=stream_arn, WarmThroughputMiBps=5)
    assert code == "InvalidArgumentException"
    assert "ON_DEMAND" in text


def test_a_stream_has_10_gibps_at_most(kinesis: Any, on_demand_arn: str) -> None:
    code, text = refusal(
        kinesis.update_stream_warm_throughput, StreamARN=on_demand_arn, WarmThroughputMiBps=10_241
    )
    assert code == "LimitExceededException"
    assert "10241" in text
    kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=10_240)


def test_bounds(kinesis: Any, on_demand_arn: str) -> None:
    assert refusal(
        kinesis.update_stream_warm_throughput, StreamARN=on_demand_arn, WarmThroughputMiBps=-1
    ) == too_small("warmThroughputMiBps", -1, 0)
    assert refusal(kinesis.update_stream_warm_throughput, StreamARN=on_demand_arn) == required(
        "warmThroughputMiBps"
    )
