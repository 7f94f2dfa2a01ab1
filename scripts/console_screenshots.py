"""Screenshots of the console for the documentation, from a real session with plausible data.

Run it after `make console`; it needs Debian's `chromium` and Playwright, which the extra `test` has:

    python scripts/console_screenshots.py

It starts a server of its own on a free port, lets a shop put orders for a few seconds, and writes
`docs/images/console-….png`.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
from playwright.sync_api import Browser, sync_playwright

from headwater.testing import Headwater

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDE, PHONE = {"width": 1280, "height": 760}, {"width": 390, "height": 760}
SETTLE_MS = 3_500
"""Rates need to be looked at twice."""
ROLE = "arn:aws:iam::000000000000:role/any"
FRUITS = ("apples", "pears", "plums", "cherries", "quinces")
CITIES = ("Lisbon", "Kraków", "Oslo", "Nairobi", "Lima")

SHOTS = (
    ("streams", "streams", WIDE, "light"),
    ("records", "streams/orders/records", WIDE, "light"),
    ("shards", "streams/orders/shards?key=customer-17", WIDE, "light"),
    ("readers", "streams/orders/readers", WIDE, "light"),
    ("queues", "streams/emails/queues?queue=send", WIDE, "light"),
    ("deliveries", "deliveries/channel/emails-to-lake?look=dead", WIDE, "light"),
    ("charts", "streams/orders/charts?span=15", WIDE, "dark"),
    ("requests", "requests", WIDE, "dark"),
    ("tests", "tests", WIDE, "light"),
    ("phone", "streams/orders/records", PHONE, "dark"),
)


class Shop:
    """What a shop's streams carry."""

    def __init__(self, server: Headwater) -> None:
        self._url = server.endpoint_url
        self._kinesis = server.client()
        self._random = random.Random(7)  # noqa: S311 - the same picture each time
        self._is_closing = threading.Event()
        self._number = 1000

    def prepare(self) -> None:
        """Streams, a consumer, a reshard and a fault."""
        kinesis = self._kinesis
        for name, shards in (("orders", 4), ("clicks", 8), ("payments", 2), ("inventory", 1)):
            kinesis.create_stream(StreamName=name, ShardCount=shards)
        arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
        kinesis.enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["ALL"])
        self._consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="billing")["Consumer"]
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="search-index")
        self.put("orders", 40)
        time.sleep(1.1)
        kinesis.split_shard(
            StreamName="orders", ShardToSplit="shardId-000000000001", NewStartingHashKey=str(3 * 2**125)
        )
        time.sleep(1.1)
        kinesis.merge_shards(
            StreamName="orders",
            ShardToMerge="shardId-000000000002",
            AdjacentShardToMerge="shardId-000000000003",
        )
        self._prepare_queues()

    def _prepare_queues(self) -> None:
        """Two queues of a stream; of one there are records in flight, and dead letters."""
        kinesis = self._kinesis
        kinesis.create_stream(StreamName="emails", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        arn = kinesis.describe_stream_summary(StreamName="emails")["StreamDescriptionSummary"]["StreamARN"]
        queues = [
            kinesis.create_queue(
                QueueName=name,
                StreamConfigurationList=[{"StreamARN": arn}],
                QueueAttributes={
                    "VisibilityTimeoutSeconds": 12 * 3600,
                    "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 3},
                },
            )["QueueDescription"]["QueueARN"]
            for name in ("archive", "send")
        ]
        self.put("emails", 6)
        for _ in range(3):
            kinesis.receive_queue_records(QueueARN=queues[1], VisibilityTimeoutSeconds=0)
        self.put("emails", 34)
        done = kinesis.receive_queue_records(QueueARN=queues[1])["QueueRecords"]
        entries = [{"ReceiptHandle": record["ReceiptHandle"]} for record in done]
        kinesis.acknowledge_queue_records(QueueARN=queues[1], Entries=entries)
        kinesis.receive_queue_records(QueueARN=queues[1], Limit=7)
        self._prepare_deliveries(arn)

    def _prepare_deliveries(self, stream_arn: str) -> None:
        """A channel with dead letters, and delivery streams, one of which has no bucket."""
        keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "any"}
        options = {"endpoint_url": self._url, "region_name": "us-east-1", **keys}
        boto3.client("s3", **options).create_bucket(Bucket="lake")
        self._kinesis.create_channel(
            ChannelName="emails-to-lake",
            ServiceExecutionRoleARN=ROLE,
            StreamConfigurationList=[
                {"StreamARN": stream_arn, "RecordConfiguration": {"RecordFormatType": "JSON"}}
            ],
            S3DestinationConfiguration={
                "StorageConfiguration": {
                    "BucketARN": "arn:aws:s3:::lake",
                    "ExpectedBucketOwner": "000000000000",
                    "CompressionType": "GZIP",
                }
            },
        )
        firehose = boto3.client("firehose", **options)
        for name, bucket in (("clicks-archive", "lake"), ("audit", "not-there")):
            target = {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}", "Prefix": f"{name}/"}
            hints = {"BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 1}}
            firehose.create_delivery_stream(
                DeliveryStreamName=name, ExtendedS3DestinationConfiguration=target | hints
            )
            records = [{"Data": self._record("clicks")["Data"]} for _ in range(40)]
            firehose.put_record_batch(DeliveryStreamName=name, Records=records)

    def live_through(self, server: Headwater, minutes: int) -> None:
        """Put what so many minutes bring, with the clock moved on after each."""
        for minute in range(minutes):
            for stream, many in (("orders", 60), ("clicks", 200), ("payments", 30)):
                self.put(stream, int(many * (1.5 + self._random.random() * (1 + minute % 5))))
            self.poll("orders")
            self._mail(minute)
            server.clock.advance(minutes=1)

    def _mail(self, minute: int) -> None:
        """Some e-mails, one of which is no JSON."""
        self.put("emails", 25)
        self._kinesis.put_record(
            StreamName="emails", PartitionKey=f"customer-{minute}", Data=f"to: customer-{minute}".encode()
        )

    def poll(self, stream: str) -> None:
        """Read what there is, once."""
        for shard in self._kinesis.list_shards(StreamName=stream)["Shards"][-3:]:
            iterator = self._kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            self._kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=100)

    def put(self, stream: str, many: int) -> None:
        """So many records."""
        records = [self._record(stream) for _ in range(many)]
        self._kinesis.put_records(StreamName=stream, Records=records[:500])

    def open(self) -> threading.Thread:
        """Put records until `close`."""
        thread = threading.Thread(target=self._trade)
        thread.start()
        return thread

    def close(self) -> None:
        """No more orders."""
        self._is_closing.set()

    def _trade(self) -> None:
        subscription = self._kinesis.subscribe_to_shard(
            ConsumerARN=self._consumer["ConsumerARN"],
            ShardId="shardId-000000000000",
            StartingPosition={"Type": "LATEST"},
        )
        while not self._is_closing.wait(0.25):
            for stream, many in (("orders", 12), ("clicks", 60), ("payments", 5)):
                self.put(stream, many)
            self._kinesis.put_record(StreamName="inventory", **self._record("inventory"))
        subscription["EventStream"].close()

    def _record(self, stream: str) -> dict[str, Any]:
        rng = self._random
        customer = f"customer-{min(int(rng.expovariate(0.05)), 199)}"
        self._number += 1
        if stream == "emails":
            document: dict[str, Any] = {
                "to": f"{customer}@example.com",
                "template": rng.choice(("receipt", "reminder")),
            }
        elif stream == "clicks":
            document = {"visitor": customer, "page": f"/fruit/{rng.choice(FRUITS)}"}
        else:
            items = [
                {"sku": rng.choice(FRUITS), "count": rng.randrange(1, 6)} for _ in range(rng.randrange(1, 4))
            ]
            order = {"id": self._number, "total": round(rng.uniform(3, 240), 2), "items": items}
            document = {"order": order, "city": rng.choice(CITIES), "paid": rng.random() > 0.2}
        data = json.dumps(document, ensure_ascii=False).encode()
        is_packed = self._number % 9 == 0 and stream != "emails"
        return {"PartitionKey": customer, "Data": gzip.compress(data) if is_packed else data}


def take(browser: Browser, url: str) -> None:
    """All pictures."""
    IMAGES.mkdir(exist_ok=True)
    for name, place, size, scheme in SHOTS:
        context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/_headwater/console/#/{place}")
        page.wait_for_timeout(SETTLE_MS)
        if name == "queues":
            page.get_by_role("grid").get_by_role("row").nth(2).click()
            page.wait_for_timeout(300)
        if name == "records":
            page.get_by_role("row").nth(4).click()
            page.wait_for_timeout(300)
        if name == "requests":
            page.get_by_role("row").filter(has_text="PutRecord").first.click()
            page.wait_for_timeout(300)
        page.screenshot(path=IMAGES / f"console-{name}.png")
        context.close()


def main() -> int:
    """Take the pictures; returns the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("There is no chromium: scripts/install_for_tests.sh brings it.", file=sys.stderr)
        return 1
    with Headwater(test_clock=True, transition_ms=0) as server, sync_playwright() as playwright:
        shop = Shop(server)
        shop.prepare()
        shop.live_through(server, 13)
        server.faults.delay("GetRecords", delay_ms=250, probability=0.2)
        server.limits.enforce("payments", records_in_per_s=200)
        trading = shop.open()
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            take(browser, server.endpoint_url)
            browser.close()
        finally:
            shop.close()
            trading.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
