"""The metrics of a channel, as CloudWatch has them."""

from __future__ import annotations

from headwater.testing import Headwater
from tests.delivery.delivered_stream import DeliveredStream, metric_sums
from tests.delivery.lake import Lake
from tests.neighbours.conftest import ClientOf
from tests.waiting import wait_until


def sums(delivered: DeliveredStream, channel: dict[str, str]) -> dict[str, float]:
    return metric_sums(
        delivered.server.endpoint_url,
        "AWS/Kinesis",
        StreamName=delivered.name,
        ChannelName=channel["ChannelName"],
        ChannelId=channel["ChannelId"],
    )


def test_a_channel_to_a_bucket_counts_its_batches_and_dead_letters(delivered: DeliveredStream) -> None:
    channel = delivered.channel()
    delivered.put([b'{"n": 1}', b"{", b'{"n": 2}'])
    delivered.delivered()
    counted = sums(delivered, channel)
    freshness_s = counted.pop("DeliveryToS3.DataFreshness")
    assert 300 <= freshness_s < 400
    assert counted == {
        "DeliveryToS3.BytesIn": 17,
        "DeliveryToS3.BytesOut": 18,
        "DeliveryToS3.BytesProcessed": 17,
        "DeliveryToS3.DLQDeliverySuccess": 1,
        "DeliveryToS3.DeliverySuccess": 1,
        "DeliveryToS3.FailedRecordCount": 1,
        "DeliveryToS3.RecordCount": 3,
        "DeliveryToS3.SuccessfulRecordCount": 2,
    }


def test_an_attempt_that_fails_shows_how_old_the_records_are(delivered: DeliveredStream) -> None:
    channel = delivered.channel()
    delivered.s3.delete_bucket(Bucket=delivered.name)
    delivered.put([b"1"])
    delivered.gathered()
    delivered.server.clock.advance(seconds=301)
    wait_until(lambda: delivered.status()["failed_attempts"] > 0)
    counted = sums(delivered, channel)
    assert counted["DeliveryToS3.DataFreshness"] >= 300
    assert counted["DeliveryToS3.DeliverySuccess"] == 0
    assert "DeliveryToS3.SuccessfulRecordCount" not in counted


def test_a_channel_to_a_table_counts_rows_and_commits(
    delivered: DeliveredStream, delivering: Headwater, clients: ClientOf
) -> None:
    lake = Lake(clients, delivering.endpoint_url, delivered.name)
    lake.make()
    arn = lake.channel(delivered.arn, delivered.name)
    wait_until(lambda: delivered.state(arn) == "ACTIVE")
    delivered.put([b'{"n": 1, "at": "2026-11-29T10:15:00Z"}', b"{}"])
    delivered.delivered()
    counted = sums(delivered, delivered.kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"])
    prefix = "DeliveryToIceberg"
    names = ("TotalRowCount", "SuccessfulRowCount", "FailedRowCount", "CommitSuccess", "DLQDeliverySuccess")
    assert [counted[f"{prefix}.{name}"] for name in names] == [2, 1, 1, 1, 1]
    assert counted[f"{prefix}.BytesOut"] > counted[f"{prefix}.BytesIn"] > 0
