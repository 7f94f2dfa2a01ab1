"""The AWS CDK, unmodified: an app with a delivery stream, whose destination changes."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import started_server
from tests.infrastructure.test_cdk import FOLDER, Toolkit
from tests.infrastructure.tools import client
from tests.waiting import awaited

pytestmark = pytest.mark.infrastructure


@pytest.fixture
def cdk(tmp_path: Path) -> Iterator[Toolkit]:
    shutil.copy(FOLDER / "delivery.py", tmp_path / "app.py")
    shutil.copy(FOLDER / "cdk.json", tmp_path)
    with started_server(tmp_path / "log") as server:
        yield Toolkit(server.endpoint_url, tmp_path)


def test_an_app_with_a_delivery_stream_lives_its_whole_life(cdk: Toolkit) -> None:
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

    assert delivered(b"first", "orders/") == b"first"
    assert "Number of stacks with differences: 0" in cdk("diff")
    assert cdk.deploy("-c", "prefix=changed/", stack="Delivered") == outputs
    described = firehose.describe_delivery_stream(DeliveryStreamName=outputs["DeliveryName"])
    assert described["DeliveryStreamDescription"]["VersionId"] == "2"
    assert delivered(b"second", "changed/") == b"second"
    cdk("destroy", "--force")
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []
