"""A producer whose service fails on purpose: nothing is lost, and nothing is overtaken that must not be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from headwater.client import KinesisProducer
from headwater.testing.admin_client import AdminClient
from headwater.testing.server_faults import ServerFaults
from tests.client.streams import new_stream, stored, user_records
from tests.conftest import RunningServer

KEYS = 10
RECORDS = 150
RULES: list[tuple[str, dict[str, Any]]] = [
    ("throttle", {"records": 3, "probability": 0.2}),
    ("throttle", {"error": "InternalFailure", "probability": 0.1}),
    ("error", {"operation": "PutRecords", "probability": 0.1}),
    (
        "error",
        {
            "operation": "PutRecords",
            "error": "ProvisionedThroughputExceededException",
            "probability": 0.1,
        },
    ),
    ("cut", {"operation": "PutRecords", "when": "before", "probability": 0.1}),
    ("cut", {"operation": "PutRecords", "when": "after", "probability": 0.15}),
    ("delay", {"operation": "PutRecords", "delay_ms": 20, "when": "before", "probability": 0.1}),
    ("delay", {"operation": "PutRecords", "delay_ms": 20, "when": "after", "probability": 0.1}),
]


@contextmanager
def failing(server: RunningServer, stream: str) -> Iterator[None]:
    """PutRecords fails in every way, each at least once."""
    faults = ServerFaults(AdminClient(server.endpoint_url))
    with ExitStack() as stack:
        added = [
            stack.enter_context(getattr(faults, action)(stream=stream, seed=number, **members))
            for number, (action, members) in enumerate(RULES)
        ]
        yield
        assert [fault for fault in added if not fault.fired] == []


def numbers_by_key(kinesis: Any, stream: str) -> dict[str, list[int]]:
    """What lies in a stream, duplicates included."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for key, data in user_records(stored(kinesis, stream)):
        numbers[key].append(int(data))
    return numbers


def without_repetitions(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


@pytest.mark.usefixtures("short_put_delays")
@pytest.mark.parametrize("aggregate", [False, True])
@pytest.mark.parametrize("ordered", [pytest.param(False, marks=pytest.mark.long), True])
def test_no_record_is_lost_and_order_is_kept_where_it_was_promised(
    server: RunningServer, kinesis: Any, at: dict[str, Any], ordered: bool, aggregate: bool
) -> None:
    stream = new_stream(kinesis, 2)
    settings: dict[str, Any] = {"aggregate": aggregate, "aggregate_bytes": 60, "batch_records": 5}
    with failing(server, stream):
        with KinesisProducer(stream, ordered=ordered, buffer_time_ms=5, **settings, **at) as producer:
            puts = [producer.put(str(number), f"key-{number % KEYS}") for number in range(RECORDS)]
        placed = {put.result() for put in puts}
    assert placed <= {(record.shard_id, record.sequence_number) for record in stored(kinesis, stream)}
    found = numbers_by_key(kinesis, stream)
    wanted = {f"key-{key}": list(range(key, RECORDS, KEYS)) for key in range(KEYS)}
    assert sum(len(numbers) for numbers in found.values()) > RECORDS  # what was cut after it was done
    assert {key: sorted(set(numbers)) for key, numbers in found.items()} == wanted
    if ordered:
        assert {key: without_repetitions(numbers) for key, numbers in found.items()} == wanted
    if ordered and not aggregate:
        assert all(numbers == sorted(numbers) for numbers in found.values())
