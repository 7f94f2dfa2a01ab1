"""Channels and delivery streams over gateways, while who delivers is killed: all comes, and comes once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from click.testing import CliRunner

from headwater.cli.main import main
from headwater.testing import Headwater
from tests.api.channels import ROLE
from tests.delivery.delivered_stream import ACCOUNT_ID, REGION, plain
from tests.delivery.lake import Lake
from tests.neighbours.conftest import clients_for
from tests.storage.kafka.alternating_front import AlternatingFront
from tests.storage.kafka.gateways import Gateway
from tests.waiting import RETRY_FOR_S, awaited, wait_until

pytestmark = pytest.mark.long
KILLS = 3
NAME = "killed"
SECONDS = """
from headwater.engine.limits import limits
limits.CHANNEL_FRESHNESS_S_MIN = 1
"""
"""The same program, with a freshness of seconds: nobody can move the clock of gateways."""


class Writer:
    """Writes numbers without end, each once, and knows which were acknowledged."""

    def __init__(self, call: Any) -> None:
        """`call` puts numbers and gives which of them were acknowledged."""
        self._call = call
        self._stopping = threading.Event()
        self.sent = 0
        self.acknowledged: set[int] = set()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            numbers = range(self.sent, self.sent + 50)
            self.sent += 50
            with suppress(ClientError, BotoCoreError):
                self.acknowledged.update(self._call(numbers))
            self._stopping.wait(0.05)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def more(self) -> None:
        """Until something more is acknowledged."""
        before = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > before)


class Gateways:
    """Two gateways, of which the one that delivers is killed and started again."""

    def __init__(self, store_url: str, folder: Path, services: str) -> None:
        options = ("--forward-to", services, "--transition-ms", "20", "--account-id", ACCOUNT_ID)
        self.all = [
            Gateway(store_url, folder / f"gateway-{at}.log", options=options, before=SECONDS)
            for at in range(2)
        ]

    def start(self, *gateways: Gateway) -> None:
        async def ready() -> None:
            async with aiohttp.ClientSession() as session:
                await asyncio.gather(*(gateway.ready(session) for gateway in gateways))

        for gateway in gateways:
            gateway.start()
        asyncio.run(ready())

    def holder(self) -> Gateway | None:
        """Which one delivers."""

        async def held() -> list[dict[str, Any]]:
            async with aiohttp.ClientSession() as session:
                return await asyncio.gather(*(gateway.health(session) for gateway in self.all))

        found = asyncio.run(held())
        return next(
            (g for g, its in zip(self.all, found, strict=True) if its and its["lease"]["is_held"]), None
        )

    def kill_holder(self) -> float:
        """How many seconds it takes until the other one delivers."""
        killed = awaited(self.holder)
        killed.kill()
        began_s = time.monotonic()
        wait_until(lambda: self.holder() not in (None, killed))
        taken_s = time.monotonic() - began_s
        self.start(killed)
        return taken_s


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Headwater]:
    """The server that the gateways forward to."""
    with Headwater() as running:
        yield running


def client(url: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT_ID,
        aws_secret_access_key="unused",
        config=Config(retries={"max_attempts": 0}, read_timeout=RETRY_FOR_S),
    )


def data_of(number: int) -> bytes:
    return b'{"n": %d, "at": "2026-11-29T10:15:00Z"}\n' % number


def numbers_in(s3: Any, bucket: str) -> Counter[int]:
    """How often each number is in a bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    bodies = [plain(key, s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return Counter(json.loads(line)["n"] for body in bodies for line in body.splitlines())


def test_every_acknowledged_record_is_delivered_once_while_deliverers_are_killed(
    store_url: str, tmp_path: Path, services: Headwater
) -> None:
    gateways = Gateways(store_url, tmp_path, services.endpoint_url)
    try:
        gateways.start(*gateways.all)
        with AlternatingFront([gateway.port for gateway in gateways.all]) as front:
            _live_through_kills(gateways, front.url, services.endpoint_url)
        for gateway in gateways.all:
            gateway.stop()
        checked = CliRunner().invoke(main, ["check", "--store", store_url])
        assert checked.exit_code == 0, checked.output
        moved = CliRunner().invoke(main, ["migrate", "--from", store_url, "--to", str(tmp_path / "moved")])
        assert moved.exit_code == 0, moved.output
        checked = CliRunner().invoke(main, ["check", "--data-dir", str(tmp_path / "moved")])
        assert checked.exit_code == 0, checked.output
    finally:
        for gateway in gateways.all:
            gateway.kill()


def _live_through_kills(gateways: Gateways, url: str, services: str) -> None:
    kinesis, firehose, s3 = client(url, "kinesis"), client(url, "firehose"), client(services, "s3")
    lake = Lake(clients_for(url), url, NAME)
    arns = _begin(kinesis, firehose, s3, lake)

    def put(numbers: range) -> list[int]:
        records = [{"Data": data_of(n), "PartitionKey": str(n)} for n in numbers]
        answers = kinesis.put_records(StreamName=NAME, Records=records)["Records"]
        return [n for n, answer in zip(numbers, answers, strict=True) if "ErrorCode" not in answer]

    def put_directly(numbers: range) -> list[int]:
        records = [{"Data": data_of(n)} for n in numbers]
        answers = firehose.put_record_batch(DeliveryStreamName=NAME, Records=records)["RequestResponses"]
        return [n for n, answer in zip(numbers, answers, strict=True) if "ErrorCode" not in answer]

    writers = [Writer(put), Writer(put_directly)]
    taken_s = []
    for _ in range(KILLS):
        for writer in writers:
            writer.more()
        time.sleep(1)  # so that batches of all ages are under way
        taken_s.append(gateways.kill_holder())
    for writer in writers:
        writer.more()
        writer.stop()
    print("taken over after", taken_s)
    of_stream, of_puts = writers

    def found() -> list[Counter[int]]:
        return [
            numbers_in(s3, f"{NAME}-channel"),
            Counter(lake.rows()["n"].to_pylist()),
            numbers_in(s3, f"{NAME}-puts"),
        ]

    acknowledged = [of_stream.acknowledged, of_stream.acknowledged, of_puts.acknowledged]
    wait_until(lambda: all(a <= f.keys() for a, f in zip(acknowledged, found(), strict=True)))
    for counts in found():
        assert [n for n, times in counts.items() if times > 1] == []
    print("acknowledged", [len(each) for each in acknowledged])
    assert all(len(each) > KILLS * 50 for each in acknowledged)
    with pytest.raises(ClientError, match="there are channels associated"):
        kinesis.delete_stream(StreamName=NAME)
    assert kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]["ChannelCount"] == 2
    for arn in arns:
        kinesis.delete_channel(ChannelARN=arn)
    wait_until(lambda: kinesis.list_channels()["ChannelSummaries"] == [])


def _begin(kinesis: Any, firehose: Any, s3: Any, lake: Lake) -> list[str]:
    """A stream with a channel of each kind, and a delivery stream; the channels' ARNs."""
    for bucket in ("letters", "channel", "puts"):
        s3.create_bucket(Bucket=f"{NAME}-{bucket}")
    kinesis.create_stream(StreamName=NAME, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.get_waiter("stream_exists").wait(StreamName=NAME)
    stream_arn = kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]["StreamARN"]
    lake.make()
    storage = {
        "BucketARN": f"arn:aws:s3:::{NAME}-channel",
        "ExpectedBucketOwner": ACCOUNT_ID,
        "CompressionType": "GZIP",
    }
    source = {"StreamARN": stream_arn, "RecordConfiguration": {"RecordFormatType": "JSON"}}
    to_bucket = kinesis.create_channel(
        ChannelName=NAME,
        ServiceExecutionRoleARN=ROLE,
        StreamConfigurationList=[source],
        S3DestinationConfiguration={"StorageConfiguration": storage, "DataFreshnessInSeconds": 1},
    )["ChannelDescription"]["ChannelARN"]
    arns = [to_bucket, lake.channel(stream_arn, f"{NAME}-letters")]
    for arn in arns:
        wait_until(partial(_is_active, kinesis, arn))
    kinesis.update_channel(ChannelARN=arns[1], S3TablesDestinationConfiguration={"DataFreshnessInSeconds": 2})
    destination = {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{NAME}-puts",
        "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 1},
    }
    firehose.create_delivery_stream(DeliveryStreamName=NAME, ExtendedS3DestinationConfiguration=destination)
    return arns


def _is_active(kinesis: Any, arn: str) -> bool:
    shown = kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
    return bool(shown["ChannelStatus"] == "ACTIVE")
