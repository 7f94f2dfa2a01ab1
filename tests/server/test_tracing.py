"""Spans of requests, as a collector gets them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span

from headwater.server.tracing import aws_parent
from headwater.testing import Headwater
from tests.trace_collector import Collector, collecting
from tests.waiting import awaited

START = ["start", "--tracing", "--port", "0"]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SIGNED = {
    "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "x-amz-date": "20260101T000000Z",
}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Headwater, Collector]]:
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        for name, value in collector.variables.items():
            patch.setenv(name, value)
        with Headwater(tracing=True) as server:
            yield server, collector


@pytest.fixture
def server(served: tuple[Headwater, Collector]) -> Headwater:
    return served[0]


@pytest.fixture
def collector(served: tuple[Headwater, Collector]) -> Collector:
    served[1].spans.clear()
    return served[1]


@pytest.fixture(scope="module")
def kinesis(served: tuple[Headwater, Collector]) -> Iterator[Any]:
    client = served[0].client()
    client.create_stream(StreamName="orders", ShardCount=1)
    yield client
    client.close()


def asked(server: Headwater, target: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of a call that is made by hand."""
    to = HTTPConnection(urlsplit(server.endpoint_url).netloc)
    sent = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"} | SIGNED | headers
    to.request("POST", "/", body, sent)
    status = to.getresponse().status
    to.close()
    return status


def listed(server: Headwater, headers: dict[str, str]) -> None:
    assert asked(server, "Kinesis_20131202.ListStreams", b"{}", headers) == 200


def test_a_put_has_a_span_that_says_where_the_record_is(collector: Collector, kinesis: Any) -> None:
    put = kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples")
    span = collector.one("Kinesis/PutRecord")
    assert (span.kind, span.parent_id, span.is_error) == ("server", "", False)
    port = int(kinesis.meta.endpoint_url.rpartition(":")[2])
    answered = put["ResponseMetadata"]["HTTPHeaders"]
    assert span.attributes.pop("aws.extended_request_id") == answered["x-amz-id-2"]
    assert span.attributes == {
        "rpc.system.name": "aws-api",
        "rpc.method": "Kinesis/PutRecord",
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
        "aws.request_id": put["ResponseMetadata"]["RequestId"],
        "aws.kinesis.stream_name": "orders",
        "messaging.destination.name": "orders",
        "messaging.destination.partition.id": put["ShardId"],
        "messaging.message.id": put["SequenceNumber"],
    }
    assert span.resource["service.name"] == "headwater"
    assert span.schema_url == "https://opentelemetry.io/schemas/1.44.0"


def test_an_error_is_the_status_of_its_span(collector: Collector, kinesis: Any) -> None:
    with pytest.raises(ClientError):
        kinesis.describe_stream(StreamName="missing")
    span = collector.one("Kinesis/DescribeStream")
    assert span.is_error
    assert span.status.startswith("ResourceNotFoundException: ")
    assert span.attributes["error.type"] == "ResourceNotFoundException"
    assert span.attributes["http.response.status_code"] == 400


def test_a_call_of_many_records_says_how_many_were_refused(collector: Collector, kinesis: Any) -> None:
    kinesis.put_records(StreamName="orders", Records=[{"PartitionKey": "a", "Data": b"1"}] * 3)
    assert collector.one("Kinesis/PutRecords").attributes["headwater.failed_record_count"] == 0


def test_a_call_in_cbor_says_the_same(server: Headwater, collector: Collector, kinesis: Any) -> None:
    body = b"\xa3jStreamNameforderslPartitionKeyaaDData\x41x".replace(b"aaDData", b"aadData")
    headers = {"content-type": "application/x-amz-cbor-1.1"}
    assert asked(server, "Kinesis_20131202.PutRecord", body, headers) == 200
    attributes = collector.one("Kinesis/PutRecord").attributes
    assert attributes["messaging.destination.partition.id"] == "shardId-000000000000"
    assert attributes["messaging.message.id"].startswith("49")


def test_the_parent_is_what_traceparent_says(server: Headwater, collector: Collector) -> None:
    listed(server, {"traceparent": f"00-{TRACE}-{PARENT}-01"})
    span = collector.one("Kinesis/ListStreams")
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)


def test_without_one_it_is_what_the_header_of_aws_says(server: Headwater, collector: Collector) -> None:
    header = {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"}
    listed(server, header)
    listed(server, header | {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"})
    first, second = collector.named("Kinesis/ListStreams", 2)
    assert (first.trace_id, first.parent_id) == (TRACE, PARENT)
    assert (second.trace_id, second.parent_id) == ("1" * 32, "2" * 16)


def test_a_parent_that_is_not_sampled_has_no_span(server: Headwater, collector: Collector) -> None:
    listed(server, {"traceparent": f"00-{TRACE}-{PARENT}-00"})
    listed(server, {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=0"})
    listed(server, {"X-Amzn-Trace-Id": "nonsense", "traceparent": "nonsense"})
    assert collector.one("Kinesis/ListStreams").parent_id == ""


@pytest.mark.parametrize(
    "header",
    ["", "Root=1-a-b;Parent=c", f"Root=1-{TRACE[:8]}-{TRACE[8:]}", f"Parent={PARENT}", "Root;;=;Parent"],
)
def test_a_header_that_names_no_span_is_no_parent(header: str) -> None:
    assert aws_parent(header) is None


def test_a_zero_is_no_span(collector: Collector) -> None:
    assert aws_parent(f"Root=1-00000000-{'0' * 24};Parent={PARENT}") is None


def test_an_instrumented_boto3_is_the_parent(server: Headwater, collector: Collector) -> None:
    provider, called = TracerProvider(shutdown_on_exit=False), []
    instrumentor: Any = BotocoreInstrumentor()  # type: ignore[no-untyped-call]  # which the package has not
    instrumentor.instrument(
        tracer_provider=provider, request_hook=lambda span, *_: called.append(span), skip_dep_check=True
    )
    try:
        client = server.client()
        client.list_streams()
    finally:
        instrumentor.uninstrument()
    span: Span = called[0]
    context = span.get_span_context()
    seen = collector.one("Kinesis/ListStreams")
    assert (seen.trace_id, seen.parent_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")


def test_what_is_not_known_is_named_as_the_conventions_say(server: Headwater, collector: Collector) -> None:
    assert asked(server, "Kinesis_20131202.Nonsense", b"{}", {}) == 400
    assert asked(server, "nonsense", b"{}", {}) in (400, 403, 404)
    assert asked(server, "Kinesis_20131202.PutRecord", b"[" * 50_000, {}) == 400
    span = collector.one("Kinesis/_OTHER")
    assert span.attributes["error.type"] == "UnknownOperationException"
    assert collector.one("POST").attributes["url.path"] == "/"


def test_the_servers_own_routes_have_no_spans(server: Headwater, collector: Collector) -> None:
    to = HTTPConnection(urlsplit(server.endpoint_url).netloc)
    to.request("GET", "/_headwater/health")
    assert to.getresponse().read()
    to.close()
    listed(server, {})
    collector.one("Kinesis/ListStreams")
    assert [span for span in collector.spans if span.name == "GET"] == []


def test_a_request_that_is_cut_off_has_a_span_with_an_error(
    server: Headwater, collector: Collector, kinesis: Any
) -> None:
    with server.faults.cut("ListStreams", times=1), pytest.raises(ConnectionError):
        listed(server, {})
    span = collector.one("Kinesis/ListStreams")
    assert (span.is_error, span.attributes["error.type"]) == (True, "no_answer")


def test_what_is_left_is_sent_at_the_end() -> None:
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        for name, value in (collector.variables | {"OTEL_BSP_SCHEDULE_DELAY": "600000"}).items():
            patch.setenv(name, value)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,deployment.environment.name=test")
        with Headwater(tracing=True) as server:
            listed(server, {})
        (span,) = collector.spans
    assert (span.resource["service.name"], span.resource["deployment.environment.name"]) == ("shop", "test")


def test_the_variables_may_ask_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        for name, value in (collector.variables | {"OTEL_TRACES_EXPORTER": "none"}).items():
            monkeypatch.setenv(name, value)
        with Headwater(tracing=True) as server:
            listed(server, {})
        assert collector.spans == []


def started(variables: dict[str, str], *, before: str = "") -> str:
    """What `headwater start` says that cannot start."""
    code = f"import sys; {before}from headwater.cli.entry import main; sys.argv[1:] = {START}; main()"
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    return run.stderr.strip()


def test_without_the_extra_the_start_says_what_is_missing() -> None:
    told = started({}, before="sys.modules['opentelemetry'] = None; ")
    assert told == "headwater: --tracing needs OpenTelemetry's SDK: pip install 'headwater[otel]'"


def test_what_the_variables_have_wrong_is_said_at_the_start() -> None:
    told = started({"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"})
    assert told == "headwater: --tracing: 'smoke' is no protocol of OTLP: http/protobuf or grpc"
    told = started({"OTEL_TRACES_EXPORTER": "pigeon"})
    assert told == "headwater: --tracing: OTEL_TRACES_EXPORTER asks for pigeon, which is not installed"
    told = started({"OTEL_PROPAGATORS": "pigeon"})
    assert told.startswith("headwater: --tracing: Propagator pigeon not found.")


def test_of_what_the_sdk_replaces_by_its_default_the_log_tells(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "pigeon")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    with Headwater(tracing=True, log_level="warning"):
        awaited(lambda: "WARNING OpenTelemetry: Couldn't recognize sampler pigeon." in capfd.readouterr().err)


def test_spans_that_cannot_be_sent_are_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with collecting() as gone:
        variables = gone.variables | {"OTEL_EXPORTER_OTLP_TIMEOUT": "0.1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Headwater(tracing=True, log_level="warning") as server:
        listed(server, {})
        awaited(lambda: "WARNING OpenTelemetry: " in capfd.readouterr().err)
