"""Channels and delivery streams of servers that share their data: every one answers, and one delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.delivery.progress import ProgressStore
from headwater.storage.interface import StoreUnavailable
from headwater.testing import Headwater
from tests.api.channels import ROLE
from tests.api.shared_servers import SharedServers
from tests.delivery.delivered_stream import ACCOUNT_ID
from tests.neighbours.conftest import clients_for
from tests.waiting import wait_until

_numbers = count(1)


@pytest.fixture(scope="module")
def servers(delivering: Headwater) -> Iterator[SharedServers]:
    with SharedServers(
        transition_ms=0, on_demand_stream_limit=50, forward_to=delivering.endpoint_url
    ) as running:
        yield running


class Shared:
    """A stream of shared servers, and a bucket of the server that they forward to."""

    def __init__(self, servers: SharedServers) -> None:
        self.servers = servers
        clients = clients_for(servers.url)
        self.kinesis, self.s3, self.firehose = clients("kinesis"), clients("s3"), clients("firehose")
        self.name = f"shared-{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.name)
        self.kinesis.create_stream(StreamName=self.name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        self.arn: str = self.summary()["StreamARN"]

    def summary(self) -> dict[str, Any]:
        found = self.kinesis.describe_stream_summary(StreamName=self.name)
        summary: dict[str, Any] = found["StreamDescriptionSummary"]
        return summary

    def create_channel(self) -> str:
        storage = {"BucketARN": f"arn:aws:s3:::{self.name}", "ExpectedBucketOwner": ACCOUNT_ID}
        source = {"StreamARN": self.arn, "RecordConfiguration": {"RecordFormatType": "STRING"}}
        arn: str = self.kinesis.create_channel(
            ChannelName=self.name,
            ServiceExecutionRoleARN=ROLE,
            StreamConfigurationList=[source],
            S3DestinationConfiguration={"StorageConfiguration": storage | {"CompressionType": "NONE"}},
        )["ChannelDescription"]["ChannelARN"]
        return arn

    def channel(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
        return found

    def active_channel(self) -> str:
        arn = self.create_channel()
        self.until(lambda: self.channel(arn)["ChannelStatus"] == "ACTIVE")
        return arn

    def create_delivery_stream(self, **source: Any) -> str:
        destination = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{self.name}",
            "ProcessingConfiguration": {"Enabled": True, "Processors": [APPEND]},
        }
        arn: str = self.firehose.create_delivery_stream(
            DeliveryStreamName=self.name, ExtendedS3DestinationConfiguration=destination, **source
        )["DeliveryStreamARN"]
        return arn

    def put(self, *lines: str) -> None:
        for line in lines:
            self.kinesis.put_record(StreamName=self.name, Data=line.encode(), PartitionKey=line)

    def put_directly(self, *lines: str) -> None:
        records = [{"Data": line.encode()} for line in lines]
        answer = self.firehose.put_record_batch(DeliveryStreamName=self.name, Records=records)
        assert answer["FailedPutCount"] == 0

    def lines(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        bodies = [self.s3.get_object(Bucket=self.name, Key=each["Key"])["Body"].read() for each in listed]
        return sorted(line for body in bodies for line in body.decode().splitlines())

    def until(self, condition: Callable[[], object]) -> None:
        """Let time pass until something holds."""

        def look() -> object:
            self.servers.pass_s(1)
            return condition()

        wait_until(look)

    def delivered(self, *lines: str) -> None:
        """Let a freshness pass, and wait for these lines, each once."""
        self.servers.pass_s(301)
        self.until(lambda: len(self.lines()) >= len(lines))
        assert self.lines() == sorted(lines)


APPEND = {"Type": "AppendDelimiterToRecord", "Parameters": []}


@pytest.fixture
def shared(servers: SharedServers) -> Shared:
    return Shared(servers)


def lines_of(name: str, number: int) -> list[str]:
    return [f"{name}-{at}" for at in range(number)]


def other(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_every_server_answers_for_a_channel_and_one_delivers(shared: Shared) -> None:
    shared.put("before the channel")
    arn = shared.create_channel()
    shared.put(*lines_of("creating", 4))
    for _ in range(2):  # one server and the other
        assert shared.channel(arn)["ChannelName"] == shared.name
    shared.until(lambda: shared.channel(arn)["ChannelStatus"] == "ACTIVE")
    assert [shared.summary()["ChannelCount"] for _ in range(2)] == [1, 1]
    with pytest.raises(ClientError, match="there are channels associated"):
        shared.kinesis.delete_stream(StreamName=shared.name)
    shared.put(*lines_of("active", 20))
    shared.delivered(*lines_of("creating", 4), *lines_of("active", 20))
    shared.kinesis.update_channel(ChannelARN=arn, S3DestinationConfiguration={"DataFreshnessInSeconds": 600})
    shown = shared.channel(arn)["S3DestinationConfiguration"]
    assert shown["DataFreshnessInSeconds"] == 600
    shared.kinesis.delete_channel(ChannelARN=arn)
    for _ in range(2):
        assert (
            shared.kinesis.list_channels(StreamFilter=[{"StreamARN": shared.arn}])["ChannelSummaries"] == []
        )
    shared.kinesis.delete_stream(StreamName=shared.name)


def test_another_server_goes_on_and_the_late_progress_of_the_first_is_refused(shared: Shared) -> None:
    servers = shared.servers
    arn = shared.active_channel()
    first = servers.holder()
    assert first is not None
    shared.put(*lines_of("delivered", 10))
    shared.delivered(*lines_of("delivered", 10))
    shared.put(*lines_of("gathered", 10))
    servers.fall_asleep(first)
    engine, delivery_id = servers.servers[first].engine, f"channel:{arn.rpartition('/')[2]}"

    async def keep_late() -> None:
        progress = ProgressStore(engine)
        progress.open()
        assert progress.progress(delivery_id).next_number == 2
        with pytest.raises(StoreUnavailable, match="another server delivers"):
            await progress.keep(delivery_id, DeliveryProgress())

    asyncio.run_coroutine_threadsafe(keep_late(), servers.loop).result()
    servers.on_loop(servers.servers[first].wake)
    shared.put(*lines_of("later", 10))
    shared.delivered(*lines_of("delivered", 10), *lines_of("gathered", 10), *lines_of("later", 10))


def test_what_is_put_directly_at_any_server_is_delivered_once(shared: Shared) -> None:
    arn = shared.create_delivery_stream()
    for _ in range(2):
        described = shared.firehose.describe_delivery_stream(DeliveryStreamName=shared.name)
        assert described["DeliveryStreamDescription"]["DeliveryStreamARN"] == arn
        assert shared.name in shared.firehose.list_delivery_streams(Limit=100)["DeliveryStreamNames"]
    shared.put_directly(*lines_of("first", 5))
    shared.put_directly(*lines_of("second", 5))
    shared.delivered(*lines_of("first", 5), *lines_of("second", 5))
    shared.put_directly(*lines_of("third", 5))
    holder = shared.servers.holder()
    assert holder is not None
    shared.servers.fall_asleep(holder)
    shared.put_directly(*lines_of("fourth", 5))
    shared.servers.on_loop(shared.servers.servers[holder].wake)
    all_lines = [line for name in ("first", "second", "third", "fourth") for line in lines_of(name, 5)]
    shared.delivered(*all_lines)


def test_a_delivery_stream_reads_from_when_it_was_made(shared: Shared) -> None:
    shared.put("before")
    source = {"KinesisStreamARN": shared.arn, "RoleARN": ROLE}
    shared.create_delivery_stream(
        DeliveryStreamType="KinesisStreamAsSource", KinesisStreamSourceConfiguration=source
    )
    shared.put(*lines_of("after", 6))
    shared.delivered(*lines_of("after", 6))


def test_changes_of_a_delivery_stream_meet_at_no_server(shared: Shared) -> None:
    shared.create_delivery_stream()
    for at in range(4):
        shared.firehose.tag_delivery_stream(
            DeliveryStreamName=shared.name, Tags=[{"Key": f"tag-{at}", "Value": "x"}]
        )
    listed = shared.firehose.list_tags_for_delivery_stream(DeliveryStreamName=shared.name)["Tags"]
    assert [tag["Key"] for tag in listed] == [f"tag-{at}" for at in range(4)]
    with pytest.raises(ClientError) as refused:
        shared.create_delivery_stream()
    assert other(refused) == "ResourceInUseException"
    shared.firehose.delete_delivery_stream(DeliveryStreamName=shared.name)
    for _ in range(2):
        with pytest.raises(ClientError) as gone:
            shared.put_directly("too late")
        assert other(gone) == "ResourceNotFoundException"
    shared.create_delivery_stream()
    shared.put_directly("of the second life")
    shared.delivered("of the second life")
