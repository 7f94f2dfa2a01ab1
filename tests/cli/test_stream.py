from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def name() -> str:
    """A name that no stream has."""
    return f"cli-{uuid.uuid4().hex[:12]}"


def test_a_created_stream_is_active_when_the_command_ends(
    headwater: Callable[..., Any], kinesis: Any, name: str
) -> None:
    ended = headwater("stream", "create", name, "--shards", "3")
    assert ended.exit_code == 0, ended.err
    assert json.loads(ended.out)["StreamStatus"] == "ACTIVE"
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (summary["StreamStatus"], summary["OpenShardCount"]) == ("ACTIVE", 3)


def test_a_stream_can_be_created_on_demand_with_retention_and_tags(
    headwater: Callable[..., Any], kinesis: Any, name: str
) -> None:
    ended = headwater(
        "stream",
        "create",
        name,
        "--on-demand",
        "--retention-hours",
        "48",
        "--tag",
        "team=a=b",
        "--tag",
        "empty=",
    )
    assert ended.exit_code == 0, ended.err
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert summary["RetentionPeriodHours"] == 48
    tags = kinesis.list_tags_for_stream(StreamName=name)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "a=b", "empty": ""}


def test_create_need_not_wait(headwater: Callable[..., Any], name: str) -> None:
    ended = headwater("stream", "create", name, "--no-wait")
    assert ended.exit_code == 0, ended.err
    assert json.loads(ended.out)["StreamName"] == name


@pytest.mark.parametrize(
    "options",
    [
        ["--on-demand", "--shards", "1"],
        ["--shards", "0"],
        ["--retention-hours", "23"],
        ["--retention-hours", "25", "--no-wait"],
        ["--tag", "novalue"],
    ],
)
def test_options_that_make_no_sense_create_nothing(
    headwater: Callable[..., Any], kinesis: Any, name: str, options: list[str]
) -> None:
    assert headwater("stream", "create", name, *options).exit_code == 2
    assert name not in kinesis.list_streams(Limit=1000)["StreamNames"]


def test_an_error_of_the_api_is_one_line_and_exit_code_1(headwater: Callable[..., Any], stream: str) -> None:
    ended = headwater("stream", "create", stream)
    assert ended.exit_code == 1
    assert re.fullmatch(r"headwater: ResourceInUseException: Stream .* already exists\.\n", ended.err)


def test_list_names_every_stream_in_json_lines_in_a_pipe(headwater: Callable[..., Any], stream: str) -> None:
    lines = [json.loads(line) for line in headwater("stream", "list").out.splitlines()]
    (mine,) = [line for line in lines if line["StreamName"] == stream]
    assert mine["StreamStatus"] == "ACTIVE"
    assert mine["OpenShardCount"] == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", mine["StreamCreationTimestamp"])


def test_list_is_a_table_on_a_terminal(on_terminal: Callable[..., Any], stream: str) -> None:
    shown = on_terminal("stream", "list")
    assert shown.exit_code == 0
    assert re.search(r"Stream\s+Status\s+Mode", shown.out)
    assert re.search(rf"{stream}\s+ACTIVE\s+provisioned\s+2\s+24 hours", shown.out)


def test_list_gives_json_on_a_terminal_too_when_asked(on_terminal: Callable[..., Any], stream: str) -> None:
    lines = [json.loads(line) for line in on_terminal("stream", "list", "--json").out.splitlines()]
    assert stream in {line["StreamName"] for line in lines}


def test_an_empty_region_has_no_streams(
    headwater: Callable[..., Any], on_terminal: Callable[..., Any]
) -> None:
    assert headwater("stream", "list", "--region", "sa-east-1").out == ""
    assert "There are no streams." in on_terminal("stream", "list", "--region", "sa-east-1").out


def test_describe_shows_every_shard_with_state_and_lineage(
    on_terminal: Callable[..., Any],
    headwater: Callable[..., Any],
    kinesis: Any,
    stream: str,
    active: Callable[[str], None],
) -> None:
    kinesis.merge_shards(
        StreamName=stream, ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000001"
    )
    active(stream)
    shown = on_terminal("stream", "describe", stream).out
    assert re.search(r"Status\s+ACTIVE", shown)
    assert re.search(r"shardId-000000000000\s+closed\s+0\.00% to 50\.00%\s+-\s+2", shown)
    assert re.search(r"shardId-000000000002\s+open\s+0\.00% to 100\.00%\s+0, 1\s+-", shown)
    described = json.loads(headwater("stream", "describe", stream).out)
    assert described["OpenShardCount"] == 1
    assert [shard["ShardId"][-1] for shard in described["Shards"]] == ["0", "1", "2"]


def test_describe_takes_an_arn(headwater: Callable[..., Any], kinesis: Any, stream: str) -> None:
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    assert json.loads(headwater("stream", "describe", arn).out)["StreamName"] == stream


def test_describe_of_no_stream_says_so(headwater: Callable[..., Any], name: str) -> None:
    ended = headwater("stream", "describe", name)
    assert ended.exit_code == 1
    assert (
        ended.err
        == f"headwater: ResourceNotFoundException: Stream {name} under account 000000000000 not found.\n"
    )


def test_a_deleted_stream_is_gone_when_the_command_ends(
    headwater: Callable[..., Any], kinesis: Any, stream: str
) -> None:
    ended = headwater("stream", "delete", stream)
    assert ended.exit_code == 0, ended.err
    assert json.loads(ended.out) == {"StreamName": stream, "Deleted": True}
    assert stream not in kinesis.list_streams(Limit=1000)["StreamNames"]


def test_delete_asks_on_a_terminal(on_terminal: Callable[..., Any], kinesis: Any, stream: str) -> None:
    refused = on_terminal("stream", "delete", stream, typed=b"n\n")
    assert refused.exit_code == 1
    assert f"Delete {stream} and all of its records?" in refused.out
    assert stream in kinesis.list_streams(Limit=1000)["StreamNames"]
    assert on_terminal("stream", "delete", stream, typed=b"y\n").exit_code == 0
    assert stream not in kinesis.list_streams(Limit=1000)["StreamNames"]


def test_delete_does_not_ask_when_told(on_terminal: Callable[..., Any], stream: str) -> None:
    shown = on_terminal("stream", "delete", stream, "--yes")
    assert shown.exit_code == 0
    assert f"{stream} is deleted." in shown.out


def test_a_stream_with_consumers_is_deleted_by_force_only(
    headwater: Callable[..., Any], kinesis: Any, stream: str
) -> None:
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")
    refused = headwater("stream", "delete", stream)
    assert refused.exit_code == 1
    assert "ResourceInUseException" in refused.err
    assert headwater("stream", "delete", stream, "--force").exit_code == 0
