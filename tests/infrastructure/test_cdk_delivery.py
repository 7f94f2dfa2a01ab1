"""The AWS CDK, unmodified: an app with a delivery stream and a channel, of which both change."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from headwater.testing.admin_client import AdminClient
from headwater.testing.server_clock import ServerClock
from tests.conftest import started_server
from tests.infrastructure.test_cdk import FOLDER, Toolkit
from tests.infrastructure.tools import client
from tests.waiting import awaited

pytestmark = pytest.mark.infrastructure


@pytest.fixture
def cdk(tmp_path: Path) -> Iterator[Toolkit]:
    shutil.copy(FOLDER / "delivery.py", tmp_path / "app.py")
    shutil.copy(FOLDER / "cdk.json", tmp_path)
    with started_server(tmp_path / "log", "--test-clock") as server:
        yield Toolkit(server.endpoint_url, tmp_path)


def test_an_app_with_a_delivery_stream_and_a_channel_lives_its_whole_life(cdk: Toolkit) -> None:
    admin = AdminClient(cdk.endpoint_url)
    kinesis, s3, firehose = (client(cdk.endpoint_url, name) for name in ("kinesis", "s3", "firehose"))
    cdk("bootstrap", "aws://000000000000/us-east-1")
    outputs = cdk.deploy(stack="Delivered")

    def delivered(data: bytes, prefix: str) -> bytes:
        kinesis.put_record(StreamName=outputs["StreamName"], Data=data, PartitionKey="1")
        asked = {"Bucket": outputs["BucketName"], "Prefix": prefix}
        (found,) = awaited(lambda: s3.list_objects_v2(**asked).get("Contents"))
        body: Any = s3.get_object(Bucket=outputs["BucketName"], Key=found["Key"])["Body"]
        s3.delete_object(Bucket=outputs["BucketName"], Key=found["Key"])
        return gzip.decompress(body.read())

    def channel() -> dict[str, Any]:
        described: dict[str, Any] = kinesis.describe_channel(ChannelARN=outputs["ChannelArn"])
        found: dict[str, Any] = described["ChannelDescription"]
        return found

    def delivered_by_channel(data: bytes) -> bytes:
        kinesis.put_record(StreamName=outputs["LakeName"], Data=data, PartitionKey="1")
        asked = {"Bucket": outputs["BucketName"], "Prefix": f"channel/{outputs['LakeName']}/"}

        def look() -> Any:
            ServerClock(admin).advance(minutes=5)
            return s3.list_objects_v2(**asked).get("Contents")

        (found,) = awaited(look)
        body: bytes = s3.get_object(Bucket=outputs["BucketName"], Key=found["Key"])["Body"].read()
        s3.delete_object(Bucket=outputs["BucketName"], Key=found["Key"])
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)

    assert (channel()["ChannelName"], channel()["ChannelStatus"]) == ("to-files", "ACTIVE")
    assert delivered_by_channel(b'{"first": 1}') == b'{"first": 1}\n'
    assert delivered(b"first", "orders/") == b"first"
    assert "Number of stacks with differences: 0" in cdk("diff")
    changes = ("-c", "prefix=changed/", "-c", "freshness=600")
    assert cdk.deploy(*changes, stack="Delivered") == outputs
    assert channel()["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 600
    assert delivered_by_channel(b'{"second": 2}') == b'{"second": 2}\n'
    described = firehose.describe_delivery_stream(DeliveryStreamName=outputs["DeliveryName"])
    assert described["DeliveryStreamDescription"]["VersionId"] == "2"
    assert delivered(b"second", "changed/") == b"second"
    cdk("destroy", "--force")
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []
    assert kinesis.list_streams()["StreamNames"] == [], "nor does a channel hold its stream"
