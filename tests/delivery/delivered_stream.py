"""A server with an on-demand stream, a bucket and a channel between them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import zstandard

from headwater.testing import Headwater
from headwater.testing.admin_client import AdminClient
from tests.api.channels import ROLE
from tests.waiting import wait_until

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"


class DeliveredStream:
    """One stream of a server, and a bucket."""

    def __init__(self, server: Headwater, clients: Any, name: str = "", *, is_new: bool = True) -> None:
        self.server = server
        self.kinesis = clients("kinesis")
        self.s3 = clients("s3")
        self.logs = clients("logs")
        self.name = name or f"s{uuid4().hex[:12]}"
        if is_new:
            self._make()
        self.arn: str = self.summary()["StreamARN"]

    def _make(self) -> None:
        self.kinesis.create_stream(StreamName=self.name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        wait_until(lambda: self.summary()["StreamStatus"] == "ACTIVE")
        self.s3.create_bucket(Bucket=self.name)

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = self.kinesis.describe_stream_summary(StreamName=self.name)
        summary: dict[str, Any] = found["StreamDescriptionSummary"]
        return summary

    def channel(self, record_format: str = "JSON", logs: bool = False, **storage: Any) -> dict[str, Any]:
        """A channel to the bucket, once it is ACTIVE."""
        configuration = {
            "BucketARN": f"arn:aws:s3:::{self.name}",
            "ExpectedBucketOwner": ACCOUNT_ID,
            "CompressionType": "NONE",
            **storage,
        }
        described: dict[str, Any] = self.kinesis.create_channel(
            ChannelName=self.name,
            ServiceExecutionRoleARN=ROLE,
            StreamConfigurationList=[
                {"StreamARN": self.arn, "RecordConfiguration": {"RecordFormatType": record_format}}
            ],
            S3DestinationConfiguration={"StorageConfiguration": configuration},
            LoggingConfiguration={"CloudWatchLogs": {"Enabled": logs}},
        )["ChannelDescription"]
        wait_until(lambda: self.state(described["ChannelARN"]) == "ACTIVE")
        return described

    def state(self, arn: str) -> str:
        found = self.kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
        state: str = found["ChannelStatus"]
        return state

    def is_gone(self, channel: dict[str, Any]) -> bool:
        """Whether the channel is no longer listed."""
        listed = self.kinesis.list_channels(StreamFilter=[{"StreamARN": self.arn}])["ChannelSummaries"]
        return channel["ChannelARN"] not in [each["ChannelARN"] for each in listed]

    def put(self, datas: Sequence[bytes]) -> None:
        for at in range(0, len(datas), 500):
            records = [{"Data": data, "PartitionKey": str(n)} for n, data in enumerate(datas[at : at + 500])]
            assert self.kinesis.put_records(StreamName=self.name, Records=records)["FailedRecordCount"] == 0

    def status(self) -> dict[str, Any]:
        """How far the channel is."""
        shown = AdminClient(self.server.endpoint_url).get("deliveries")["deliveries"]
        found: dict[str, Any] = next(each for each in shown if each.get("stream") == self.name)
        return found

    def gathered(self) -> None:
        """Until all that was put is read."""

        def is_gathered() -> bool:
            status = self.status()  # without them until its delivery has begun
            return bool(0 < status.get("records_behind", 0) == status["gathered_records"])

        wait_until(is_gathered)

    def delivered(self) -> None:
        """Let the freshness pass, and wait until nothing is left."""
        self.gathered()
        self.server.clock.advance(seconds=301)
        wait_until(lambda: self.status()["records_behind"] == 0)

    def objects(self, errors: bool = False) -> dict[str, bytes]:
        """The bucket's objects by their keys: those of records, or of dead letters; without compression."""
        found = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        keys = [each["Key"] for each in found if ("/errors/" in each["Key"]) == errors]
        return {key: plain(key, self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()) for key in keys}


def metric_sums(endpoint_url: str, namespace: str, **dimensions: str) -> dict[str, float]:
    """The sum of each metric that has exactly these dimensions, of all the minutes that are kept."""
    asked = {"namespace": namespace, **dimensions}
    admin = AdminClient(endpoint_url)
    listed = admin.get(f"cloudwatch?{urlencode(asked)}")["metrics"]
    sums: dict[str, float] = {}
    for metric in (each["metric"] for each in listed if each["dimensions"] == dimensions):
        points = admin.get(f"cloudwatch?{urlencode({**asked, 'metric': metric})}")["datapoints"]
        sums[metric] = sum(point["sum"] for point in points)
    return sums


def plain(key: str, body: bytes) -> bytes:
    """A body as it was before it was compressed, by the extension of its key."""
    if key.endswith(".gz"):
        return gzip.decompress(body)
    if key.endswith(".zst"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body
