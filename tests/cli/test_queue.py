from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.queues.queues import built_in, left_in, name_of, new_queue, put

Headwater = Callable[..., Any]


def lines_of(ended: Any) -> list[dict[str, Any]]:
    """The JSON lines of a command that succeeded."""
    assert ended.exit_code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.fixture
def arn(kinesis: Any) -> str:
    """A queue with built-in dead letters after one receive."""
    return new_queue(kinesis, **built_in(1))


def test_a_created_queue_is_active_when_the_command_ends(
    headwater: Headwater, kinesis: Any, arn: str
) -> None:
    stream = name_of(kinesis, arn)
    options = ["--from", "trim-horizon", "--visibility-timeout", "5", "--max-receives", "3", "--tag", "a=b"]
    (created,) = lines_of(headwater("queue", "create", f"{stream}-2", stream, *options))
    assert created["QueueStatus"] == "ACTIVE"
    described = kinesis.describe_queue(QueueARN=created["QueueARN"])["QueueDescription"]
    assert described["QueueAttributes"] == {"VisibilityTimeoutSeconds": 5, **built_in(3)}
    tags = kinesis.list_tags_for_resource(ResourceARN=created["QueueARN"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}]


def test_queues_are_listed_those_of_one_stream_too(headwater: Headwater, kinesis: Any, arn: str) -> None:
    name = name_of(kinesis, arn)
    assert name in {line["QueueName"] for line in lines_of(headwater("queue", "list"))}
    (only,) = lines_of(headwater("queue", "list", "--stream", name))
    assert only["QueueARN"] == arn


def test_a_queue_is_described_updated_and_deleted(headwater: Headwater, kinesis: Any, arn: str) -> None:
    name = name_of(kinesis, arn)
    (described,) = lines_of(headwater("queue", "describe", name))
    assert described["QueueARN"] == arn
    (updated,) = lines_of(headwater("queue", "update", name, "--max-receives", "0"))
    assert updated["QueueAttributes"]["DeadLetterConfiguration"] == {"TargetType": "NONE"}
    (deleted,) = lines_of(headwater("queue", "delete", name))
    assert deleted == {"QueueARN": arn, "Deleted": True}
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_queue(QueueARN=arn)


def test_an_update_of_nothing_is_refused(headwater: Headwater, arn: str) -> None:
    assert headwater("queue", "update", arn).exit_code == 2


def test_more_records_than_one_call_gives_are_received_and_acknowledged(
    headwater: Headwater, kinesis: Any, arn: str
) -> None:
    names = [f"{number:02}" for number in range(25)]
    put(kinesis, arn, names)
    received = lines_of(headwater("queue", "receive", arn, "--limit", "25", "--acknowledge"))
    assert sorted(line["Data"] for line in received) == names
    assert left_in(kinesis, arn) == []


def test_records_are_acknowledged_by_their_receipts(headwater: Headwater, kinesis: Any, arn: str) -> None:
    put(kinesis, arn, "a")
    (record,) = lines_of(headwater("queue", "receive", arn, "--limit", "1"))
    (settled,) = lines_of(headwater("queue", "acknowledge", arn, record["ReceiptHandle"]))
    assert settled == {"ReceiptHandle": record["ReceiptHandle"]}
    refused = headwater("queue", "acknowledge", arn, "nonsense")
    assert refused.exit_code == 1
    assert "InvalidArgumentException" in refused.err


def test_dead_letters_are_shown_and_restored(headwater: Headwater, kinesis: Any, arn: str) -> None:
    put(kinesis, arn, "ab")
    kinesis.receive_queue_records(QueueARN=arn, WaitTimeSeconds=1, VisibilityTimeoutSeconds=0)
    shown = lines_of(headwater("queue", "dead-letters", arn))
    assert sorted(line["Data"] for line in shown) == ["a", "b"]
    for line in shown:
        lines_of(headwater("queue", "restore", arn, line["ReceiptHandle"]))
    assert sorted(data for data, _ in left_in(kinesis, arn)) == ["a", "b"]


def test_all_dead_letters_are_restored(headwater: Headwater, kinesis: Any, arn: str) -> None:
    put(kinesis, arn, [f"{number:02}" for number in range(12)])
    for _ in range(2):
        kinesis.receive_queue_records(QueueARN=arn, WaitTimeSeconds=1, VisibilityTimeoutSeconds=0)
    assert len(lines_of(headwater("queue", "restore", arn, "--all"))) == 12
    assert headwater("queue", "restore", arn).exit_code == 2


def test_a_command_is_run_for_each_record(
    headwater: Headwater, kinesis: Any, arn: str, tmp_path: Path
) -> None:
    stream = name_of(kinesis, arn)
    kinesis.update_queue(QueueARN=arn, QueueAttributes={"DeadLetterConfiguration": {"TargetType": "NONE"}})
    put(kinesis, arn, ["good", "bad"])
    script = tmp_path / "work.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "data = sys.stdin.read()\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "count = os.environ['QUEUE_RECEIVE_COUNT']\n"
        "(folder / f'{data}-{os.environ[\"QUEUE_PARTITION_KEY\"]}-{count}').touch()\n"
        "sys.exit(data == 'bad' and count == '1')\n"
    )
    options = ["--retry-after", "0", "--limit", "3"]
    ended = headwater("queue", "work", stream, *options, "--", sys.executable, str(script))
    assert ended.exit_code == 0, ended.err
    names = {path.name for path in tmp_path.iterdir()} - {"work.py"}
    assert names == {"good-good-1", "bad-bad-1", "bad-bad-2"}
    assert left_in(kinesis, arn) == []


def test_a_queue_that_is_not_there_is_named(headwater: Headwater) -> None:
    ended = headwater("queue", "describe", "nowhere")
    assert (ended.exit_code, ended.out) == (1, "")
    assert "there is no queue nowhere" in ended.err
