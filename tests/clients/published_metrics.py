"""What a client library has published in the CloudWatch beside the streams, read back with boto3."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from tests.clients.client_process import CREDENTIALS, Endpoint

_OF_METRICS = re.compile("cloud_?watch|metrics_manager|metrics upload", re.IGNORECASE)
"""The words of the KCL, and the file and the words of the KPL's native program."""
QUERIES_MAX = 500
"""In one GetMetricData."""


def published(endpoint: Endpoint, namespace: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The sum of a metric under each of the sets of dimensions that it was published with."""
    cloudwatch = _cloudwatch(endpoint)
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, MetricName=name)
    metrics = [metric for page in pages for metric in page["Metrics"]]
    assert len(metrics) <= QUERIES_MAX
    if not metrics:
        return {}
    now = datetime.now(UTC)
    queries = [_sum_of(metric, number) for number, metric in enumerate(metrics)]
    answered = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1)
    )
    sums: Counter[str] = Counter()
    for page in answered:
        for result in page["MetricDataResults"]:
            sums[result["Id"]] += sum(result["Values"])
    return {_dimensions(metric): sums[f"m{number}"] for number, metric in enumerate(metrics)}


def check_no_complaint_about_metrics(log: str) -> None:
    """A library that cannot publish says so in its log, and goes on."""
    complaints = [line for line in log.splitlines() if _OF_METRICS.search(line)]
    assert not complaints, "\n".join(complaints)


def _sum_of(metric: dict[str, Any], number: int) -> dict[str, Any]:
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}


def _dimensions(metric: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each["Name"], each["Value"]) for each in metric["Dimensions"]))


def _cloudwatch(endpoint: Endpoint) -> Any:
    return boto3.client(
        "cloudwatch",
        endpoint_url=endpoint.metrics_url or endpoint.url,
        region_name="eu-west-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        verify=None if endpoint.ca_path is None else str(endpoint.ca_path),
    )
