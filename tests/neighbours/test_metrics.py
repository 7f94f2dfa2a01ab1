"""CloudWatch shows what Headwater counts of streams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf


def test_cloudwatch_answers_for_streams(headwater: Headwater, client_of: ClientOf) -> None:
    headwater.clock.restore()  # other tests of this server have moved it
    kinesis, cloudwatch = client_of("kinesis"), client_of("cloudwatch")
    kinesis.create_stream(StreamName="counted", ShardCount=1)
    kinesis.enable_enhanced_monitoring(StreamName="counted", ShardLevelMetrics=["IncomingBytes"])
    for _ in range(3):
        kinesis.put_record(StreamName="counted", Data=b"12345", PartitionKey="k")
    dimensions = [{"Name": "StreamName", "Value": "counted"}]

    listed = cloudwatch.list_metrics(Namespace="AWS/Kinesis", Dimensions=dimensions)["Metrics"]
    assert {"IncomingRecords", "PutRecord.Success"} <= {each["MetricName"] for each in listed}

    now = datetime.now(UTC)
    between: dict[str, Any] = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5)}

    def statistics(metric: str, *more: dict[str, str]) -> dict[str, float]:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Kinesis", MetricName=metric, Period=60, Statistics=["Sum", "Maximum"],
            Dimensions=[*dimensions, *more], **between,
        )["Datapoints"]  # fmt: skip
        return {name: sum(point[name] for point in points) for name in ("Sum", "Maximum")}

    assert statistics("IncomingRecords")["Sum"] == 3
    assert statistics("IncomingBytes")["Sum"] == 3 * 6  # with its key, and not its shard's a second time
    assert statistics("IncomingBytes", {"Name": "ShardId", "Value": "shardId-000000000000"})["Sum"] == 3 * 6

    query = {
        "Id": "records",
        "MetricStat": {
            "Metric": {"Namespace": "AWS/Kinesis", "MetricName": "IncomingRecords", "Dimensions": dimensions},
            "Period": 60,
            "Stat": "Sum",
        },
    }
    results = cloudwatch.get_metric_data(MetricDataQueries=[query], **between)["MetricDataResults"]
    assert sum(results[0]["Values"]) == 3
