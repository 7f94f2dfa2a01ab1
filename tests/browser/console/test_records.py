"""Records in the console: browsed, searched, opened, put, followed and exported."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from typing import Any

import pytest
import zstandard
from aws_kinesis_agg.aggregator import RecordAggregator

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.waiting import wait_until

pytestmark = pytest.mark.clients

KEY, DATA = 2, 3
MANY = 100_000
LARGE_BYTES = 10 * 1024 * 1024
HOSTILE = "<img src=x onerror='document.title=1'><script>document.title=2</script>"


def made(served: Served, name: str, shards: int = 1) -> str:
    served.kinesis.create_stream(StreamName=name, ShardCount=shards)
    served.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    return name


def put(served: Served, stream: str, *entries: tuple[str, bytes]) -> list[dict[str, Any]]:
    return [
        served.kinesis.put_record(StreamName=stream, PartitionKey=key, Data=data) for key, data in entries
    ]


@pytest.fixture(scope="module")
def orders(served: Served) -> str:
    """Ten orders and three records that are packed."""
    stream = made(served, "orders", 2)
    for number in range(10):
        order = {"order": {"id": number, "total": number * 10, "items": [{"sku": f"sku-{number}"}]}}
        put(served, stream, (f"customer-{number}", json.dumps(order).encode()))
    aggregator = RecordAggregator()
    aggregator.add_user_record("anna", b"3 apples")
    aggregator.add_user_record("bert", b"4 pears")
    _, _, aggregate = aggregator.clear_and_get().get_contents()
    put(served, stream, ("packed", gzip.compress(b'{"hidden":"treasure"}')), ("aggregate", bytes(aggregate)))
    return stream


def test_records_are_there_newest_on_top_with_user_records_for_themselves(
    console: Console, orders: str
) -> None:
    console.go(f"streams/{orders}/records")
    console.await_rows(13)
    keys = console.texts(KEY)
    assert sorted(keys[:2]) == ["anna", "bert"]
    assert keys[2:5] == ["packed", "customer-9", "customer-8"]
    console.page.get_by_label("Order", exact=True).select_option("oldest")
    wait_until(lambda: console.texts(KEY)[0] == "customer-0", "the other order")
    assert "order=oldest" in console.page.url


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("text=SKU-7", ["customer-7"]),
        ("text=treasure", ["packed"]),
        ("key=ann", ["anna"]),
        ("path=$.order.total > 70", ["customer-9", "customer-8"]),
        ('path=$.order.items[*].sku == "sku-3"', ["customer-3"]),
        ("path=hidden&text=tre", ["packed"]),
    ],
)
def test_records_are_found_by_text_key_and_path(
    console: Console, orders: str, query: str, keys: list[str]
) -> None:
    console.go(f"streams/{orders}/records?{query}")
    console.await_rows(len(keys))
    assert console.texts(KEY) == keys


def test_a_search_that_is_typed_becomes_part_of_the_address(console: Console, orders: str) -> None:
    console.go(f"streams/{orders}/records")
    console.await_rows(13)
    console.page.keyboard.press("/")
    console.page.keyboard.type("sku-7")
    console.await_rows(1)
    assert "text=sku-7" in console.page.url
    console.fill("Path into JSON", "$.a[")
    console.see("is no path such as")


def test_one_reads_from_a_shard_a_time_and_a_sequence_number(console: Console, served: Served) -> None:
    stream = made(served, "starts")
    answers = put(served, stream, *((f"key-{number}", b"x") for number in range(6)))
    console.go(f"streams/{stream}/records?from=last&at=2")
    console.await_rows(2)
    console.go(f"streams/{stream}/records?from=oldest&live=no")
    console.await_rows(6)
    console.see("all read")
    number = answers[3]["SequenceNumber"]
    console.go(f"streams/{stream}/records?shard=shardId-000000000000&from=sequence_number&at={number}")
    console.await_rows(3)
    console.go(f"streams/{stream}/records?from=time&at=1000")
    console.await_rows(6)
    console.go(f"streams/{stream}/records?from=newest")
    console.see("Nothing yet.")
    put(served, stream, ("fresh", b"x"))
    console.await_rows(1)


def test_a_record_is_opened_in_every_form_and_its_address_opens_it_again(
    console: Console, orders: str
) -> None:
    console.go(f"streams/{orders}/records?key=customer-7")
    console.row("customer-7").click()
    detail = console.page.get_by_role("complementary", name="Record")
    detail.get_by_text("sku-7").wait_for()
    detail.get_by_role("button", name="Text").click()
    assert '"total": 70' in detail.locator("pre").inner_text()
    detail.get_by_role("button", name="Hex").click()
    assert "00000000  7b 22 6f 72" in detail.locator("pre").inner_text()
    detail.get_by_role("button", name="Copy address").click()
    wait_until(lambda: "sequence_number" in console.copied(), "the address")
    address = console.copied()
    console.page.goto("about:blank")
    console.page.goto(address)
    detail.get_by_text("sku-7").wait_for()
    console.page.keyboard.press("Escape")
    detail.wait_for(state="detached")


def test_a_record_is_put_put_again_and_changed(console: Console, served: Served) -> None:
    stream = made(served, "puts")
    console.go(f"streams/{stream}/records")
    console.see("Nothing yet.")
    console.page.keyboard.press("p")
    console.fill("Partition key", "alice")
    console.page.get_by_role("dialog").get_by_label("Data").fill('{"fruit":"apple"}')
    console.page.get_by_role("dialog").get_by_role("button", name="Put", exact=True).click()
    console.await_rows(1)
    console.row("alice").click()
    console.click("Put again")
    console.see("Put into shardId-000000000000")
    console.click("Edit and put")
    data = console.page.get_by_role("dialog").get_by_label("Data")
    assert data.input_value() == '{"fruit":"apple"}'
    data.fill('{"fruit":"pear"}')
    console.page.get_by_role("dialog").get_by_role("button", name="Put", exact=True).click()
    console.click("Go on")
    console.await_rows(3)
    assert console.texts(DATA) == ['{"fruit":"pear"}', '{"fruit":"apple"}', '{"fruit":"apple"}']


def test_live_records_stand_still_while_one_reads_and_none_is_lost(console: Console, served: Served) -> None:
    stream = made(served, "live")
    put(served, stream, ("first", b"x"))
    console.go(f"streams/{stream}/records")
    console.await_rows(1)
    console.page.keyboard.press("Space")
    console.see("paused")
    put(served, stream, ("second", b"x"), ("third", b"x"))
    console.see("2 more since the pause")
    assert console.rows() == 1
    console.page.keyboard.press("Space")
    console.await_rows(3)
    console.click("Stop")
    console.see("stopped")
    put(served, stream, ("fourth", b"x"))
    assert console.rows() == 3


def test_what_comes_is_searched_while_it_comes(console: Console, served: Served) -> None:
    stream = made(served, "sought")
    console.go(f"streams/{stream}/records?from=newest&path=$.n > 5")
    console.see("None of 0 records matches.")
    put(served, stream, *((f"key-{n}", json.dumps({"n": n}).encode()) for n in range(10)))
    console.await_rows(4)
    console.see("4 rows of 10 read")
    console.fill("Path into JSON", "$.n == 3")
    console.see("None of 0 records matches.")
    put(served, stream, ("again", b'{"n":3}'))
    console.await_rows(1)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_what_is_packed_is_shown_as_it_was(console: Console, served: Served, packing: str) -> None:
    stream = made(served, packing)
    data = b'{"hidden":"treasure"}' + b" " * 1_000
    put(served, stream, ("packed", gzip.compress(data) if packing == "gzip" else zstandard.compress(data)))
    console.go(f"streams/{stream}/records?text=treasure")
    console.row("packed").filter(has_text='{"hidden":"treasure"}').click()
    detail = console.page.get_by_role("complementary", name="Record")
    detail.get_by_text('"treasure"').wait_for()
    assert f"{packing} 1021 B unpacked" in detail.inner_text()


def test_what_is_shown_and_all_that_matches_is_exported(console: Console, served: Served) -> None:
    stream = made(served, "exported")
    put(served, stream, ("a", b'{"n":1}'), ("b", b"=cmd"), ("c", b"\xff\xfe"), ("d", b'{"n":2}'))
    console.go(f"streams/{stream}/records?from=last&at=1&order=oldest")
    console.await_rows(1)

    def exported(what: str) -> str:
        with console.page.expect_download() as download:
            console.page.get_by_label("Export", exact=True).select_option(label=what)
        return str(download.value.path().read_text())

    (shown,) = map(json.loads, exported("What is shown, JSON lines").splitlines())
    assert (shown["partition_key"], shown["data"]) == ("d", {"n": 2})
    console.go(f"streams/{stream}/records?from=oldest&path=n")
    console.await_rows(2)
    everything = [json.loads(line) for line in exported("All that matches, JSON lines").splitlines()]
    assert [each["data"] for each in everything] == [{"n": 1}, {"n": 2}]
    console.go(f"streams/{stream}/records?from=oldest")
    console.await_rows(4)
    lines = exported("All that matches, CSV").splitlines()
    assert lines[0] == "shard,sequence_number,arrived,partition_key,data,data_base64"
    assert [line.split(",")[3] for line in lines[1:]] == ["a", "b", "c", "d"]
    assert "'=cmd" in lines[2]
    assert lines[3].endswith(f",,{b64encode(bytes([255, 254])).decode()}")


def test_what_a_record_says_is_never_run(console: Console, served: Served) -> None:
    stream = made(served, "hostile")
    hostile = json.dumps({HOSTILE: HOSTILE, "__proto__": {"x": HOSTILE}}).encode()
    put(served, stream, (HOSTILE[:200], hostile), ("bytes", b"\xff\xfe\xc0<b>"), ("empty", b" "))
    served.kinesis.update_max_record_size(
        StreamARN=served.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
            "StreamARN"
        ],
        MaxRecordSizeInKiB=LARGE_BYTES // 1024,
    )
    wait_until(
        lambda: (
            served.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
                "StreamStatus"
            ]
            == "ACTIVE"
        ),
        "the stream",
    )
    put(served, stream, ("large", b"<script>" * (LARGE_BYTES // 8 - 10)))
    console.go(f"streams/{stream}/records")
    console.await_rows(4)
    detail = console.page.get_by_role("complementary", name="Record")
    for key in (HOSTILE[:30], "bytes", "empty", "large"):
        console.row(key).click()
        detail.get_by_role("button", name="Text").click()
        detail.locator("pre").wait_for()
        detail.get_by_role("button", name="Hex").click()
    console.row(HOSTILE[:30]).click()
    detail.get_by_role("button", name="JSON").click()
    detail.get_by_text("document.title=2").first.wait_for()
    assert console.page.title() == f"{stream} - Headwater"
    assert console.page.locator("main img, main script").count() == 0


def test_a_hundred_thousand_rows_stay_quick(console: Console, served: Served) -> None:
    stream = made(served, "many", 4)
    for start in range(0, MANY, 500):
        entries = [
            {"Data": json.dumps({"n": start + at, "text": "x" * 60}), "PartitionKey": f"key-{start + at}"}
            for at in range(500)
        ]
        served.kinesis.put_records(StreamName=stream, Records=entries)
    console.go(f"streams/{stream}/records?from=oldest&live=no&order=oldest")
    console.see("all read")
    console.await_rows(MANY)
    assert console.page.locator(".grid-body .grid-row").count() < 80
    console.page.get_by_role("grid").focus()
    frames = console.page.evaluate(
        """async () => {
            const grid = document.querySelector('[role=grid]');
            const took = [];
            for (let turn = 0; turn < 40; turn += 1) {
                const begun = performance.now();
                grid.scrollTop = (turn * 70000) % grid.scrollHeight;
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                took.push(performance.now() - begun);
            }
            return took.sort((a, b) => a - b);
        }"""
    )
    print(f"two frames after a jump: median {frames[20]:.0f} ms")
    console.page.keyboard.press("End")
    console.row("key-99999").wait_for()
    console.go(f"streams/{stream}/records?from=oldest&live=no&path=n == 77777")
    console.see("all read")
    console.await_rows(1)
