"""CloudWatch by Smithy RPC v2 CBOR, as the SDKs of today speak it, beside JSON and forms."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from headwater.wire import cbor_format

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)

CloudWatchOf = Callable[[str], Any]


@pytest.fixture(scope="module")
def cloudwatch_of(headwater: Headwater, tmp_path_factory: pytest.TempPathFactory) -> CloudWatchOf:
    """The real SDK's client, its model left with one of its protocols; made once, as that takes a while."""

    @cache
    def cloudwatch(protocol: str) -> Any:
        session = botocore.session.Session()
        loader = session.get_component("data_loader")
        model = json.loads(json.dumps(loader.load_service_model("cloudwatch", "service-2")))
        model["metadata"] |= {"protocols": [protocol], "protocol": protocol}
        folder: Path = tmp_path_factory.mktemp("models")
        of_service = folder / "cloudwatch" / "2010-08-01"
        of_service.mkdir(parents=True)
        (of_service / "service-2.json").write_text(json.dumps(model))
        own = botocore.session.Session()
        own.get_component("data_loader").search_paths.insert(0, str(folder))
        return own.create_client(
            "cloudwatch",
            region_name="us-east-1",
            endpoint_url=headwater.endpoint_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return cloudwatch


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_metrics_come_back_as_they_were_put(cloudwatch_of: CloudWatchOf, protocol: str) -> None:
    cloudwatch, namespace = cloudwatch_of(protocol), f"Metrics/{protocol}"
    dimension = {
        "Name": "Queue",
        "Value": f"büro-{protocol}",
    }  # moto looks at no namespace where there is one
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": "Depth", "Dimensions": [dimension], "Timestamp": NOW, "Value": 3, "Unit": "Count"},
            {
                "MetricName": "Depth",
                "Dimensions": [dimension],
                "Timestamp": NOW,
                "Value": 0.5,
                "Unit": "Count",
            },
        ],
    )
    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == [
        {"Namespace": namespace, "MetricName": "Depth", "Dimensions": [dimension]}
    ]
    between = {"StartTime": NOW - timedelta(minutes=5), "EndTime": NOW + timedelta(minutes=5)}
    (point,) = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="Depth", Dimensions=[dimension], Period=60,
        Statistics=["Sum", "Maximum"], **between,
    )["Datapoints"]  # fmt: skip
    assert (point["Sum"], point["Maximum"], point["Unit"]) == (3.5, 3.0, "Count")
    assert NOW - timedelta(minutes=1) <= point["Timestamp"] <= NOW
    metric = {"Namespace": namespace, "MetricName": "Depth", "Dimensions": [dimension]}
    query = {"Id": "depth", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[query], **between)["MetricDataResults"]
    assert (result["Values"], result["StatusCode"]) == ([3.5], "Complete")
    assert [type(at) for at in result["Timestamps"]] == [datetime]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_alarms_dashboards_and_tags(cloudwatch_of: CloudWatchOf, protocol: str) -> None:
    cloudwatch, name = cloudwatch_of(protocol), f"deep-{protocol}"
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="N", MetricName="Depth", Statistic="Sum", Period=60, EvaluationPeriods=2,
        Threshold=5, ComparisonOperator="GreaterThanThreshold", ActionsEnabled=False,
        Tags=[{"Key": "stage", "Value": "test"}],
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="because")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (alarm["Threshold"], alarm["Period"], alarm["ActionsEnabled"]) == (5.0, 60, False)
    assert (alarm["StateValue"], type(alarm["StateUpdatedTimestamp"])) == ("ALARM", datetime)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "stage", "Value": "test"}]
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"] is True
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []

    body = json.dumps({"widgets": []})
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
    assert cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"] == body
    listed = cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert [each["DashboardName"] for each in listed] == [name]
    assert isinstance(listed[0]["LastModified"], datetime)
    cloudwatch.delete_dashboards(DashboardNames=[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_errors_have_the_types_of_the_model(cloudwatch_of: CloudWatchOf, protocol: str) -> None:
    cloudwatch = cloudwatch_of(protocol)
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound) as not_found:
        cloudwatch.get_dashboard(DashboardName="nobody's")
    assert "does not exist" in not_found.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(
            Namespace="N", MetricData=[{"MetricName": "M", "Value": 1.0, "Values": [1.0, 2.0]}]
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_moto_has_not_is_said_to_be_missing(cloudwatch_of: CloudWatchOf, protocol: str) -> None:
    with pytest.raises(ClientError) as refused:
        cloudwatch_of(protocol).list_metric_streams()
    answer = refused.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (501, "NotImplemented")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_large_bodies_come_compressed(cloudwatch_of: CloudWatchOf, protocol: str) -> None:
    cloudwatch, namespace = cloudwatch_of(protocol), f"Large/{protocol}"
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[{"MetricName": f"metric-{number}", "Value": number} for number in range(400)],
    )
    assert len(cloudwatch.list_metrics(Namespace=namespace)["Metrics"]) == 400


def ask(headwater: Headwater, operation: str, body: bytes, **headers: str) -> tuple[int, Any, dict[str, Any]]:
    url = f"{headwater.endpoint_url}/service/GraniteServiceVersion20100801/operation/{operation}"
    given = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"} | headers
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, given, method="POST")) as answer:
            return answer.status, answer.headers, cbor_format.decode(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, cbor_format.decode(error.read())


def test_an_unsigned_request_is_told_by_its_path(headwater: Headwater) -> None:
    status, headers, document = ask(headwater, "ListMetrics", b"")
    assert (status, headers["smithy-protocol"]) == (200, "rpc-v2-cbor")
    assert headers["content-type"] == "application/cbor"
    assert isinstance(document["Metrics"], list)


@pytest.mark.parametrize(
    ("operation", "request_", "shape", "code"),
    [
        ("GetDashboard", {"DashboardName": "nobody's"}, "DashboardNotFoundError", "ResourceNotFound"),
        (
            "PutMetricData",
            {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1.0, "Values": [1.0]}]},
            "InvalidParameterValueException",
            "InvalidParameterValue",
        ),
    ],
)
def test_an_error_is_named_by_its_shape_and_its_older_code(
    headwater: Headwater, operation: str, request_: dict[str, Any], shape: str, code: str
) -> None:
    _, headers, document = ask(headwater, operation, cbor_format.encode(request_))
    assert document["__type"].rpartition("#")[2] == shape
    assert headers["x-amzn-query-error"] == f"{code};Sender"


@pytest.mark.parametrize("body", [b"\xff", b"{}", b"\xa1\x61a", b"\x80"])
def test_an_unreadable_body_is_refused_in_cbor(headwater: Headwater, body: bytes) -> None:
    status, headers, document = ask(headwater, "ListMetrics", body)
    assert (status, headers["smithy-protocol"]) == (400, "rpc-v2-cbor")
    assert document["__type"].endswith("#SerializationException")


@pytest.mark.parametrize(
    "made",
    [
        lambda: b"not gzip",
        lambda: gzip.compress(b"\xa0")[:-3],
        lambda: gzip.compress(bytes(65 * 1024 * 1024), compresslevel=1),
    ],
    ids=["not gzip", "cut short", "too large"],
)
def test_a_compressed_body_is_inflated_within_bounds(headwater: Headwater, made: Callable[[], bytes]) -> None:
    status, _, document = ask(headwater, "ListMetrics", made(), **{"content-encoding": "gzip"})
    assert (status, document["__type"].rpartition("#")[2]) == (400, "InvalidRequest")
