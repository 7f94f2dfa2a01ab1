"""The client library's own tests against two gateways, each request sent to the other one in turn.

They are the tests of `tests/client` as they are, run by a pytest of their own, whose server is the address
before the gateways: consumers that poll and that are pushed to, leases, resharding, producers, retries.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage.kafka.gateways import running
from tests.storage.kafka.suites import requests_of_suites

pytestmark = pytest.mark.long
SUITES = (
    "tests/client/consumer/test_consumer.py",
    "tests/client/consumer/test_fan_out.py",
    "tests/client/leases/test_two_streams.py",
    "tests/client/producer/test_producer.py",
    "tests/client/producer/test_aggregation.py",
)


def test_consumers_and_producers_see_one_server(store_url: str, tmp_path: Path) -> None:
    quick = ("--transition-ms", "20", "--resubscribe-at-once")
    with running(store_url, tmp_path, 2, *quick) as gateways:
        requests = requests_of_suites(gateways, "-m", "not long", *SUITES)
    assert min(requests.values()) > 100, requests
