"""Channels and delivery streams in the console: made, seen delivering and failing, looked into, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from headwater.testing.admin_client import AdminClient
from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.conftest import started_server

pytestmark = pytest.mark.clients

KEY, SECRET = "AKIACONSOLE", "a/secret+for=tests"
FRESHNESS_MS = 301_000


def client(url: str, service: str, key: str = "test", secret: str = "test") -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


@pytest.fixture(scope="module")
def s3(served: Served) -> Iterator[Any]:
    found = client(served.url, "s3")
    yield found
    found.close()


def fact(console: Console, name: str) -> Any:
    """The value of a pair of name and value."""
    terms = console.page.locator("dl.facts > div").filter(has=console.page.get_by_text(name, exact=True))
    return terms.first.locator("dd")


def test_a_channel_is_made_seen_at_work_and_deleted(console: Console, served: Served, s3: Any) -> None:
    s3.create_bucket(Bucket="lake")
    served.kinesis.create_stream(StreamName="fruit", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    served.kinesis.get_waiter("stream_exists").wait(StreamName="fruit", WaiterConfig={"Delay": 1})
    console.go("streams/fruit/readers")
    console.see("Nothing delivers the stream.")
    console.click("Create a channel")
    console.fill("Name", "to-lake")
    console.fill("Bucket", "lake")
    console.click("Create")
    row = console.row("to-lake")
    row.filter(has_text="active").filter(has_text="s3://lake/").wait_for()
    for data in (b'{"fruit": "apple"}', b'{"fruit": "pear"}', b"<b>nonsense</b>"):
        served.kinesis.put_record(StreamName="fruit", PartitionKey="alice", Data=data)
    console.follow("to-lake")
    fact(console, "Records behind").get_by_text("3", exact=True).wait_for()
    fact(console, "Gathered").get_by_text("3 records").wait_for()
    AdminClient(served.url).post("clock", advance_ms=FRESHNESS_MS)
    fact(console, "Records behind").get_by_text("0", exact=True).wait_for()
    assert fact(console, "Delivered").inner_text().startswith("3 records")
    assert fact(console, "Batches").inner_text() == "1"
    (key,) = [
        each["Key"] for each in s3.list_objects_v2(Bucket="lake")["Contents"] if "/errors/" not in each["Key"]
    ]
    console.see(f"s3://lake/{key}")
    console.click("Look into it")
    console.page.get_by_role("region", name="Object").get_by_text('{"fruit": "pear"}').wait_for()

    console.click("Look at them")
    console.row("InvalidJson").filter(has_text="nonsense").wait_for()
    console.page.get_by_role("complementary").get_by_text("<b>nonsense</b>").first.wait_for()
    console.page.get_by_role("complementary").get_by_text("malformed").wait_for()
    address = console.page.url
    console.page.goto("about:blank")
    console.page.goto(address)
    console.row("InvalidJson").wait_for()

    console.follow("Deliveries")
    console.row("to-lake").filter(has=console.page.get_by_role("link", name="fruit")).wait_for()
    console.follow("to-lake")
    console.click("Delete…")
    dialog = console.page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Delete").is_disabled()
    console.fill("Type to-lake to delete it", "to-lake")
    dialog.get_by_role("button", name="Delete").click()
    console.see("There is no channel and no delivery stream")
    assert served.kinesis.list_channels()["ChannelSummaries"] == []


def test_a_delivery_stream_tells_what_it_fails_on_and_goes_on(
    console: Console, served: Served, s3: Any
) -> None:
    console.go("deliveries")
    console.click("Create a delivery stream")
    console.fill("Name", "clicks")
    console.fill("Bucket", "not-yet")
    console.fill("Interval", "0")
    console.page.get_by_label("Objects are").select_option("GZIP")
    console.click("Create")
    console.row("clicks").filter(has_text="active").filter(has_text="direct puts").wait_for()
    console.follow("clicks")
    console.click("Put a record")
    console.page.get_by_role("dialog").get_by_role("textbox").fill("one click")
    console.click("Put")
    AdminClient(served.url).post("clock", advance_ms=2_000)
    console.see("bucket does not exist")
    console.see("failing")
    console.follow("Deliveries")
    console.row("clicks").filter(has_text="failing").filter(has_text="bucket does not exist").wait_for()
    s3.create_bucket(Bucket="not-yet")
    AdminClient(served.url).post("clock", advance_ms=61_000)
    console.row("clicks").filter(has_text="active").wait_for()
    console.follow("clicks")
    assert fact(console, "Delivered").inner_text() == "1 record, 9 B"
    console.click("Look into it")
    console.page.get_by_role("region", name="Object").get_by_text("one click").wait_for()
    console.page.get_by_text("As its API describes it").click()
    console.see("deliverystream/clicks")


def test_where_one_signs_in_objects_are_looked_into_with_the_key(
    chromium: Any, built_console: None, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[key]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    options = ("--credentials", str(credentials), "--transition-ms", "0", "--console", "read-only")
    with started_server(tmp_path / "log", *options) as server:
        s3, firehose = (client(server.endpoint_url, name, KEY, SECRET) for name in ("s3", "firehose"))
        s3.create_bucket(Bucket="lake")
        firehose.create_delivery_stream(
            DeliveryStreamName="clicks",
            ExtendedS3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::000000000000:role/any",
                "BucketARN": "arn:aws:s3:::lake",
                "Prefix": "a b+c(d)/ü/",
                "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1},
            },
        )
        firehose.put_record(DeliveryStreamName="clicks", Record={"Data": b"one click"})
        console = Console(chromium.new_page(), server.endpoint_url)
        console.go("deliveries/firehose/clicks")
        console.fill("Access key id", KEY)
        console.fill("Secret access key", SECRET)
        console.click("Sign in")
        console.click("Look into it")
        console.page.get_by_role("region", name="Object").get_by_text("one click").wait_for()
        for name in ("Delete…", "Put a record"):
            assert console.page.get_by_role("button", name=name, exact=True).is_disabled(), name
        assert console.faults == []
        console.page.close()
        s3.close()
        firehose.close()
