"""The client library's own tests against two gateways, each request sent to the other one in turn.

They are the tests of `tests/client` as they are, run by a pytest of their own, whose server is the address
before the gateways: consumers that poll and that are pushed to, leases, resharding, producers, retries.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT
from tests.storage.kafka.alternating_front import AlternatingFront
from tests.storage.kafka.gateways import running

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
        with AlternatingFront([gateway.port for gateway in gateways]) as front:
            ended = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *SUITES],
                cwd=ROOT,
                env={**os.environ, "HEADWATER_TEST_SERVER": front.url},
                capture_output=True,
                text=True,
                check=False,
            )
        assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
        assert min(front.requests.values()) > 100, front.requests
