"""boto3 and the Kinesis Client Library against two gateways, each request sent to the other one in turn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients import test_boto3, test_kcl
from tests.clients.client_process import Endpoint
from tests.clients.kcl_application import application
from tests.clients.streams import client, closed_shards, wait_until_active
from tests.storage.kafka.alternating_front import AlternatingFront
from tests.storage.kafka.gateways import running
from tests.storage.kafka.nodes import KafkaNodes

pytestmark = pytest.mark.clients

QUICK = ("--transition-ms", "20")
ROUNDS = 80
"""Of records that are put while the library reads: fewer than against a server alone."""


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlternatingFront]:
    """The address before two gateways."""
    folder = tmp_path_factory.mktemp("gateways")
    nodes = KafkaNodes(folder / "nodes", 1)
    try:
        with (
            running(nodes.url("clients"), folder, 2, *QUICK) as gateways,
            AlternatingFront([gateway.port for gateway in gateways]) as found,
        ):
            yield found
    finally:
        nodes.close()


@pytest.fixture
def gateways(front: AlternatingFront, http: Endpoint) -> Endpoint:
    """It as clients see it; the neighbours, DynamoDB and CloudWatch, are in a server of their own."""
    return Endpoint(front.url, metrics_url=http.url)


def test_boto3_sees_one_server(gateways: Endpoint, front: AlternatingFront) -> None:
    test_boto3.test_boto3(gateways)
    assert min(front.requests.values()) > 20, front.requests


@pytest.mark.parametrize("retrieval", ["polling", "fan-out"])
def test_two_workers_read_a_stream_that_is_resharded(
    retrieval: str,
    gateways: Endpoint,
    http: Endpoint,
    front: AlternatingFront,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each record is read, in order for its key, parents before children, though one of both is killed."""
    monkeypatch.setattr(test_kcl, "ROUNDS", ROUNDS)
    kinesis = client(gateways)
    name = f"kcl-{retrieval}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    with application(name, retrieval, gateways, http.url, tmp_path) as app:
        test_kcl.start_two_workers(app)
        with ThreadPoolExecutor(1) as beside:
            putting = beside.submit(test_kcl.put_all, kinesis, name)
            app.wait_until(lambda: test_kcl.half_is_read(app), test_kcl.READ_TIMEOUT_S, "half is read")
            app.workers[0].kill()
            putting.result()
        closed = closed_shards(kinesis, name)
        assert len(closed) == 4
        app.wait_until(lambda: test_kcl.finished(app, closed), test_kcl.READ_TIMEOUT_S, "all is read")
        printed = app.printed()
    test_kcl.check_every_record_was_read(printed)
    test_kcl.check_the_order_of_each_key(printed)
    test_kcl.check_parents_came_first(printed, kinesis.list_shards(StreamName=name)["Shards"])
    assert min(front.requests.values()) > 100, front.requests
