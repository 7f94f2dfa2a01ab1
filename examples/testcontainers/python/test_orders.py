"""A test of an application that puts orders: its server is a container that testcontainers starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

IMAGE = "headwater"
PORT = 4566


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    """A server that keeps nothing, with the stream `orders`."""
    container = (
        DockerContainer(IMAGE)
        .with_exposed_ports(PORT)
        .with_env("HEADWATER_DATA_DIR", "")
        .with_command("--create-stream orders:4")
        .waiting_for(HttpWaitStrategy(PORT, "/_headwater/health").for_status_code(200))
    )
    with container as started:
        yield f"http://{started.get_container_host_ip()}:{started.get_exposed_port(PORT)}"


@pytest.fixture
def kinesis(endpoint_url: str) -> Any:
    """A client for it."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_an_order_is_put(kinesis: Any) -> None:
    placed = kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples")
    assert placed["ShardId"].startswith("shardId-")
