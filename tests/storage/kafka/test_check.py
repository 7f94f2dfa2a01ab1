"""`headwater check --store` on a real node: whole, served meanwhile, damaged, or not there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import aiohttp
import boto3
import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import main
from headwater.storage.kafka import batches
from headwater.storage.kafka.back_end import open_kafka, parse_place
from headwater.storage.kafka.cluster import LATEST, Cluster
from headwater.storage.kafka.security import BrokerSecurity
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from tests.storage.kafka.gateways import Gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.long
T = TypeVar("T")


def checked(url: str) -> Result:
    return CliRunner().invoke(main, ["check", "--store", url])


@pytest.fixture
def gateway(store_url: str, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that serves a stream of three shards, one of them closed, with records."""
    found = Gateway(store_url, tmp_path / "gateway.log")
    found.start()
    asyncio.run(_ready(found))
    _fill(found)
    yield found
    found.kill()


async def _ready(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as session:
        await gateway.ready(session)


def _fill(gateway: Gateway) -> None:
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=f"http://127.0.0.1:{gateway.port}",
        region_name="eu-central-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="unused",
    )

    def is_active() -> bool:
        summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        return bool(summary["StreamStatus"] == "ACTIVE")

    kinesis.create_stream(StreamName="orders", ShardCount=1)
    wait_until(is_active)
    for _ in range(3):
        kinesis.put_record(StreamName="orders", Data=b"x" * 1000, PartitionKey="alice")
    kinesis.split_shard(
        StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    wait_until(is_active)
    kinesis.put_record(StreamName="orders", Data=b"x" * 1000, PartitionKey="alice")
    kinesis.close()


def topics_of_logs(url: str) -> list[str]:
    """The topics of the shards, those of closed ones first."""

    async def find() -> list[str]:
        store = (await open_kafka(url, BrokerSecurity(), lambda _text: None, to_read=True)).store
        assert isinstance(store, KafkaStore)
        logs = store._metadata.state.logs
        ordered = sorted(logs, key=lambda log_id: logs[log_id].final is None)
        store.close()
        await asyncio.sleep(0)
        return [Topics(parse_place(url).prefix, 1).log(log_id) for log_id in ordered]

    return asyncio.run(find())


def on_cluster(url: str, work: Callable[[Cluster, str], Awaitable[T]]) -> T:
    """What is done to the deployment's topics from outside."""

    async def run() -> T:
        place = parse_place(url)
        cluster = Cluster(place.bootstrap, BrokerSecurity())
        try:
            return await work(cluster, place.prefix)
        finally:
            await cluster.close()

    return asyncio.run(run())


def test_a_whole_store_is_well_while_it_is_served_and_after(gateway: Gateway, store_url: str) -> None:
    served = checked(store_url)
    assert (served.exit_code, served.output) == (0, f"{store_url}: all is well\n")
    gateway.kill()

    def commands() -> int:
        return on_cluster(store_url, lambda cluster, prefix: cluster.find_offset(f"{prefix}.meta", LATEST))

    before = commands()
    left = checked(store_url)
    assert (left.exit_code, left.output) == (0, f"{store_url}: all is well\n")
    assert commands() == before


def test_what_was_damaged_from_outside_is_found(gateway: Gateway, store_url: str) -> None:
    topics = topics_of_logs(store_url)
    assert len(topics) == 3

    async def damage(cluster: Cluster, _prefix: str) -> None:
        producer_id = await cluster.new_producer_id()
        for topic in topics:
            await cluster.produce(topic, batches.build(producer_id, 0, 0, [b"\xff"]))

    on_cluster(store_url, damage)
    ended = checked(store_url)
    assert ended.exit_code == 1
    faults = ended.output.splitlines()
    assert len(faults) == 2, "what lies behind the end of the closed shard is no record of it"
    assert all("a record from position" in fault and "is damaged" in fault for fault in faults)


def test_a_shard_whose_topic_is_gone_is_found(gateway: Gateway, store_url: str) -> None:
    gateway.kill()
    topics = topics_of_logs(store_url)

    async def lose(cluster: Cluster, _prefix: str) -> None:
        await cluster.delete_topics(topics[:1])

    on_cluster(store_url, lose)
    ended = checked(store_url)
    assert ended.exit_code == 1
    assert "of stream orders" in ended.output
    assert "the records from position 0 on cannot be read" in ended.output


def test_a_deployment_that_is_not_there_is_refused_and_not_made(store_url: str) -> None:
    for _ in range(2):
        ended = checked(store_url)
        assert ended.exit_code == 1
        assert "There is no data of Headwater in topic" in ended.output
