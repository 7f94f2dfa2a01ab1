"""EnableEnhancedMonitoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.monitoring import EVERY_METRIC, INVALID_METRICS, metrics_of
from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal, required

Settle = Callable[[], None]


@pytest.mark.parametrize("named", NAMED)
def test_tells_the_metrics_before_and_after(kinesis: Any, stream_arn: str, named: Reference) -> None:
    answer = kinesis.enable_enhanced_monitoring(
        **named(stream_arn), ShardLevelMetrics=["OutgoingBytes", "IncomingBytes"]
    )
    assert answer["StreamName"] == "orders"
    assert answer["StreamARN"] == stream_arn
    assert answer["CurrentShardLevelMetrics"] == []
    assert sorted(answer["DesiredShardLevelMetrics"]) == ["IncomingBytes", "OutgoingBytes"]
    assert metrics_of(kinesis) == {"IncomingBytes", "OutgoingBytes"}


def test_a_new_stream_has_no_metrics(kinesis: Any, stream_arn: str) -> None:
    whole = kinesis.describe_stream(StreamARN=stream_arn)["StreamDescription"]
    assert whole["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]


@pytest.mark.parametrize("metric", EVERY_METRIC)
def test_each_metric_can_be_enabled(kinesis: Any, stream_arn: str, metric: str) -> None:
    kinesis.enable_enhanced_monitoring(StreamARN=stream_arn, ShardLevelMetrics=[metric])
    assert metrics_of(kinesis) == {metric}


def test_adds_to_the_metrics_that_are_enabled(kinesis: Any, stream_arn: str) -> None:
    kinesis.enable_enhanced_monitoring(
        StreamARN=stream_arn, ShardLevelMetrics=["IncomingBytes", "IncomingRecords"]
    )
    answer = kinesis.enable_enhanced_monitoring(
        StreamARN=stream_arn, ShardLevelMetrics=["IncomingRecords", "OutgoingRecords"]
    )
    assert sorted(answer["CurrentShardLevelMetrics"]) == ["IncomingBytes", "IncomingRecords"]
    assert sorted(answer["DesiredShardLevelMetrics"]) == [
        "IncomingBytes",
        "IncomingRecords",
        "OutgoingRecords",
    ]


@pytest.mark.parametrize("metrics", [["ALL"], ["IncomingBytes", "ALL"], list(EVERY_METRIC)])
def test_all_is_every_metric_by_name(kinesis: Any, stream_arn: str, metrics: list[str]) -> None:
    answer = kinesis.enable_enhanced_monitoring(StreamARN=stream_arn, ShardLevelMetrics=metrics)
    assert sorted(answer["DesiredShardLevelMetrics"]) == sorted(EVERY_METRIC)
    assert metrics_of(kinesis) == set(EVERY_METRIC)


def test_the_stream_stays_active(kinesis: Any, stream_arn: str) -> None:
    kinesis.enable_enhanced_monitoring(StreamARN=stream_arn, ShardLevelMetrics=["ALL"])
    summary = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE"


@pytest.mark.parametrize(("metrics", "refused"), INVALID_METRICS)
def test_metrics_must_be_of_the_known_ones(
    kinesis: Any, stream_arn: str, metrics: list[str], refused: tuple[str, str]
) -> None:
    answer = refusal(kinesis.enable_enhanced_monitoring, StreamARN=stream_arn, ShardLevelMetrics=metrics)
    assert answer == refused
    assert metrics_of(kinesis) == set()


def test_metrics_are_required(kinesis: Any, stream_arn: str) -> None:
    answer = refusal(kinesis.enable_enhanced_monitoring, StreamARN=stream_arn)
    assert answer == required("shardLevelMetrics")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.enable_enhanced_monitoring, StreamName="orders", ShardLevelMetrics=["ALL"])
    assert answer == busy(state, account_id)
