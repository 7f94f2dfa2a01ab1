"""The console at one of two gateways over Kafka: every page, of what was put and changed at the other one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

import boto3
import pytest

from headwater.testing import Headwater
from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.browser.console.mapped_function import make_mapping
from tests.conftest import client_for
from tests.storage.kafka.gateways import running
from tests.storage.kafka.nodes import KafkaNodes
from tests.waiting import wait_until

pytestmark = pytest.mark.clients

QUICK = ("--transition-ms", "20")
FIRST = "shardId-000000000000"
ON_DEMAND = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
RECORDS = 8
VISIBLE, DEAD = 2, 4
COUNT, OLDEST = 8, 9


@dataclass
class Gateways(Served):
    """The gateway at which the console is opened, and the other one."""

    other_url: str
    other: Any

    def other_client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.other_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def holds_lease(self) -> bool:
        """Whether the gateway with the console does what one of them does for all."""
        with urlopen(f"{self.url}/_headwater/health") as answer:
            return bool(json.load(answer)["lease"]["is_held"])


@pytest.fixture(scope="module")
def served(built_console: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    folder = tmp_path_factory.mktemp("gateways")
    nodes = KafkaNodes(folder / "kafka", 1)
    try:
        with (
            Headwater() as services,
            running(nodes.url("console"), folder, 2, *QUICK, "--forward-to", services.endpoint_url) as found,
        ):
            url, other_url = (f"http://127.0.0.1:{gateway.port}" for gateway in found)
            clients = client_for(url), client_for(other_url)
            yield Gateways(url, 0, clients[0], other_url, clients[1])
            for client in clients:
                client.close()
    finally:
        nodes.close()


def put(served: Gateways, stream: str, *data: str) -> None:
    for each in data:
        served.other.put_record(StreamName=stream, PartitionKey=each, Data=each.encode())


def made(served: Gateways, name: str, **members: Any) -> str:
    """The ARN of a stream that was made at the other gateway."""
    served.other.create_stream(StreamName=name, **members)
    served.other.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    described = served.other.describe_stream_summary(StreamName=name)
    return str(described["StreamDescriptionSummary"]["StreamARN"])


def test_what_this_gateway_has_never_read_is_counted_and_shown_from_its_end(
    console: Console, served: Gateways
) -> None:
    made(served, "unread", ShardCount=1)
    put(served, "unread", *(f"order-{number}" for number in range(RECORDS)))
    console.go()
    cells = console.row("unread").get_by_role("cell")
    cells.nth(COUNT).get_by_text(str(RECORDS), exact=True).wait_for()
    assert any(map(str.isdigit, cells.nth(OLDEST).inner_text())), "the age of the oldest record"
    console.go("streams/unread/records?from=last&at=3&live=no")
    console.see("all read")
    console.await_rows(3)
    assert console.page.get_by_text("skipped").count() == 0


def test_a_stream_is_made_read_split_and_deleted(console: Console, served: Gateways) -> None:
    console.go()
    console.click("Create a stream")
    console.fill("Name", "orders")
    console.click("Create")
    console.page.wait_for_url("**/#/streams/orders")
    served.other.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    put(served, "orders", *(f"order-{number}" for number in range(RECORDS)))
    console.go("streams/orders/records?from=last&at=3")
    console.await_rows(3)
    put(served, "orders", "fresh")
    console.row("fresh").wait_for()
    console.click("Put a record")
    console.fill("Partition key", "typed")
    console.page.get_by_role("dialog").get_by_label("Data").fill("by hand")
    console.click("Put")
    console.row("typed").wait_for()
    iterator = served.other.get_shard_iterator(
        StreamName="orders", ShardId=FIRST, ShardIteratorType="TRIM_HORIZON"
    )
    read = served.other.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert (len(read), read[-1]["Data"]) == (RECORDS + 2, b"by hand")
    assert console.page.get_by_text("skipped").count() == 0

    console.follow("Shards")
    console.row(FIRST).get_by_role("button", name="Split").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Split").click()
    console.row("shardId-000000000002").wait_for()
    console.page.get_by_label("Closed shards too").check()
    console.row(FIRST).filter(has_text="closed").filter(has_text=str(RECORDS + 2)).wait_for()
    console.go("streams/orders/records?from=newest")
    console.see("Nothing yet.")
    put(served, "orders", *(f"later-{number}" for number in range(4)))  # into both children
    console.await_rows(4)
    console.go("streams/orders/records?from=oldest&live=no")
    console.await_rows(RECORDS + 6)
    console.see("all read")
    assert console.page.get_by_text("skipped").count() == 0

    console.follow("Settings")
    console.click("Delete…")
    console.fill("Type orders", "orders")
    console.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    console.page.wait_for_url("**/#/streams")
    wait_until(lambda: "orders" not in served.other.list_streams()["StreamNames"], "the deletion")


def test_a_queue_is_worked_on_at_the_other_gateway(console: Console, served: Gateways) -> None:
    arn = made(served, "jobs", **ON_DEMAND)
    console.go("streams/jobs/queues")
    console.click("Create a queue")
    console.fill("Name", "resize")
    console.fill("After so many receives", "1")
    console.click("Create")
    console.row("resize").filter(has_text="active").wait_for()
    (queue,) = served.other.list_queues(StreamFilter=[{"StreamARN": arn}])["QueueSummaries"]
    put(served, "jobs", "job-0", "job-1")
    cells = console.row("resize").get_by_role("cell")
    cells.nth(VISIBLE).get_by_text("2", exact=True).wait_for()
    received = 0
    while received < 2:  # and given back at once: each was received as often as it may be
        answer = served.other.receive_queue_records(
            QueueARN=queue["QueueARN"], VisibilityTimeoutSeconds=0, WaitTimeSeconds=5
        )
        received += len(answer["QueueRecords"])
    cells.nth(DEAD).get_by_text("2", exact=True).wait_for()
    console.row("job-1").click()
    console.click("Restore")
    console.see("1 dead letter restored.")
    (restored,) = served.other.receive_queue_records(QueueARN=queue["QueueARN"], WaitTimeSeconds=20)[
        "QueueRecords"
    ]
    assert restored["Data"] == b"job-1"
    console.row("job-0").click()
    console.click("Acknowledge")
    console.await_rows(0)
    console.click("Delete…")
    console.fill("Type resize to delete it", "resize")
    console.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    console.see("The stream has no queue.")


def test_who_reads_and_who_delivers_is_seen(console: Console, served: Gateways) -> None:
    arn = made(served, "fruit", **ON_DEMAND)
    make_mapping(served.other_client("lambda"), arn)
    s3 = served.other_client("s3")
    s3.create_bucket(Bucket="lake")
    console.go("streams/fruit/readers")
    console.click("Register a consumer")
    console.fill("Name", "billing")
    console.click("Register")
    console.row("billing").filter(has_text="active").wait_for()
    console.click("Create a channel")
    console.fill("Name", "to-lake")
    console.fill("Bucket", "lake")
    console.click("Create")
    console.row("to-lake").filter(has_text="active").wait_for()
    put(served, "fruit", "apple")
    console.row("count-apples").filter(has_text="enabled").wait_for()
    console.follow("Charts")
    console.page.get_by_role("figure", name="Records by the minute").first.wait_for()

    console.go("functions")
    console.row("count-apples").get_by_role("button", name="Disable").click()
    console.row("count-apples").filter(has_text="disabled").wait_for()
    console.follow("count-apples")
    console.page.get_by_role("log", name="Log of count-apples").wait_for()

    console.go("deliveries")
    console.row("to-lake").filter(has_text="active").wait_for()
    console.click("Create a delivery stream")
    console.fill("Name", "clicks")
    console.fill("Bucket", "lake")
    console.fill("Interval", "0")
    console.click("Create")
    console.follow("clicks")
    console.click("Put a record")
    console.page.get_by_role("dialog").get_by_role("textbox").fill("one click")
    console.click("Put")
    wait_until(lambda: s3.list_objects_v2(Bucket="lake")["KeyCount"] == 1, "the object")
    s3.close()
    console.see("1 record, 9 B" if served.holds_lease() else "Another gateway delivers it")
    console.click("Delete…")
    console.fill("Type clicks to delete it", "clicks")
    console.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    console.row("to-lake").wait_for()
    console.row("clicks").wait_for(state="detached")
    console.go("leases")
    console.see("No table of the neighbouring DynamoDB holds leases.")


def test_what_is_this_gateways_alone_is_said(console: Console, served: Gateways) -> None:
    console.go("tests")
    console.see("One gateway of several.")
    console.see("Gateways have no other.")
    console.click("Add a fault")
    console.page.get_by_role("dialog").get_by_label("Error", exact=True).fill("InternalFailure")
    console.click("Add")
    console.see("Answer with an error")
    console.click("Remove all")
    console.see("Nothing goes wrong on purpose.")
    console.go("requests")
    console.page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    served.other.describe_limits()
    served.kinesis.list_streams()
    console.row("ListStreams").wait_for()
    assert console.page.get_by_role("row").filter(has_text="DescribeLimits").count() == 0
