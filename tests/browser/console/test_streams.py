"""Streams in the console: see them, make one, change it, delete it."""

from __future__ import annotations

import pytest

from tests.browser.console.conftest import Served
from tests.browser.console.looking import Console
from tests.waiting import wait_until

pytestmark = pytest.mark.clients


def summary(served: Served, name: str) -> dict[str, object]:
    found: dict[str, object] = served.kinesis.describe_stream_summary(StreamName=name)[
        "StreamDescriptionSummary"
    ]
    return found


def test_a_stream_is_made_seen_and_found(console: Console, served: Served) -> None:
    console.go()
    console.see("There is no stream in this account and region yet.")
    console.click("Create a stream")
    console.fill("Name", "orders")
    console.fill("Shards", "3")
    console.fill("Tags", "team=shop")
    console.click("Create")
    console.page.wait_for_url("**/#/streams/orders")
    console.go("streams")
    assert "Provisioned" in console.row("orders").inner_text()
    assert summary(served, "orders")["OpenShardCount"] == 3
    served.kinesis.create_stream(StreamName="clicks", ShardCount=1)
    console.row("clicks").wait_for()
    console.page.keyboard.press("/")
    console.page.keyboard.type("ORD")
    console.row("clicks").wait_for(state="detached")
    assert "search=ORD" in console.page.url


def test_what_comes_in_is_seen_by_the_second(console: Console, served: Served) -> None:
    served.kinesis.create_stream(StreamName="busy", ShardCount=1)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="busy", WaiterConfig={"Delay": 1})
    console.go("streams?search=busy")
    console.row("busy").wait_for()

    def is_busy() -> bool:
        records = [{"Data": b"x" * 100, "PartitionKey": "a"}] * 500
        served.kinesis.put_records(StreamName="busy", Records=records)
        cells: list[str] = console.row("busy").get_by_role("cell").all_inner_texts()
        return cells[4] != "0" and cells[8] != "0"

    wait_until(is_busy, "a rate")


def test_a_refusal_is_told_where_it_was_asked(console: Console) -> None:
    console.go()
    console.click("Create a stream")
    console.fill("Name", "not a name")
    console.click("Create")
    alert = console.page.get_by_role("dialog").get_by_role("alert")
    alert.wait_for()
    assert "streamName" in alert.inner_text()


def test_every_setting_is_changed_by_its_own_button(console: Console, served: Served) -> None:
    kinesis = served.kinesis
    kinesis.create_stream(StreamName="settings", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="settings", WaiterConfig={"Delay": 1})
    arn = summary(served, "settings")["StreamARN"]

    def save(card: str, label: str, text: str, button: str = "Save") -> None:
        form = console.page.locator("form.card").filter(has=console.page.get_by_role("heading", name=card))
        form.get_by_label(label).fill(text)
        form.get_by_role("button", name=button).click()

    console.go("streams/settings/settings")
    save("Retention", "Hours", "48")
    wait_until(lambda: summary(served, "settings")["RetentionPeriodHours"] == 48, "the retention")
    save("Tags", "name=value", "team=shop\nstage=test")
    wait_until(lambda: len(kinesis.list_tags_for_stream(StreamName="settings")["Tags"]) == 2, "the tags")
    save("Shards", "Open shards", "2", "Scale")
    wait_until(lambda: summary(served, "settings")["OpenShardCount"] == 2, "the shards")
    save("Encryption", "Key", "alias/aws/kinesis", "Turn on")
    wait_until(lambda: summary(served, "settings").get("EncryptionType") == "KMS", "the encryption")
    wait_until(lambda: summary(served, "settings")["StreamStatus"] == "ACTIVE", "the stream")
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},'
        f'"Action":"kinesis:GetRecords","Resource":"{arn}"}}]}}'
    )
    save("Policy", "JSON", policy)
    wait_until(lambda: "111122223333" in kinesis.get_resource_policy(ResourceARN=arn)["Policy"], "the policy")
    form = console.page.locator("form.card").filter(has=console.page.get_by_role("heading", name="Capacity"))
    form.get_by_label("Mode").select_option("ON_DEMAND")
    form.get_by_role("button", name="Save").click()
    wait_until(
        lambda: summary(served, "settings")["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}, "the mode"
    )


def test_a_stream_is_deleted_with_its_name_typed(console: Console, served: Served) -> None:
    served.kinesis.create_stream(StreamName="doomed", ShardCount=1)
    served.kinesis.get_waiter("stream_exists").wait(StreamName="doomed", WaiterConfig={"Delay": 1})
    console.go("streams/doomed/settings")
    console.click("Delete…")
    button = console.page.get_by_role("button", name="Delete", exact=True)
    console.fill("Type doomed", "doom")
    assert button.is_disabled()
    console.fill("Type doomed", "doomed")
    button.click()
    console.page.wait_for_url("**/#/streams")
    wait_until(lambda: "doomed" not in served.kinesis.list_streams()["StreamNames"], "the deletion")
