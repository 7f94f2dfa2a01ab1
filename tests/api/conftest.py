"""What the tests of operations share: a server with a clock of their own, and an account each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock
from typing import Any

import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import create_loader
from botocore.session import Session

from headwater.model.clock import ManualClock
from headwater.testing import Headwater
from tests.api.clocked_server import TRANSITION_MS, ClockedServer, clocked_server
from tests.api.queues import active_queue, on_demand_stream
from tests.api.shared_servers import SharedServers

REGION = "eu-west-1"
_account_numbers = count(100_000_000_001)


SHARED = "HEADWATER_TEST_SHARED"
"""Set for a run against two servers over the same data."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test with many parameters, two servers live through the first."""
    if SHARED in os.environ:
        items[:] = {item.nodeid.partition("[")[0]: item for item in reversed(items)}.values()
        items.reverse()


@pytest.fixture(scope="session")
def clocked() -> Iterator[ClockedServer]:
    """One server for all tests of operations; or two over the same data behind one address, asked in turn."""
    if SHARED in os.environ:
        with Headwater() as services, SharedServers(forward_to=services.endpoint_url) as servers:
            yield ClockedServer(servers.url, servers.clock)
    else:
        with clocked_server() as server:
            yield server


@pytest.fixture
def clock(clocked: ClockedServer) -> ManualClock:
    """The server's clock. It only ever goes forward; all tests share it."""
    return clocked.clock


@pytest.fixture
def account_id() -> str:
    """An account that no other test has: its streams are seen by nobody else."""
    return str(next(_account_numbers))


class PooledClients:
    """boto3 clients that tests use one after another, each for an account of its own.

    To make a client takes longer than most calls. botocore looks at the credentials of its session before
    each request, so a client changes hands by changing its key.
    """

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._models = create_loader()
        """What is read of the files of botocore, once for all."""
        self._lock = Lock()
        self._made: list[tuple[str, Credentials, Any]] = []
        self._idle: list[tuple[str, Credentials, Any]] = []

    def take(self, account_id: str, region: str) -> Any:
        with self._lock:  # several threads of a test may want one each
            pooled = next((one for one in self._idle if one[0] == region), None)
            if pooled is None:
                pooled = self._make(region)
            else:
                self._idle.remove(pooled)
        _, credentials, client = pooled
        credentials.access_key = account_id
        return client

    def take_back(self) -> None:
        """What is in use is free for the next test."""
        self._idle = list(self._made)

    def close(self) -> None:
        for _, _, client in self._made:
            client.close()

    def _make(self, region: str) -> tuple[str, Credentials, Any]:
        session = Session()
        session.register_component("data_loader", self._models)
        session.set_credentials("nobody", "secret")
        client = session.create_client(
            "kinesis",
            endpoint_url=self._endpoint_url,
            region_name=region,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        self._made.append((region, session.get_credentials(), client))
        return self._made[-1]


@pytest.fixture(scope="session")
def pooled_clients(clocked: ClockedServer) -> Iterator[PooledClients]:
    pool = PooledClients(clocked.endpoint_url)
    yield pool
    pool.close()


@pytest.fixture
def client_of(pooled_clients: PooledClients) -> Iterator[Callable[..., Any]]:
    """Gives boto3 clients for an account (and region); botocore checks every answer against the model."""
    yield lambda account_id, region=REGION: pooled_clients.take(account_id, region)
    pooled_clients.take_back()


@pytest.fixture
def kinesis(client_of: Callable[..., Any], account_id: str) -> Any:
    """A boto3 client for the test's own account. It sends what a test gives it, valid or not."""
    return client_of(account_id)


@pytest.fixture
def settle(clock: ManualClock) -> Callable[[], None]:
    """Lets every transition that is under way end."""
    return lambda: clock.advance_ms(TRANSITION_MS)


@pytest.fixture
def stream_arn(kinesis: Any, settle: Callable[[], None], account_id: str) -> str:
    """An ACTIVE stream named `orders`, of two shards; its ARN, which nobody needs to be asked for."""
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    settle()
    return f"arn:aws:kinesis:{REGION}:{account_id}:stream/orders"


@pytest.fixture
def on_demand_arn(kinesis: Any, settle: Callable[[], None]) -> str:
    """An ACTIVE on-demand stream named `orders`, of four shards; its ARN."""
    return on_demand_stream(kinesis, settle)


@pytest.fixture
def queue_arn(kinesis: Any, settle: Callable[[], None], on_demand_arn: str) -> str:
    """An ACTIVE queue named `work` on that stream; its ARN."""
    return active_queue(kinesis, settle, on_demand_arn)
