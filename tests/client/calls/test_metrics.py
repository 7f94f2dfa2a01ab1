"""A producer's numbers, as Prometheus reads them."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from headwater.client import KinesisProducer
from headwater.client.calls.metrics import PrometheusCollector
from tests.client.refusing_front import RefusingFront, Seen
from tests.client.streams import new_stream


def test_prometheus_reads_the_counters_of_several_producers(kinesis: Any, at: dict[str, Any]) -> None:
    names = [new_stream(kinesis), new_stream(kinesis)]

    def refuse_once(records: list[Seen]) -> list[str | None]:
        return ["InternalFailure" if len(front.calls) == 1 else None] * len(records)

    registry = CollectorRegistry()
    with RefusingFront(at["endpoint_url"], refuse_once) as front:
        first = KinesisProducer(names[0], **at | {"endpoint_url": front.url})
        second = KinesisProducer(names[1], **at)
        registry.register(PrometheusCollector(first, second))
        with first, second:
            first.put(b"1234", "key")
            second.put(b"1", "key")
    text = generate_latest(registry).decode()
    for line in (
        f'headwater_producer_user_records_done_total{{stream="{names[0]}"}} 1.0',
        f'headwater_producer_bytes_done_total{{stream="{names[0]}"}} 7.0',
        f'headwater_producer_calls_total{{stream="{names[0]}"}} 2.0',
        f'headwater_producer_retries_total{{stream="{names[0]}"}} 1.0',
        f'headwater_producer_errors_total{{code="InternalFailure",stream="{names[0]}"}} 1.0',
        f'headwater_producer_user_records_done_total{{stream="{names[1]}"}} 1.0',
        f'headwater_producer_held_records{{stream="{names[1]}"}} 0.0',
    ):
        assert line in text.splitlines()
