"""A client as boto3 makes it by default: what it needs to know is in the environment."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

TIMEOUT_S = 240.0
SHARD = "shardId-000000000000"
MIDDLE = str(2**127)
"""The hash key in the middle of a stream's range."""


@dataclass(frozen=True)
class Stream:
    """A stream of this test only, ACTIVE, and what tests do with it."""

    kinesis: Any
    name: str
    arn: str

    def put(self, *data: bytes) -> None:
        """Put records one after the other, all under one key."""
        for one in data:
            self.kinesis.put_record(StreamName=self.name, PartitionKey="key", Data=one)

    def split(self) -> None:
        """Split the first shard in the middle."""
        self.kinesis.split_shard(StreamName=self.name, ShardToSplit=SHARD, NewStartingHashKey=MIDDLE)
        wait_until(lambda: self._status() == "ACTIVE")

    def register(self, consumer_name: str) -> str:
        """Register a consumer and wait until it is ACTIVE; its ARN."""
        registered = self.kinesis.register_stream_consumer(StreamARN=self.arn, ConsumerName=consumer_name)
        consumer_arn: str = registered["Consumer"]["ConsumerARN"]
        described = self.kinesis.describe_stream_consumer
        wait_until(
            lambda: described(ConsumerARN=consumer_arn)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
        )
        return consumer_arn

    def _status(self) -> str:
        status: str = self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"][
            "StreamStatus"
        ]
        return status


@pytest.fixture(scope="session")
def kinesis() -> Iterator[Any]:
    kinesis = boto3.client("kinesis")
    yield kinesis
    kinesis.close()


@pytest.fixture
def new_stream(kinesis: Any) -> Iterator[Callable[..., Stream]]:
    """Creates streams, which go when the test ends."""
    made: list[str] = []

    def create(**more: Any) -> Stream:
        name = f"boto3-{uuid.uuid4().hex[:12]}"
        kinesis.create_stream(StreamName=name, ShardCount=1, **more)
        made.append(name)

        def described() -> dict[str, Any]:
            summary: dict[str, Any] = kinesis.describe_stream_summary(StreamName=name)[
                "StreamDescriptionSummary"
            ]
            return summary

        wait_until(lambda: described()["StreamStatus"] == "ACTIVE")
        return Stream(kinesis, name, described()["StreamARN"])

    yield create
    for name in made:
        if name in kinesis.list_streams(Limit=10000)["StreamNames"]:
            kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


@pytest.fixture
def stream(new_stream: Callable[..., Stream]) -> Stream:
    """A stream of one shard."""
    return new_stream()


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask again until the answer is yes."""
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
