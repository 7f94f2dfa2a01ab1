"""Faults, limits, the clock and the live requests, in the console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.waiting import wait_until

pytestmark = pytest.mark.clients


def told(served: Served, route: str) -> dict[str, object]:
    with urlopen(f"{served.url}/_headwater/{route}") as answer:
        found: dict[str, object] = json.load(answer)
    return found


def dialog_of(console: Console) -> Any:
    return console.page.get_by_role("dialog")


def test_a_fault_is_added_fires_and_is_removed(console: Console, served: Served) -> None:
    console.go("tests")
    console.click("Add a fault")
    dialog_of(console).get_by_label("Error", exact=True).fill("LimitExceededException")
    console.fill("Operations", "ListStreams")
    console.fill("Times in all", "1")
    console.click("Add")
    console.see("Answer with an error")
    with pytest.raises(ClientError, match="LimitExceeded"):
        served.kinesis.list_streams()
    cells = console.row("Answer with an error").get_by_role("cell")
    wait_until(lambda: cells.nth(4).inner_text() == "1", "the count")


def test_a_wrong_fault_is_refused_with_the_reason(console: Console) -> None:
    console.go("tests")
    console.click("Add a fault")
    dialog_of(console).get_by_label("Error", exact=True).fill("NoSuchError")
    console.click("Add")
    dialog_of(console).get_by_text("NoSuchError").wait_for()


def test_a_stream_is_limited_and_let_go(console: Console, served: Served) -> None:
    served.kinesis.create_stream(StreamName="limited", ShardCount=1)
    console.go("tests")
    console.click("Set limits")
    dialog = dialog_of(console)
    dialog.get_by_label("Stream").fill("limited")
    dialog.get_by_label("Records in a second").fill("10")
    dialog.get_by_role("button", name="Set").click()
    region = console.page.get_by_role("region", name="Limits")
    row = region.get_by_role("row").filter(has=console.page.get_by_role("button", name="Remove"))
    row.get_by_text("10", exact=True).wait_for()
    (limited,) = json.loads(json.dumps(told(served, "limits")["streams"]))
    assert (limited["stream"], limited["records_in_per_s"]) == ("limited", 10)
    row.get_by_role("button", name="Remove").click()
    wait_until(lambda: told(served, "limits")["streams"] == [], "the removal")


def test_the_clock_is_stopped_moved_and_goes_on(console: Console, served: Served) -> None:
    before = int(str(told(served, "clock")["now_ms"]))
    console.go("tests")
    console.click("Stop")
    console.see("stands still")
    console.click("+ 1 h")
    wait_until(lambda: int(str(told(served, "clock")["now_ms"])) >= before + 3_600_000, "the hour")
    console.click("Go on")
    wait_until(lambda: told(served, "clock")["running"], "the clock")


def test_requests_are_seen_live_filtered_and_copied(console: Console, served: Served) -> None:
    console.go("requests")
    console.page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    served.kinesis.create_stream(StreamName="asked", ShardCount=1)
    with pytest.raises(ClientError):
        served.kinesis.describe_stream(StreamName="missing")
    console.row("CreateStream").filter(has_text="asked").wait_for()
    console.row("ResourceNotFoundException").filter(has_text="missing").wait_for()
    console.page.get_by_label("Outcome").select_option("failed")
    console.await_rows(1)
    console.page.get_by_label("Outcome").select_option("")
    console.fill("Search requests", "asked")
    console.await_rows(1)
    console.row("CreateStream").click()
    detail = console.page.get_by_role("complementary", name="Request")
    detail.get_by_text('"asked"').wait_for()
    console.click("Copy as AWS CLI")
    wait_until(lambda: console.copied().startswith("aws kinesis create-stream"), "the command")
    console.click("Copy as boto3")
    wait_until(lambda: 'StreamName="asked"' in console.copied(), "the program")
    console.see("paused")


def test_a_call_that_was_copied_is_the_same_call(console: Console, served: Served) -> None:
    console.go("requests")
    console.page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    served.kinesis.create_stream(StreamName="again", ShardCount=1)
    console.row("CreateStream").click()
    console.click("Copy as boto3")
    wait_until(lambda: "again" in console.copied(), "the program")
    program = console.copied().replace('"again"', '"made-by-a-copy"')
    keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    exec(program.replace("endpoint_url=", f"**{keys}, endpoint_url="), {})
    assert "made-by-a-copy" in served.kinesis.list_streams()["StreamNames"]
    served.kinesis.get_waiter("stream_exists").wait(StreamName="made-by-a-copy", WaiterConfig={"Delay": 1})
    served.kinesis.put_record(StreamName="made-by-a-copy", PartitionKey="it's", Data=b"\xff\x00 apples")
    console.click("Go on")
    console.row("PutRecord").click()
    console.click("Copy as AWS CLI")
    wait_until(lambda: console.copied().startswith("aws kinesis put-record"), "the command")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    subprocess.run(["bash", "-c", console.copied()], env=environment, check=True, stdout=subprocess.DEVNULL)
    found = served.kinesis.get_records(
        ShardIterator=served.kinesis.get_shard_iterator(
            StreamName="made-by-a-copy",
            ShardId="shardId-000000000000",
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
    )["Records"]
    said = [(record["PartitionKey"], record["Data"]) for record in found]
    assert said == 2 * [("it's", b"\xff\x00 apples")]
