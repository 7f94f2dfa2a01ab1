"""What the tests of operations share: a server with a clock of their own, and an account each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config

from headwater.model.clock import ManualClock
from tests.api.clocked_server import TRANSITION_MS, ClockedServer, clocked_server
from tests.api.queues import active_queue, on_demand_stream

REGION = "eu-west-1"
_account_numbers = count(100_000_000_001)


@pytest.fixture(scope="session")
def clocked() -> Iterator[ClockedServer]:
    """One server for all tests of operations."""
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


@pytest.fixture
def client_of(clocked: ClockedServer) -> Iterator[Callable[..., Any]]:
    """Makes boto3 clients for an account (and region); botocore checks every answer against the model."""
    clients = []

    def make(account_id: str, region: str = REGION) -> Any:
        client = boto3.client(
            "kinesis",
            endpoint_url=clocked.endpoint_url,
            region_name=region,
            aws_access_key_id=account_id,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def kinesis(client_of: Callable[..., Any], account_id: str) -> Any:
    """A boto3 client for the test's own account. It sends what a test gives it, valid or not."""
    return client_of(account_id)


@pytest.fixture
def settle(clock: ManualClock) -> Callable[[], None]:
    """Lets every transition that is under way end."""
    return lambda: clock.advance_ms(TRANSITION_MS)


@pytest.fixture
def stream_arn(kinesis: Any, settle: Callable[[], None]) -> str:
    """An ACTIVE stream named `orders`, of two shards; its ARN."""
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    settle()
    arn: str = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    return arn


@pytest.fixture
def on_demand_arn(kinesis: Any, settle: Callable[[], None]) -> str:
    """An ACTIVE on-demand stream named `orders`, of four shards; its ARN."""
    return on_demand_stream(kinesis, settle)


@pytest.fixture
def queue_arn(kinesis: Any, settle: Callable[[], None], on_demand_arn: str) -> str:
    """An ACTIVE queue named `work` on that stream; its ARN."""
    return active_queue(kinesis, settle, on_demand_arn)
