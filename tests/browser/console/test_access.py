"""Who gets the console and what it may do: keys, read-only, other pages; and what it costs to open it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.conftest import client_for, started_server
from tests.waiting import wait_until

pytestmark = pytest.mark.clients

KEY = "AKIACONSOLE"
SECRET = "a/secret+for=tests"
ROLE = "arn:aws:iam::000000000000:role/any"
FIRST_LOAD_BYTES = 150_000
PHONE_PX = 390
VIEWS = (
    "streams",
    "streams/orders/records",
    "streams/orders/shards",
    "streams/orders/readers",
    "streams/orders/queues",
    "streams/orders/charts",
    "streams/orders/settings",
    "functions",
    "deliveries",
    "deliveries/firehose/archive",
    "leases",
    "requests",
    "tests",
)


def test_where_signatures_are_verified_one_signs_in(
    chromium: Any, built_console: None, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[key]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    with started_server(tmp_path / "log", "--credentials", str(credentials), "--test-clock") as server:
        kinesis = boto3.client(
            "kinesis",
            endpoint_url=server.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
        page = chromium.new_page()
        console = Console(page, server.endpoint_url)
        console.go()
        console.fill("Access key id", KEY)
        console.fill("Secret access key", "wrong")
        console.click("Sign in")
        console.see("signature we calculated does not match")
        console.fill("Secret access key", SECRET)
        console.click("Sign in")
        console.row("orders").wait_for()
        kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples")
        for view, seen in (
            ("streams/orders/records", "3 apples"),
            ("streams/orders/shards", "Closed shards too"),
            ("streams/orders/readers", "No consumer is registered."),
            ("streams/orders/queues", "Queues need a stream in on-demand mode"),
            ("streams/orders/charts", "Records by the minute"),
            ("functions", "There is no function"),
            ("leases", "No table of the neighbouring DynamoDB holds leases."),
            ("requests", "live"),
        ):
            console.go(view)
            console.see(seen)
        console.go("tests")
        console.click("Stop")
        console.see("stands still")
        console.click("Sign out")
        console.see("Sign in with one of its access keys")
        assert console.faults == []
        page.close()
        kinesis.close()


def test_a_console_that_is_read_only_shows_and_changes_nothing(
    chromium: Any, built_console: None, tmp_path: Path
) -> None:
    with started_server(tmp_path / "log", "--console", "read-only") as server:
        kinesis = client_for(server.endpoint_url)
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        page = chromium.new_page()
        console = Console(page, server.endpoint_url)
        console.go()
        console.see("read-only")
        assert page.get_by_role("button", name="Create a stream").is_disabled()
        status = page.evaluate("""async () => (await fetch('/_headwater/reset', {method: 'POST'})).status""")
        assert status == 403
        assert kinesis.list_streams()["StreamNames"] == ["orders"]
        page.close()
        kinesis.close()


@pytest.fixture(scope="module")
def orders(served: Served) -> None:
    served.kinesis.create_stream(StreamName="orders", ShardCount=2)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    served.kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b'{"fruit":"apple"}')
    firehose = boto3.client(
        "firehose",
        endpoint_url=served.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    firehose.create_delivery_stream(
        DeliveryStreamName="archive",
        S3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::not-there"},
    )
    firehose.close()


def test_it_loads_little_and_from_the_server_alone(console: Console, served: Served, orders: None) -> None:
    asked: list[str] = []
    sizes: list[int] = []
    console.page.on("request", lambda request: asked.append(request.url))
    session = console.page.context.new_cdp_session(console.page)
    session.send("Network.enable")
    pages: set[str] = set()
    session.on("Network.requestWillBeSent", lambda event: note(event["requestId"], event["request"]["url"]))
    session.on("Network.loadingFinished", lambda event: count(event["requestId"], event["encodedDataLength"]))

    def note(request: str, url: str) -> None:
        """What it asks the server again and again is none of what it loads."""
        if "/_headwater/console/" in url:
            pages.add(request)

    def count(request: str, size: float) -> None:
        if request in pages:
            sizes.append(int(size))

    with console.page.expect_response("**/tests_page*"):  # of the other views, which come later
        console.go()
        console.row("orders").wait_for()
        first, of_first = sum(sizes), len(sizes)
    console.page.wait_for_load_state("networkidle")
    print(f"first view: {first:,} bytes in {of_first} answers; with all others {sum(sizes):,} bytes")
    assert all(url.startswith((served.url, "about:")) for url in asked)
    assert 10_000 < sum(sizes) < FIRST_LOAD_BYTES
    scripts = [url for url in asked if url.endswith(".js")]
    assert sorted(url.rpartition("/")[2].partition("-")[0] for url in scripts[:2]) == ["frame", "index"]


def test_it_is_painted_before_the_server_has_said_anything_and_streams_follow_at_once(
    chromium: Any, served: Served, orders: None
) -> None:
    took_ms: list[float] = []
    useful_ms: list[float] = []
    held: list[Any] = []
    for _ in range(3):
        page = chromium.new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.resource_type))
        page.route("**/_headwater/about", lambda route: held.append(route))  # noqa: PLW0108 - it is looked into
        page.goto(f"{served.url}/_headwater/console/", wait_until="commit")
        page.get_by_text("Headwater", exact=True).wait_for()
        painted = "performance.getEntriesByName('first-contentful-paint').at(0)?.startTime"
        took_ms.append(in_time(page, painted))
        loaded = [kind for kind in asked if kind in ("document", "script", "stylesheet")]
        assert sorted(loaded) == ["document", "script", "script", "stylesheet"], "no view but the first"
        while held:
            held.pop().abort()
        page.close()
        useful_ms.append(useful_content_ms(chromium, served))
    print(f"painted after {min(took_ms):.0f} ms, the first stream after {min(useful_ms):.0f} ms")


def in_time(page: Any, expression: str) -> float:
    """The number that an expression is in the page, once it is one."""
    look = f"const look = () => ({expression}) ? done({expression}) : setTimeout(look, 5);"
    number: float = page.evaluate(f"() => new Promise((done) => {{ {look} look(); }})")
    return number


def useful_content_ms(chromium: Any, served: Served) -> float:
    """From where the navigation began until the first stream was on the screen, with nothing cached."""
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script(
        """const seen = new MutationObserver(() => {
            if (!document.querySelector("tbody a.name")) return;
            seen.disconnect();
            requestAnimationFrame(() => setTimeout(() => { window.usefulMs = performance.now(); }));
        });
        seen.observe(document, {childList: true, subtree: true});"""
    )
    page.goto(f"{served.url}/_headwater/console/", wait_until="commit")
    took = in_time(page, "window.usefulMs")
    context.close()
    return took


def test_text_that_gets_into_the_page_runs_nothing(console: Console) -> None:
    console.go()
    console.page.get_by_role("heading", name="Streams").wait_for()
    outcome = console.page.evaluate(
        """async () => {
            const tried = {};
            try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); tried.html = 'taken'; }
            catch (error) { tried.html = 'refused'; }
            try { setTimeout('window.timed = true'); } catch (error) {}
            await new Promise((done) => setTimeout(done, 50));
            tried.eval = window.timed ? 'run' : 'refused';
            const script = document.createElement('script');
            try { script.text = 'window.ran = true'; document.body.append(script); } catch (error) {}
            tried.script = window.ran ? 'run' : 'refused';
            tried.fetch = await fetch('http://example.invalid/').then(() => 'sent', () => 'refused');
            return tried;
        }"""
    )
    console.faults.clear()  # its policy complained, as it should
    assert outcome == {"html": "refused", "eval": "refused", "script": "refused", "fetch": "refused"}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious(
    chromium: Any, served: Served, orders: None, axe: str, scheme: str, width: int
) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    console = Console(context.new_page(), served.url)
    found = []
    for view in VIEWS:
        console.go(view)
        console.page.get_by_role("heading").first.wait_for()
        if view.endswith("records"):
            console.row("alice").click()
            console.page.get_by_role("complementary").wait_for()
        if view == "tests":
            console.click("Add a fault")
        console.page.evaluate(axe)
        report = console.page.evaluate("axe.run()")
        found += [
            (view, each["id"], each["nodes"][0]["html"][:200])
            for each in report["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    context.close()
    assert json.dumps(found, indent=1) == "[]"


def test_everything_is_reached_by_keys(console: Console, orders: None) -> None:
    console.go()
    console.page.get_by_role("heading", name="Streams").wait_for()
    console.page.keyboard.press("?")
    console.page.get_by_role("dialog", name="Keys").wait_for()
    console.page.keyboard.press("Escape")
    console.page.keyboard.press("g")
    console.page.keyboard.press("r")
    console.page.wait_for_url("**/#/requests")
    console.page.keyboard.press("g")
    console.page.keyboard.press("t")
    console.page.wait_for_url("**/#/tests")
    console.go("streams/orders/shards")
    console.see("Closed shards too")
    console.page.keyboard.press("1")
    console.page.wait_for_url("**/#/streams/orders/records")
    grid = console.page.get_by_role("grid")
    console.await_rows(1)
    grid.focus()
    console.page.keyboard.press("ArrowDown")
    console.page.keyboard.press("Enter")
    console.page.get_by_role("complementary", name="Record").wait_for()


def test_on_a_phone_nothing_lies_beside_the_page_and_the_view_is_named(
    console: Console, orders: None
) -> None:
    page = console.page
    page.set_viewport_size({"width": PHONE_PX, "height": 760})
    for view in VIEWS:
        console.go(view)
        page.locator("main").locator("table, [role=grid], .card, .empty").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE_PX, view
        for current in page.locator("nav [aria-current]").all():
            wait_until(partial(is_in_sight, current), f"the name of {view}")


def is_in_sight(link: Any) -> bool:
    """Whether all of it can be seen, in its list and on the page."""
    seen = link.evaluate(
        """link => {
            const [own, list] = [link, link.parentElement].map((each) => each.getBoundingClientRect());
            const isBeside = own.left < list.left - 1 || own.right > Math.min(list.right, innerWidth) + 1;
            return !isBeside && own.bottom <= list.bottom + 1;
        }"""
    )
    return bool(seen)
