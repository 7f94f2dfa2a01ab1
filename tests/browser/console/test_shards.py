"""Shards in the console: where keys fall, split and merge, a thousand of them."""

from __future__ import annotations

from hashlib import md5
from typing import Any

import pytest

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.waiting import wait_until

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def stream(served: Served) -> str:
    served.kinesis.create_stream(StreamName="sharded", ShardCount=2)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="sharded", WaiterConfig={"Delay": 1})
    return "sharded"


def open_shards(served: Served, stream: str) -> list[dict[str, Any]]:
    shards = served.kinesis.list_shards(StreamName=stream)["Shards"]
    return [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]


def test_a_key_falls_where_the_server_puts_it(console: Console, served: Served, stream: str) -> None:
    for key in ("alice", "bob", "ключ"):
        shard = served.kinesis.put_record(StreamName=stream, PartitionKey=key, Data=b"x")["ShardId"]
        console.go(f"streams/{stream}/shards?key={key}")
        console.see("falls into")
        assert console.page.get_by_role("status").filter(has_text=shard).is_visible()


def test_a_shard_is_split_and_merged_again_and_the_lineage_shows_it(
    console: Console, served: Served, stream: str
) -> None:
    console.go(f"streams/{stream}/shards")
    console.row("shardId-000000000000").get_by_role("button", name="Split").click()
    console.see("The middle of its range.")
    console.page.get_by_role("dialog").get_by_role("button", name="Split").click()
    wait_until(lambda: len(open_shards(served, stream)) == 3, "the split")
    console.row("shardId-000000000003").wait_for()
    console.row("shardId-000000000002").get_by_role("button", name="Merge").click()
    dialog = console.page.get_by_role("dialog")
    dialog.get_by_label("With the shard beside it").select_option("shardId-000000000003")
    dialog.get_by_role("button", name="Merge").click()
    wait_until(lambda: len(open_shards(served, stream)) == 2, "the merge")
    console.row("shardId-000000000004").wait_for()
    console.page.get_by_role("img", name="The lineage of 5 shards").wait_for()
    console.page.get_by_label("Closed shards too").check()
    console.await_rows(5)
    assert "2 + 3" in console.row("shardId-000000000004").inner_text()


def test_a_shard_is_split_where_a_key_falls(console: Console, served: Served) -> None:
    served.kinesis.create_stream(StreamName="split", ShardCount=1)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="split", WaiterConfig={"Delay": 1})
    console.go("streams/split/shards")
    console.row("shardId-000000000000").get_by_role("button", name="Split").click()
    console.fill("Or where a partition key falls", "ключ")
    console.see("The second child begins here.")
    console.page.get_by_role("dialog").get_by_role("button", name="Split").click()
    console.row("shardId-000000000002").wait_for()
    falls = int(md5("ключ".encode()).hexdigest(), 16)
    second = open_shards(served, "split")[-1]
    assert second["HashKeyRange"]["StartingHashKey"] == str(falls)
    assert (
        served.kinesis.put_record(StreamName="split", PartitionKey="ключ", Data=b"x")["ShardId"]
        == second["ShardId"]
    )


def test_a_thousand_shards_are_seen_and_scrolled(console: Console, served: Served) -> None:
    served.kinesis.create_stream(StreamName="wide", ShardCount=1000)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="wide", WaiterConfig={"Delay": 1})
    served.kinesis.put_record(StreamName="wide", PartitionKey="alice", Data=b"x")
    console.go("streams/wide/shards")
    console.await_rows(1000)
    assert console.page.locator(".shard-bar rect").count() == 1000
    assert console.page.locator(".grid-body .grid-row").count() < 80
    console.page.get_by_role("grid").focus()
    console.page.keyboard.press("End")
    console.row("shardId-000000000999").wait_for()
    console.go("streams/wide/records")
    console.await_rows(1)
