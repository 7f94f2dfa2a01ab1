"""CloudWatch shows what Headwater counts of functions and of event source mappings."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.lambda_.function_server import INVOCATION_TIMEOUT_S, FunctionServer
from tests.neighbours.conftest import clients_for
from tests.waiting import awaited

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HANDLER = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as it was told")
"""
WAITING = """
import os, time

def handler(event, context):
    while not os.path.exists({file!r}):
        time.sleep(0.01)
"""
FAILING = "def handler(event, context):\n    raise ValueError('always')\n"


@dataclass
class Watched:
    """A server on a clock that stands still, with its functions and CloudWatch."""

    server: Headwater
    functions: FunctionServer
    cloudwatch: Any

    def points(self, metric: str, stat: str = "Sum", **dimensions: str) -> list[tuple[datetime, float]]:
        found = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=_named(dimensions),
            StartTime=NOON - timedelta(hours=1),
            EndTime=NOON + timedelta(hours=1),
            Period=60,
            Statistics=[stat],
        )["Datapoints"]
        return [(point["Timestamp"], point[stat]) for point in found]

    def values(self, metric: str, stat: str = "Sum", **dimensions: str) -> list[float]:
        return [value for _, value in self.points(metric, stat, **dimensions)]

    def queried(self, *wanted: tuple[str, dict[str, str]], **more: Any) -> list[list[float]]:
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": metric,
                        "Dimensions": _named(dimensions),
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for number, (metric, dimensions) in enumerate(wanted)
        ]
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[*queries, *more.get("expressions", ())],
            StartTime=NOON - timedelta(hours=1),
            EndTime=NOON + timedelta(hours=1),
        )
        return [result["Values"] for result in answer["MetricDataResults"]]

    def listed(self, **members: Any) -> list[tuple[str, dict[str, str]]]:
        found = self.cloudwatch.list_metrics(Namespace="AWS/Lambda", **members)["Metrics"]
        return [
            (each["MetricName"], {part["Name"]: part["Value"] for part in each.get("Dimensions", [])})
            for each in found
        ]

    def throttle(self, name: str) -> None:
        """Have one invocation refused."""
        client = self.functions.client
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        with pytest.raises(ClientError, match="Rate Exceeded"):
            client.invoke(FunctionName=name)
        client.delete_function_concurrency(FunctionName=name)


def _named(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


@pytest.fixture
def watched() -> Iterator[Watched]:
    with Headwater(lambda_retry_delay_ms=10) as server:
        server.clock.stop()
        server.clock.set(NOON)
        functions = FunctionServer(server.endpoint_url)
        yield Watched(server, functions, clients_for(server.endpoint_url)("cloudwatch"))
        functions.close()


def test_invocations_errors_and_throttles_are_counted(watched: Watched) -> None:
    assert watched.listed() == []
    watched.functions.create_python("orders", HANDLER)
    watched.functions.create_python("bills", HANDLER)
    for event in ({}, {"fail": True}, {}):
        watched.functions.invoke("orders", event)
    watched.throttle("orders")
    watched.functions.invoke("bills")

    of_orders = {"FunctionName": "orders"}
    assert watched.points("Invocations", **of_orders) == [(NOON, 3)]
    assert watched.values("Errors", **of_orders) == [1]
    assert watched.values("Errors", "SampleCount", **of_orders) == [3]
    assert watched.values("Throttles", **of_orders) == [1]
    assert watched.values("Throttles", "SampleCount", **of_orders) == [4]
    assert watched.values("Duration", "SampleCount", **of_orders) == [3]
    assert 0 < watched.values("Duration", "Maximum", **of_orders)[0] < 1000 * INVOCATION_TIMEOUT_S
    assert watched.values("ConcurrentExecutions", "Maximum", **of_orders) == [1]
    assert watched.values("Invocations", FunctionName="orders", Resource="orders") == [3]
    assert watched.values("Invocations", Resource="orders", FunctionName="orders") == [3]
    assert watched.values("Invocations", Resource="orders") == []

    assert watched.values("Invocations") == [4]  # of all functions, each once
    assert watched.queried(("Invocations", {}), ("Invocations", of_orders), ("Errors", {})) == [[4], [3], [1]]
    same = {"Id": "same", "Expression": "m0"}
    assert watched.queried(("Throttles", of_orders), expressions=[same]) == [[1], [1]]


@pytest.mark.long
def test_concurrent_executions_are_those_under_way_when_one_begins(watched: Watched, tmp_path: Path) -> None:
    go = tmp_path / "go"
    for name in ("orders", "bills"):
        watched.functions.create_python(name, WAITING.format(file=str(go)), Timeout=60)
    with ThreadPoolExecutor() as threads:
        under_way = [threads.submit(watched.functions.invoke, name) for name in ("orders", "orders", "bills")]
        try:
            awaited(lambda: watched.values("ConcurrentExecutions", "Maximum") == [3])
            assert watched.values("ConcurrentExecutions", "Maximum", FunctionName="orders") == [2]
            assert watched.values("ConcurrentExecutions", "Maximum", FunctionName="bills") == [1]
            watched.server.clock.advance(minutes=1)
        finally:
            go.touch()
        assert [invocation.result().error for invocation in under_way] == [None] * 3
    assert watched.points("Invocations") == [(NOON, 3)]  # when they began


def test_what_was_named_is_the_resource(watched: Watched) -> None:
    watched.functions.create_python("orders", HANDLER)
    client = watched.functions.client
    version = client.publish_version(FunctionName="orders")["Version"]
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)
    watched.functions.invoke("orders", Qualifier="live")
    watched.functions.invoke("orders", {"fail": True}, Qualifier=version)
    live = {"FunctionName": "orders", "Resource": "orders:live"}
    assert watched.values("Invocations", **live) == [1]
    assert watched.values("Errors", **live) == [0]
    assert watched.values("Errors", FunctionName="orders", Resource="orders:1") == [1]
    assert watched.values("Invocations", FunctionName="orders", Resource="orders") == []
    assert watched.values("Invocations", FunctionName="orders") == [2]
    executed = {"FunctionName": "orders", "Resource": "orders:live", "ExecutedVersion": "1"}
    assert watched.values("Invocations", **executed) == [1]
    backwards = dict(reversed(executed.items()))
    assert watched.queried(("Invocations", backwards), ("Invocations", live)) == [[1], [1]]


def test_metrics_are_listed_once_and_told_minute_by_minute(watched: Watched) -> None:
    watched.functions.create_python("orders", HANDLER)
    watched.functions.invoke("orders")
    watched.server.clock.advance(minutes=1)
    watched.functions.invoke("orders")
    watched.functions.invoke("orders")
    minutes = [NOON, NOON + timedelta(minutes=1)]
    assert watched.points("Invocations", FunctionName="orders") == list(zip(minutes, [1, 2], strict=True))
    assert watched.queried(("Invocations", {})) == [[2, 1]]  # CloudWatch begins with the newest
    names = ("ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles")
    assert sorted(name for name, of in watched.listed() if of == {}) == list(names)
    assert watched.listed(MetricName="Errors", Dimensions=[{"Name": "FunctionName"}]) == [
        ("Errors", {"FunctionName": "orders"}),
        ("Errors", {"FunctionName": "orders", "Resource": "orders"}),
    ]
    watched.server.clock.advance(hours=3)
    assert watched.listed() == []


def test_metrics_of_ones_own_with_the_same_name_stay_apart(watched: Watched) -> None:
    watched.functions.create_python("orders", HANDLER)
    watched.functions.invoke("orders")
    datum = {"MetricName": "Invocations", "Dimensions": _named({"FunctionName": "orders"}), "Value": 40}
    watched.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{**datum, "Timestamp": NOON}])
    assert watched.queried(("Invocations", {"FunctionName": "orders"})) == [[1]]


@pytest.mark.long
def test_a_mapping_tells_the_age_of_its_records_and_with_event_count_their_number(watched: Watched) -> None:
    functions = watched.functions
    functions.create_stream("clicks")
    functions.create_python("counter", HANDLER)
    functions.create_python("failing", FAILING)
    pattern = json.dumps({"partitionKey": [{"prefix": "eu-"}]})
    for key in ("eu-1", "us-1", "eu-2"):
        functions.kinesis.put_record(StreamName="clicks", PartitionKey=key, Data=b"{}")
    watched.server.clock.advance(seconds=30)
    counted = functions.map(
        "clicks",
        "counter",
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
        MetricsConfig={"Metrics": ["EventCount"]},
    )
    awaited(lambda: watched.values("Invocations", FunctionName="counter") == [1])
    assert watched.values("IteratorAge", "Maximum", FunctionName="counter") == [30_000]
    assert watched.values("IteratorAge", "SampleCount", FunctionName="counter") == [1]
    of_mapping = {"EventSourceMappingUUID": counted}
    assert watched.values("PolledEventCount", **of_mapping) == [3]
    assert watched.values("FilteredOutEventCount", **of_mapping) == [1]
    assert watched.values("InvokedEventCount", **of_mapping) == [2]
    assert watched.values("FailedInvokeEventCount", **of_mapping) == []

    given_up = functions.map(
        "clicks", "failing", MaximumRetryAttempts=0, MetricsConfig={"Metrics": ["EventCount"]}
    )
    silent = functions.map("clicks", "counter:$LATEST")
    awaited(lambda: watched.values("DroppedEventCount", EventSourceMappingUUID=given_up) == [3])
    assert watched.values("FailedInvokeEventCount", EventSourceMappingUUID=given_up) == [3]
    latest = {"FunctionName": "counter", "Resource": "counter:$LATEST"}
    awaited(lambda: watched.values("Invocations", **latest) == [1])
    assert watched.listed(Dimensions=_named({"EventSourceMappingUUID": silent})) == []
    assert watched.values("IteratorAge", "SampleCount") == [3]


@pytest.mark.long
def test_asynchronous_events_are_counted_until_they_are_given_up(watched: Watched) -> None:
    queue = "arn:aws:sqs:us-east-1:000000000000:nowhere"
    watched.functions.create_python("failing", FAILING, DeadLetterConfig={"TargetArn": queue})
    watched.functions.client.invoke(FunctionName="failing", InvocationType="Event", Payload=io.BytesIO(b"{}"))
    awaited(lambda: watched.values("DeadLetterErrors", FunctionName="failing") == [1])
    counted = ("AsyncEventsReceived", "AsyncEventsDropped", "Invocations", "Errors")
    assert [watched.values(metric, FunctionName="failing") for metric in counted] == [[1], [1], [3], [3]]
    assert watched.values("AsyncEventAge", "SampleCount", FunctionName="failing") == [3]


def test_the_servers_own_route_tells_them_too_and_reset_forgets_them(watched: Watched) -> None:
    def asked(query: str) -> dict[str, Any]:
        with urlopen(f"{watched.server.endpoint_url}/_headwater/cloudwatch?{query}") as answer:
            return dict(json.load(answer))

    assert asked("namespace=AWS/Lambda")["metrics"] == []
    assert asked("namespace=AWS/Lambda&metric=Errors")["datapoints"] == []
    watched.functions.create_python("orders", HANDLER)
    watched.functions.invoke("orders", {"fail": True})
    errors = asked("namespace=AWS/Lambda&metric=Errors&FunctionName=orders")
    assert (errors["namespace"], errors["unit"]) == ("AWS/Lambda", "Count")
    assert [(point["sum"], point["sample_count"]) for point in errors["datapoints"]] == [(1, 1)]
    all_functions = {"metric": "Invocations", "dimensions": {}, "unit": "Count"}
    assert all_functions in asked("namespace=AWS/Lambda")["metrics"]
    watched.server.reset()
    assert asked("namespace=AWS/Lambda")["metrics"] == watched.listed() == []
