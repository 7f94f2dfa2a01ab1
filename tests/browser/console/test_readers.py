"""Who reads, in the console: consumers, functions, those who poll, leases."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import boto3
import pytest

from headwater.client import DynamoDBState, KinesisConsumer
from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.browser.console.mapped_function import make_mapping

pytestmark = pytest.mark.clients

SHARD = "shardId-000000000000"


@pytest.fixture(scope="module")
def stream(served: Served) -> str:
    served.kinesis.create_stream(StreamName="read", ShardCount=1)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="read", WaiterConfig={"Delay": 1})
    put(served, "read")
    return "read"


def put(served: Served, stream: str) -> None:
    served.kinesis.put_record(StreamName=stream, PartitionKey="alice", Data=b"3 apples")


def client(served: Served, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=served.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def arn_of(served: Served, stream: str) -> str:
    described = served.kinesis.describe_stream_summary(StreamName=stream)
    return str(described["StreamDescriptionSummary"]["StreamARN"])


def test_a_consumer_is_registered_seen_reading_and_deregistered(
    console: Console, served: Served, stream: str
) -> None:
    console.go(f"streams/{stream}/readers")
    console.click("Register a consumer")
    console.fill("Name", "billing")
    console.click("Register")
    console.row("billing").filter(has_text="active").wait_for()
    (consumer,) = served.kinesis.list_stream_consumers(StreamARN=arn_of(served, stream))["Consumers"]
    subscription = served.kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=SHARD, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    console.row("billing").filter(has_text="shard 0").wait_for()
    console.row("billing").get_by_role("link", name="Charts").click()
    name = re.compile("Records by the minute. out by fan-out: now [1-9]")
    console.await_while(partial(put, served, stream), console.page.get_by_role("figure", name=name))
    console.follow("Who reads")
    subscription["EventStream"].close()
    console.row("billing").filter(has_text="no shard now").wait_for()
    console.click("Deregister…")
    console.page.get_by_role("dialog").get_by_role("button", name="Deregister").click()
    console.see("No consumer is registered.")


def test_who_polls_is_seen_with_the_age_of_what_it_got(console: Console, served: Served, stream: str) -> None:
    iterator = served.kinesis.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )
    served.kinesis.get_records(ShardIterator=iterator["ShardIterator"])
    console.go(f"streams/{stream}/readers")
    console.page.get_by_role("region", name="Shards that are polled").get_by_text(SHARD).wait_for()


def test_a_function_is_seen_with_its_mapping_and_its_log(
    console: Console, served: Served, stream: str
) -> None:
    make_mapping(client(served, "lambda"), arn_of(served, stream))
    console.go(f"streams/{stream}/readers")
    row = console.row("count-apples")
    row.filter(has_text="enabled").filter(has_text="OK").wait_for()
    console.go("functions")
    console.row("count-apples").filter(has_text="OK").wait_for()
    console.follow("count-apples")
    console.see(re.compile("got [1-9][0-9]* apples"))
    console.go("functions")
    console.click("Disable")
    console.row("count-apples").filter(has_text="disabled").wait_for()


def test_what_a_mapping_has_given_up_is_seen_with_the_reason(
    console: Console, served: Served, stream: str
) -> None:
    refuses = "def handler(event, context):\n    raise ValueError('rotten apples')\n"
    arn = arn_of(served, stream)
    make_mapping(client(served, "lambda"), arn, "refuse-apples", refuses, MaximumRetryAttempts=0)
    console.go("functions/refuse-apples")
    given_up = console.page.get_by_role("region", name="Given up")
    row = given_up.get_by_role("row").filter(has_text="attempts used up, after 1 invocation")
    row.filter(has_text="rotten apples").filter(has_text="nobody").first.wait_for()
    row.first.get_by_role("link").click()
    console.row("alice").wait_for()


def test_leases_of_an_application_are_seen(console: Console, served: Served) -> None:
    dynamodb = client(served, "dynamodb")
    dynamodb.create_table(
        TableName="orders-application",
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(
        TableName="orders-application",
        Item={
            "leaseKey": {"S": SHARD},
            "leaseOwner": {"S": "worker-7"},
            "checkpoint": {"S": "TRIM_HORIZON"},
            "leaseCounter": {"N": "42"},
        },
    )
    dynamodb.close()
    console.go("leases")
    console.see("orders-application")
    assert "TRIM_HORIZON" in console.row("worker-7").inner_text()


def test_leases_of_the_client_library_are_seen_while_it_works(
    console: Console, served: Served, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
    with KinesisConsumer(stream, start="TRIM_HORIZON", state=DynamoDBState("fruit-counter")) as consumer:
        next(iter(consumer))
        console.go("leases")
        leases = console.page.get_by_role("region", name="Leases of fruit-counter")
        leases.get_by_role("row").filter(has_text=SHARD).wait_for()
        assert "nobody" not in leases.inner_text()
    leases.get_by_role("row").filter(has_text="nobody").wait_for()


def test_a_stream_is_charted_by_the_minute_and_by_shard(
    console: Console, served: Served, stream: str
) -> None:
    console.go(f"streams/{stream}/charts")
    chart = console.page.get_by_role("figure", name="Records by the minute. in: now")
    chart.locator("canvas").wait_for()
    console.click("Count by shard, too")
    choice = console.page.get_by_label("Of", exact=True)
    choice.wait_for()
    choice.select_option(f"shard {SHARD}")
    name = re.compile("Records by the minute. in: now [1-9]")
    console.await_while(partial(put, served, stream), console.page.get_by_role("figure", name=name))


def test_a_part_of_a_chart_is_looked_at_closer(console: Console, stream: str) -> None:
    console.go(f"streams/{stream}/charts?span=180")
    area = console.page.locator(".u-over").first
    area.wait_for()
    box = area.bounding_box()
    assert box is not None
    console.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    console.page.mouse.down()
    console.page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 40, steps=5)
    console.page.mouse.up()
    console.click("Show all")
    console.see("Drag over a chart")
