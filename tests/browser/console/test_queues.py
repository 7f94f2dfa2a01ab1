"""Queues in the console: made, seen at work, changed, deleted; dead letters seen, restored, acknowledged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.conftest import client_for, started_server
from tests.waiting import wait_until

pytestmark = pytest.mark.clients

JOBS = [b'{"resize": "17.png"}', b'{"resize": "18.png"}', b"nonsense"]


@pytest.fixture
def stream(served: Served) -> str:
    """The ARN of an on-demand stream without queues."""
    on_demand = {"StreamMode": "ON_DEMAND"}
    served.kinesis.create_stream(StreamName="jobs", StreamModeDetails=on_demand)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="jobs", WaiterConfig={"Delay": 1})
    summary = served.kinesis.describe_stream_summary(StreamName="jobs")["StreamDescriptionSummary"]
    arn: str = summary["StreamARN"]
    return arn


def make_queue(console: Console) -> None:
    console.go("streams/jobs/queues")
    console.see("The stream has no queue.")
    console.click("Create a queue")
    console.fill("Name", "resize")
    console.fill("Visibility timeout", "60")
    console.fill("After so many receives", "1")
    console.click("Create")
    console.row("resize").filter(has_text="active").wait_for()


def test_a_queue_is_used_as_long_as_it_is_there(console: Console, served: Served, stream: str) -> None:
    make_queue(console)
    (queue,) = served.kinesis.list_queues(StreamFilter=[{"StreamARN": stream}])["QueueSummaries"]
    arn = queue["QueueARN"]
    for at, data in enumerate(JOBS):
        served.kinesis.put_record(StreamName="jobs", PartitionKey=f"job-{at}", Data=data)
    cells = console.row("resize").get_by_role("cell")
    cells.nth(2).get_by_text("3", exact=True).wait_for()  # visible
    received = 0
    while received < len(JOBS):  # and given back at once: each was received as often as it may be
        answer = served.kinesis.receive_queue_records(QueueARN=arn, VisibilityTimeoutSeconds=0)
        received += len(answer["QueueRecords"])
    cells.nth(4).get_by_text("3", exact=True).wait_for()  # dead letters

    console.await_rows(len(JOBS))
    console.row("job-1").click()
    console.page.get_by_role("region", name="Data").get_by_text("18.png").wait_for()
    assert "1" in console.row("job-1").inner_text(), "to look is not to receive"
    console.click("Restore")
    console.see("1 dead letter restored.")
    console.await_rows(len(JOBS) - 1)
    (restored,) = served.kinesis.receive_queue_records(QueueARN=arn, WaitTimeSeconds=20)["QueueRecords"]
    assert (restored["Data"], restored["ReceiveCount"]) == (JOBS[1], 1)
    cells.nth(3).get_by_text("1", exact=True).wait_for()  # in flight

    console.row("job-2").click()
    console.click("Acknowledge")
    console.see("1 dead letter acknowledged.")
    console.await_rows(len(JOBS) - 2)
    console.click("Acknowledge all…")
    console.page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    console.await_rows(0)

    console.click("Change…")
    console.fill("Visibility timeout", "120")
    console.page.get_by_label("Set dead letters aside").uncheck()
    console.click("Save")
    console.row("resize").filter(has_text="2 min").filter(has_text="never").wait_for()

    console.row("resize").get_by_role("link", name="Charts").click()
    figures = console.page.get_by_role("figure")

    def receive_one() -> None:
        served.kinesis.put_record(StreamName="jobs", PartitionKey="another", Data=b"another")
        served.kinesis.receive_queue_records(QueueARN=arn, WaitTimeSeconds=20)

    charted = figures.and_(console.page.get_by_label(re.compile(r"received: now [1-9]")))
    console.await_while(receive_one, charted)
    for title in ("Records. waiting", "Age of the oldest record.", "Dead letters. visible"):
        figures.and_(console.page.get_by_label(title)).locator("canvas").wait_for()

    console.follow("Who reads")
    console.follow("resize")
    console.see("It sets no dead letters aside.")
    console.click("Delete…")
    dialog = console.page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Delete").is_disabled()
    console.fill("Type resize to delete it", "resize")
    dialog.get_by_role("button", name="Delete").click()
    console.see("The stream has no queue.")
    assert served.kinesis.list_queues(StreamFilter=[{"StreamARN": stream}])["QueueSummaries"] == []


def test_a_provisioned_stream_says_what_a_queue_needs(console: Console, served: Served) -> None:
    served.kinesis.create_stream(StreamName="provisioned", ShardCount=1)
    console.go("streams/provisioned/queues")
    console.see("Queues need a stream in on-demand mode")


def test_a_console_that_is_read_only_shows_dead_letters_and_settles_none(
    chromium: Any, built_console: None, tmp_path: Path
) -> None:
    with started_server(tmp_path / "log", "--console", "read-only", "--transition-ms", "0") as server:
        kinesis = client_for(server.endpoint_url)
        kinesis.create_stream(StreamName="jobs", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        summary = kinesis.describe_stream_summary(StreamName="jobs")["StreamDescriptionSummary"]
        arn = kinesis.create_queue(
            QueueName="resize",
            StreamConfigurationList=[{"StreamARN": summary["StreamARN"]}],
            QueueAttributes={"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}},
        )["QueueDescription"]["QueueARN"]
        wait_until(
            lambda: kinesis.describe_queue(QueueARN=arn)["QueueDescription"]["QueueStatus"] == "ACTIVE",
            "the queue",
        )
        kinesis.put_record(StreamName="jobs", PartitionKey="job-0", Data=JOBS[0])
        kinesis.receive_queue_records(QueueARN=arn, VisibilityTimeoutSeconds=0)
        page = chromium.new_page()
        console = Console(page, server.endpoint_url)
        console.go("streams/jobs/queues?queue=resize")
        console.row("job-0").click()
        page.get_by_role("region", name="Data").get_by_text("17.png").wait_for()
        for name in (
            "Restore",
            "Acknowledge",
            "Restore all",
            "Acknowledge all…",
            "Create a queue",
            "Delete…",
        ):
            assert page.get_by_role("button", name=name, exact=True).is_disabled(), name
        (letter,) = kinesis.receive_dead_letter_queue_records(QueueARN=arn)["QueueRecords"]
        assert letter["ReceiveCount"] == 2, "the look was not counted"
        page.close()
        kinesis.close()
