"""A thousand records a second for a minute, live: nothing lost unsaid, little memory, little work."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.conftest import client_for
from tests.waiting import wait_until

pytestmark = pytest.mark.clients

RATE_PER_S = 1_000
DURATION_S = 60
UNSEEN_S = 15
"""For how long the server is measured while nobody looks."""
BATCHES_PER_S = 10
TAB_BYTES_MAX = 300 * 1024 * 1024


def produce(url: str, stream: str, duration_s: int) -> None:
    """As many records in a second as there should be."""
    kinesis = client_for(url)
    begun_s, size = monotonic(), RATE_PER_S // BATCHES_PER_S
    for batch in range(duration_s * BATCHES_PER_S):
        entries = [
            {
                "Data": json.dumps({"n": batch * size + at, "text": "x" * 150}),
                "PartitionKey": f"key-{at}",
            }
            for at in range(size)
        ]
        kinesis.put_records(StreamName=stream, Records=entries)
        sleep(max(0.0, begun_s + (batch + 1) / BATCHES_PER_S - monotonic()))
    kinesis.close()


def server_cpu_s(served: Served) -> float:
    """What the server has used, by the kernel's count."""
    fields = Path(f"/proc/{served.process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def burst(served: Served, stream: str, duration_s: int) -> float:
    """The share of a core that the server takes for one burst."""
    before = server_cpu_s(served)
    thread = threading.Thread(target=produce, args=(served.url, stream, duration_s))
    thread.start()
    thread.join()
    return (server_cpu_s(served) - before) / duration_s


def tab_bytes(page: Any) -> int:
    """What the page's scripts hold after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage: dict[str, int] = session.send("Runtime.getHeapUsage")
    return usage["usedSize"] + usage.get("backingStorageSize", 0)


def test_a_thousand_records_a_second_are_followed_for_a_minute(console: Console, served: Served) -> None:
    for name in ("unseen", "seen"):
        served.kinesis.create_stream(StreamName=name, ShardCount=2)
        served.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    alone = burst(served, "unseen", UNSEEN_S)
    console.go("streams/seen/records?from=newest")
    console.see("Nothing yet.")
    watched = burst(served, "seen", DURATION_S)
    total = RATE_PER_S * DURATION_S
    console.await_rows(total)
    assert console.page.get_by_text("let go").count() == 0
    assert console.page.get_by_text("skipped").count() == 0
    held = tab_bytes(console.page)
    extra = watched - alone
    print(f"server: {extra:.1%} of a core for who looks; tab: {held / 2**20:.0f} MiB for {total:,} rows")
    assert held < TAB_BYTES_MAX
    # Beyond the bound of rows it says so, and each record is either shown or counted.
    for _ in range(10):
        records = [{"Data": "x" * 100, "PartitionKey": str(at)} for at in range(500)]
        for _ in range(10):
            served.kinesis.put_records(StreamName="seen", Records=records)
    console.see("let go")
    wait_until(lambda: "110,000 read" in console.page.locator(".status").inner_text(), "all of them")

    def told() -> int:
        let_go = console.page.locator(".status .warn").inner_text().split(" ")[0].replace(",", "")
        return console.rows() + int(let_go)

    wait_until(
        lambda: told() == total + 50_000, "each record is a row or counted"
    )  # one is drawn after the other
