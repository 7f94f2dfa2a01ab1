"""Spans of puts and handlers, and how one is found from the other."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from headwater.client import (
    AsyncKinesisConsumer,
    AsyncKinesisProducer,
    AsyncQueueConsumer,
    Batch,
    GiveBack,
    HandlerFailed,
    KinesisConsumer,
    KinesisProducer,
    QueueConsumer,
    QueueRecord,
)
from headwater.client.calls.errors import BufferFull, PutFailed
from headwater.testing import Headwater
from tests.client import handlers
from tests.client.queues.queues import name_of, new_queue
from tests.client.queues.queues import put as put_in_queue
from tests.client.streams import new_stream, stored
from tests.trace_collector import collecting

NEVER_MS = 3_600_000
NUMBER, SHARD = "messaging.message.id", "messaging.destination.partition.id"


class Spans:
    """A provider, and the spans that have ended."""

    def __init__(self) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def spans() -> Iterator[Spans]:
    made = Spans()
    yield made
    made.provider.shutdown()


@pytest.fixture
def traced(at: dict[str, Any], spans: Spans) -> dict[str, Any]:
    """The arguments of a producer or consumer that is traced."""
    return at | {"tracing": spans.provider}


def linked(span: ReadableSpan) -> list[int]:
    return [link.context.span_id for link in span.links]


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def span_id(span: ReadableSpan) -> int:
    return context_of(span).span_id


def test_a_put_has_a_span_under_the_callers_and_its_call_is_linked_to_it(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    name = new_stream(kinesis)
    tracer = spans.provider.get_tracer("application")
    with KinesisProducer(name, **traced) as producer, tracer.start_as_current_span("order"):
        placed = producer.put(b"3 apples", "alice")
    shard_id, sequence_number = placed.result()
    put, call, order = spans.one(f"put {name}"), spans.one(f"PutRecords {name}"), spans.one("order")
    assert put.kind is SpanKind.PRODUCER
    assert put.parent is not None
    assert put.parent.span_id == span_id(order)
    assert dict(put.attributes or {}) == {
        "messaging.system": "aws_kinesis",
        "messaging.destination.name": name,
        "messaging.operation.type": "create",
        "messaging.operation.name": "put",
        "messaging.message.body.size": 8,
        SHARD: shard_id,
        NUMBER: sequence_number,
    }
    assert (call.kind, call.parent, linked(call)) == (SpanKind.CLIENT, None, [span_id(put)])
    assert call.attributes is not None
    assert call.attributes["messaging.batch.message_count"] == 1
    assert call.attributes["headwater.failed_record_count"] == 0
    assert len(str(call.attributes["aws.request_id"])) == 36
    assert put.instrumentation_scope is not None
    assert put.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"


def test_the_servers_span_is_a_child_of_the_calls(at: dict[str, Any], spans: Spans) -> None:
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        for variable, value in collector.variables.items():
            patch.setenv(variable, value)
        with Headwater(tracing=True) as server:
            kinesis = server.client()
            kinesis.create_stream(StreamName="orders", ShardCount=1)
            here = at | {"endpoint_url": server.endpoint_url, "tracing": spans.provider}
            with KinesisProducer("orders", **here) as producer:
                producer.put(b"3 apples", "alice")
            seen = collector.one("Kinesis/PutRecords")
    call = spans.one("PutRecords orders")
    assert (seen.parent_id, seen.attributes["aws.request_id"]) == (
        f"{span_id(call):016x}",
        (call.attributes or {})["aws.request_id"],
    )


def test_errors_are_the_status_of_a_puts_span_and_of_its_calls(traced: dict[str, Any], spans: Spans) -> None:
    with KinesisProducer("no-such-stream", **traced) as producer:
        put = producer.put(b"x")
        with pytest.raises(PutFailed):
            put.result()
    for name in ("put no-such-stream", "PutRecords no-such-stream"):
        span = spans.one(name)
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "ResourceNotFoundException"


def test_a_put_that_found_no_room_has_a_span_with_its_error(traced: dict[str, Any], spans: Spans) -> None:
    async def run() -> None:
        producer = AsyncKinesisProducer(
            "no-such-stream", buffer_records=1, buffer_time_ms=NEVER_MS, put_timeout_s=0, **traced
        )
        await producer.put(b"x")
        with pytest.raises(BufferFull):
            await producer.put(b"x")
        await producer.close()

    asyncio.run(run())
    errors = [(span.attributes or {}).get("error.type") for span in spans.named("put no-such-stream")]
    assert "BufferFull" in errors


def test_a_handlers_span_says_which_records_it_is_of(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, **traced) as producer:
        first, last = [producer.put(data, "alice") for data in (b"1", b"2")]
    consumer = KinesisConsumer(name, start="TRIM_HORIZON", **traced)
    current = []

    def handle(batch: Batch) -> None:
        current.append(trace.get_current_span().get_span_context().span_id)
        consumer.stop()

    consumer.run(handle)
    span = spans.one(f"process {name}")
    assert (span.kind, span.parent, current) == (SpanKind.CONSUMER, None, [span_id(span)])
    attributes = dict(span.attributes or {})
    assert attributes.pop("messaging.client.id") == consumer.worker_id
    assert attributes == {
        "messaging.system": "aws_kinesis",
        "messaging.destination.name": name,
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.batch.message_count": 2,
        SHARD: first.result().shard_id,
        "headwater.first_message_id": first.result().sequence_number,
        "headwater.last_message_id": last.result().sequence_number,
    }


def test_with_propagate_a_handlers_span_is_linked_to_the_puts(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    name = new_stream(kinesis)

    async def run() -> list[bytes]:
        async with AsyncKinesisProducer(name, aggregate=True, propagate=True, **traced) as producer:
            for data in (b"1", b"2"):
                await producer.put(data, "alice")
        consumer = AsyncKinesisConsumer(name, start="TRIM_HORIZON", **traced)
        handled = []

        async def handle(batch: Batch) -> None:
            handled.extend([record.data for record in batch])
            consumer.stop()

        await consumer.run(handle)
        return handled

    assert asyncio.run(run()) == [b"1", b"2"]
    puts = {span_id(span) for span in spans.named(f"put {name}")}
    span = spans.one(f"process {name}")
    assert (len(puts), set(linked(span))) == (2, puts)
    (record,) = stored(kinesis, name)
    assert [(link.attributes or {})[NUMBER] for link in span.links] == [record.sequence_number] * 2
    assert (span.attributes or {})[NUMBER] == record.sequence_number


def test_a_record_that_is_alone_in_its_aggregate_brings_its_context_too(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, aggregate=True, propagate=True, **traced) as producer:
        producer.put(b"1", "alice")
    with KinesisConsumer(name, start="TRIM_HORIZON", **traced) as consumer:
        record = next(iter(consumer))
    put = context_of(spans.one(f"put {name}"))
    assert (record.data, record.partition_key) == (b"1", "alice")
    assert record.trace_context == {
        "traceparent": f"00-{put.trace_id:032x}-{put.span_id:016x}-{put.trace_flags:02x}"
    }


def test_propagate_needs_aggregates_and_tracing(at: dict[str, Any], spans: Spans) -> None:
    for settings in ({"tracing": spans.provider}, {"aggregate": True}, {}):
        with pytest.raises(ValueError, match="propagate"):
            KinesisProducer("orders", propagate=True, **settings, **at)


def test_what_a_handler_raises_is_the_status_of_its_span(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    name = new_stream(kinesis)
    kinesis.put_record(StreamName=name, PartitionKey="alice", Data=b"1")
    consumer = KinesisConsumer(name, start="TRIM_HORIZON", retries=0, **traced)

    def handle(_batch: Batch) -> None:
        raise ValueError("no apples")

    with pytest.raises(HandlerFailed):
        consumer.run(handle)
    span = spans.one(f"process {name}")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no apples")
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert [event.name for event in span.events] == ["exception"]


def test_a_handler_in_another_process_has_its_span_here(
    kinesis: Any, traced: dict[str, Any], spans: Spans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(handlers.FOLDER, str(tmp_path))
    name = new_stream(kinesis)
    kinesis.put_record(StreamName=name, PartitionKey="alice", Data=b"1")
    consumer = KinesisConsumer(name, start="TRIM_HORIZON", retries=0, processes=1, **traced)
    with pytest.raises(HandlerFailed):
        consumer.run(handlers.refuse)
    assert (spans.one(f"process {name}").attributes or {})["error.type"] == "ValueError"


def test_a_record_of_a_queue_is_linked_to_the_puts_in_it(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    arn = new_queue(kinesis)
    name = name_of(kinesis, arn)
    with KinesisProducer(name, aggregate=True, propagate=True, **traced) as producer:
        for data in (b"1", b"2"):
            producer.put(data, "alice")
    consumer = QueueConsumer(arn, wait_s=1, **traced)
    seen: list[QueueRecord] = []

    def handle(record: QueueRecord) -> None:
        seen.append(record)
        consumer.stop()

    consumer.run(handle)
    span = spans.one(f"process {arn.rpartition('/')[2]}")
    assert (span.kind, set(linked(span))) == (
        SpanKind.CONSUMER,
        {span_id(put) for put in spans.named(f"put {name}")},
    )
    assert (span.attributes or {})[NUMBER] == seen[0].record_id
    assert (span.attributes or {})["headwater.receive_count"] == 1


def test_a_record_that_is_given_back_is_no_error_and_one_that_fails_is(
    kinesis: Any, traced: dict[str, Any], spans: Spans
) -> None:
    arn = new_queue(kinesis)
    put_in_queue(kinesis, arn, ["1"])

    async def run() -> None:
        consumer = AsyncQueueConsumer(arn, wait_s=1, retry_first_s=0, **traced)
        outcomes = iter([GiveBack(), ValueError("no apples"), None])

        async def handle(_record: QueueRecord) -> None:
            outcome = next(outcomes)
            if outcome is None:
                consumer.stop()
            else:
                raise outcome

        await consumer.run(handle)

    asyncio.run(run())
    handled = spans.named(f"process {arn.rpartition('/')[2]}")
    assert [span.status.status_code for span in handled] == [
        StatusCode.UNSET,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert [(span.attributes or {}).get("headwater.given_back") for span in handled] == [True, None, None]


def test_a_put_that_is_not_sampled_costs_no_span_and_links_nothing(
    kinesis: Any, at: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    spans = Spans()
    name = new_stream(kinesis)
    with KinesisProducer(name, tracing=spans.provider, **at) as producer:
        assert producer.put(b"1", "alice").result().shard_id
    assert spans.named(f"put {name}") == spans.named(f"PutRecords {name}") == []


FORKING = """
import os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from headwater.client import KinesisProducer
provider = TracerProvider()
form = lambda span: f"{os.getpid()} {span.name} {span.status.status_code.name}\\n"
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=form)))
trace.set_tracer_provider(provider)
producer = KinesisProducer(sys.argv[1], buffer_time_ms=3_600_000, tracing=True)
producer.put(b"1", "alice")
if child := os.fork():
    os.waitpid(child, 0)
    producer.close()
    print(os.getpid())
"""


@pytest.mark.long  # two more processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="without forks")
def test_a_forked_child_ends_no_span_of_its_parents(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    variables = {"AWS_ENDPOINT_URL": at["endpoint_url"], "AWS_DEFAULT_REGION": "us-east-1"}
    variables |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, name],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    *ended, parent = run.stdout.split("\n")[:-1]
    assert sorted(ended) == [f"{parent} PutRecords {name} UNSET", f"{parent} put {name} UNSET"]


def test_without_tracing_nothing_of_opentelemetry_is_imported(at: dict[str, Any]) -> None:
    code = """
import sys
from headwater.client import AsyncKinesisConsumer, KinesisConsumer, KinesisProducer, QueueConsumer
from headwater.client.calls.errors import ConfigurationError
here = {"endpoint_url": "http://127.0.0.1:1", "region_name": "us-east-1"}
for kind in (KinesisProducer, KinesisConsumer, QueueConsumer):
    kind("orders", **here)
print([name for name in sys.modules if name.startswith("opentelemetry")])
sys.modules["opentelemetry"] = None
try:
    KinesisProducer("orders", tracing=True, **here)
except ConfigurationError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "tracing needs opentelemetry: pip install 'headwater[otel]'"]
