"""DisableEnhancedMonitoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.monitoring import EVERY_METRIC, INVALID_METRICS, metrics_of
from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal, required

Settle = Callable[[], None]


@pytest.fixture
def monitored_arn(kinesis: Any, stream_arn: str) -> str:
    """The ARN of `orders`, which keeps three metrics."""
    kinesis.enable_enhanced_monitoring(
        StreamARN=stream_arn, ShardLevelMetrics=["IncomingBytes", "IncomingRecords", "OutgoingBytes"]
    )
    return stream_arn


@pytest.mark.parametrize("named", NAMED)
def test_tells_the_metrics_before_and_after(kinesis: Any, monitored_arn: str, named: Reference) -> None:
    answer = kinesis.disable_enhanced_monitoring(
        **named(monitored_arn), ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"]
    )
    assert answer["StreamName"] == "orders"
    assert answer["StreamARN"] == monitored_arn
    assert sorted(answer["CurrentShardLevelMetrics"]) == ["IncomingBytes", "IncomingRecords", "OutgoingBytes"]
    assert answer["DesiredShardLevelMetrics"] == ["IncomingRecords"]
    assert metrics_of(kinesis) == {"IncomingRecords"}


def test_all_disables_every_metric(kinesis: Any, monitored_arn: str) -> None:
    answer = kinesis.disable_enhanced_monitoring(StreamARN=monitored_arn, ShardLevelMetrics=["ALL"])
    assert answer["DesiredShardLevelMetrics"] == []
    assert metrics_of(kinesis) == set()


def test_one_of_all_leaves_the_others(kinesis: Any, stream_arn: str) -> None:
    kinesis.enable_enhanced_monitoring(StreamARN=stream_arn, ShardLevelMetrics=["ALL"])
    answer = kinesis.disable_enhanced_monitoring(
        StreamARN=stream_arn, ShardLevelMetrics=["IteratorAgeMilliseconds"]
    )
    assert sorted(answer["CurrentShardLevelMetrics"]) == sorted(EVERY_METRIC)
    assert metrics_of(kinesis) == set(EVERY_METRIC) - {"IteratorAgeMilliseconds"}


def test_a_metric_that_is_not_enabled_is_ignored(kinesis: Any, monitored_arn: str) -> None:
    answer = kinesis.disable_enhanced_monitoring(
        StreamARN=monitored_arn, ShardLevelMetrics=["OutgoingRecords"]
    )
    assert answer["CurrentShardLevelMetrics"] == answer["DesiredShardLevelMetrics"]
    assert len(metrics_of(kinesis)) == 3


def test_a_stream_without_metrics_stays_so(kinesis: Any, stream_arn: str) -> None:
    answer = kinesis.disable_enhanced_monitoring(StreamARN=stream_arn, ShardLevelMetrics=["ALL"])
    assert answer["CurrentShardLevelMetrics"] == []
    assert answer["DesiredShardLevelMetrics"] == []


@pytest.mark.parametrize(("metrics", "refused"), INVALID_METRICS)
def test_metrics_must_be_of_the_known_ones(
    kinesis: Any, monitored_arn: str, metrics: list[str], refused: tuple[str, str]
) -> None:
    answer = refusal(kinesis.disable_enhanced_monitoring, StreamARN=monitored_arn, ShardLevelMetrics=metrics)
    assert answer == refused
    assert len(metrics_of(kinesis)) == 3


def test_metrics_are_required(kinesis: Any, monitored_arn: str) -> None:
    answer = refusal(kinesis.disable_enhanced_monitoring, StreamARN=monitored_arn)
    assert answer == required("shardLevelMetrics")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.disable_enhanced_monitoring, StreamName="orders", ShardLevelMetrics=["ALL"])
    assert answer == busy(state, account_id)
