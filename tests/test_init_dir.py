"""What a folder of files makes a server begin with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from headwater.app import init_apply
from headwater.app.init_folder import InitError, read_folder
from headwater.app.server import Server
from headwater.config import Config
from headwater.testing import Headwater

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "111122223333"},
            "Action": ["kinesis:DescribeStreamSummary"],
            "Resource": "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
        }
    ],
}
ORDERS = {
    "StreamName": "orders",
    "ShardCount": 2,
    "RetentionPeriodHours": 48,
    "MaxRecordSizeInKiB": 2048,
    "KeyId": "alias/aws/kinesis",
    "ShardLevelMetrics": ["IncomingBytes"],
    "Tags": {"team": "blue"},
    "Consumers": ["billing", {"ConsumerName": "audit", "Tags": {"team": "red"}}],
    "Policy": POLICY,
}
CLICKS = {"StreamName": "clicks", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
JOBS = {"QueueName": "jobs", "StreamConfigurationList": [{"StreamName": "clicks"}]}
TEMPLATE = """
Parameters: {Shards: {Type: Number, Default: 3}}
Resources:
  Events: {Type: AWS::Kinesis::Stream, Properties: {Name: events, ShardCount: !Ref Shards}}
  Leases: {Type: AWS::SQS::Queue, Properties: {QueueName: leases}}
"""


def write(folder: Path, **files: Any) -> Path:
    """Files by their names, with `__` for the point; what is no text is JSON."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def start_and_stop(config: Config) -> None:
    async def run() -> None:
        server = Server(config)
        await server.start()
        await server.stop(0)

    asyncio.run(run())


def refused(folder: Path, **settings: Any) -> str:
    with pytest.raises(InitError) as error:
        start_and_stop(Config(ports=(0,), init_dir=folder, **settings))
    return str(error.value)


def test_streams_with_all_that_belongs_to_them_and_queues_are_there_at_the_start(tmp_path: Path) -> None:
    document = {"Queues": [JOBS], "Streams": [ORDERS, CLICKS]}
    folder = write(tmp_path / "init", **{"10-streams__json": document, "README__md": "no file of it"})
    data_dir = tmp_path / "data"
    for _ in range(2):  # on its own data, nothing is made again
        with Headwater(init_dir=folder, data_dir=data_dir) as headwater:
            kinesis = headwater.client()
            summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
            arn = summary["StreamARN"]
            assert (summary["StreamStatus"], summary["OpenShardCount"]) == ("ACTIVE", 2)
            assert (summary["RetentionPeriodHours"], summary["MaxRecordSizeInKiB"]) == (48, 2048)
            assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
            assert summary["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
            tags = kinesis.list_tags_for_stream(StreamName="orders")["Tags"]
            assert tags == [{"Key": "team", "Value": "blue"}]
            consumers = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
            assert {each["ConsumerName"]: each["ConsumerStatus"] for each in consumers} == {
                "billing": "ACTIVE",
                "audit": "ACTIVE",
            }
            assert json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"]) == POLICY
            (queue,) = kinesis.list_queues()["QueueSummaries"]
            assert (queue["QueueName"], queue["QueueStatus"]) == ("jobs", "ACTIVE")
            records = kinesis.describe_stream_summary(StreamName="clicks")
            assert records["StreamDescriptionSummary"]["StreamModeDetails"] == CLICKS["StreamModeDetails"]


def test_what_differs_is_changed_but_for_the_shards_and_what_is_not_named_stays(tmp_path: Path) -> None:
    folder, data_dir = write(tmp_path / "init", streams__json={"Streams": [ORDERS]}), tmp_path / "data"
    start_and_stop(Config(ports=(0,), init_dir=folder, data_dir=data_dir))
    changed = {"StreamName": "orders", "ShardCount": 5, "RetentionPeriodHours": 24, "Tags": {"team": "red"}}
    write(folder, streams__json={"Streams": [changed]})
    with Headwater(init_dir=folder, data_dir=data_dir) as headwater:
        kinesis = headwater.client()
        summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 24)
        assert (summary["MaxRecordSizeInKiB"], summary["ConsumerCount"]) == (2048, 2)
        (tag,) = kinesis.list_tags_for_stream(StreamName="orders")["Tags"]
        assert tag["Value"] == "red"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "streams.json: it is not JSON: "),
        ("[]", "streams.json: it is not a JSON object"),
        ({"Stream": []}, "the document has Stream; known are Streams, Queues"),
        ({"Streams": {}}, "Streams is not a list"),
        ({"Streams": ["orders"]}, r"Streams[0] is not a JSON object"),
        ({"Streams": [CLICKS, {"StreamNam": "a"}]}, "Streams[1] has StreamNam; known are StreamName, "),
        ({"Streams": [{"StreamName": "a", "ShardCount": 0}]}, "Streams[0] a: 1 validation error detected"),
        (
            {"Streams": [{"ShardCount": 1}]},
            "Streams[0] : 1 validation error detected: Value null at 'streamName'",
        ),
        (
            {"Streams": [{"StreamName": "a", "ShardCount": 1, "Consumers": [{"Name": "c"}]}]},
            "Streams[0].Consumers has Name; known are ConsumerName, Tags",
        ),
        ({"Queues": [{"QueueName": "q", "Streams": []}]}, "Queues[0] has Streams; known are QueueName"),
    ],
)
def test_what_cannot_be_applied_ends_the_start_with_its_place(
    tmp_path: Path, document: Any, reason: str
) -> None:
    folder = write(tmp_path / "init", streams__json=document)
    message = refused(folder)
    assert message.startswith("--init-dir: streams.json: ")
    assert reason in message


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == f"--init-dir: {tmp_path / 'none'}: No such file or directory"


def test_files_are_taken_by_their_names_and_stacks_are_named_after_them(tmp_path: Path) -> None:
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "notes.txt").write_text("none")
    stack: dict[str, Any] = {"Resources": {}}
    write(
        tmp_path, **{"20-app__yaml": "x", "10-first__json": {}, "15_stack__json": stack, "b__template": "x"}
    )
    files = [(file.name, file.stack_name) for file in read_folder(tmp_path)]
    assert files == [
        ("10-first.json", ""),
        ("15_stack.json", "stack"),
        ("20-app.yaml", "app"),
        ("b.template", "b"),
    ]
    write(tmp_path, app__yml="x")
    with pytest.raises(InitError, match=r"app\.yml: its stack is called app, as that of 20-app\.yaml"):
        read_folder(tmp_path)
    write(tmp_path, app__yml="x", **{"my app__yaml": "x"})
    (tmp_path / "app.yml").unlink()
    with pytest.raises(InitError, match="'my app' is no name of a stack"):
        read_folder(tmp_path)


def test_templates_are_refused_where_nothing_can_apply_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "init", app__yaml=TEMPLATE, a__json={"Streams": [CLICKS]})
    forwarded = refused(folder, forward_to="http://localhost:1", data_dir=tmp_path / "data")
    assert forwarded.startswith("--init-dir: app.yaml: ")
    assert "--forward-to" in forwarded
    assert not (tmp_path / "data").exists()  # nothing was begun
    monkeypatch.setattr(init_apply, "has_moto", lambda: False)
    assert "pip install 'headwater[aws]'" in refused(folder)


@pytest.mark.long
def test_templates_become_stacks_that_are_updated_and_made_anew(tmp_path: Path) -> None:
    documents = {"10-streams__json": {"Streams": [CLICKS]}, "20-app__yaml": TEMPLATE}
    folder, data_dir = write(tmp_path / "init", **documents), tmp_path / "data"

    def stack_of(headwater: Headwater) -> tuple[str, int, list[str]]:
        options = {"endpoint_url": headwater.endpoint_url, "region_name": "us-east-1"}
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        cloudformation = boto3.client("cloudformation", **options, **keys)
        (stack,) = cloudformation.describe_stacks(StackName="app")["Stacks"]
        kinesis = headwater.client()
        summary = kinesis.describe_stream_summary(StreamName="events")["StreamDescriptionSummary"]
        return stack["StackStatus"], summary["OpenShardCount"], kinesis.list_streams()["StreamNames"]

    with Headwater(init_dir=folder, data_dir=data_dir) as headwater:
        assert stack_of(headwater) == ("CREATE_COMPLETE", 3, ["clicks", "events"])
    with Headwater(init_dir=folder, data_dir=data_dir) as headwater:  # nothing to do
        assert stack_of(headwater)[0] == "CREATE_COMPLETE"
    write(folder, **{"20-app__yaml": TEMPLATE.replace("Default: 3", "Default: 4")})
    with Headwater(init_dir=folder, data_dir=data_dir) as headwater:
        assert stack_of(headwater) == ("UPDATE_COMPLETE", 4, ["clicks", "events"])
    write(folder, **{"30-more__yaml": TEMPLATE.replace("leases", "others")})
    message = refused(folder, data_dir=data_dir)
    assert message.startswith("--init-dir: 30-more.yaml: Events: ")
    assert "Stream events under account 000000000000 already exists" in message
    write(
        folder,
        **{"30-more__yaml": TEMPLATE.replace("leases", "others").replace("Name: events", "Name: more")},
    )
    with Headwater(init_dir=folder, data_dir=data_dir) as headwater:
        assert stack_of(headwater)[2] == ["clicks", "events", "more"]
