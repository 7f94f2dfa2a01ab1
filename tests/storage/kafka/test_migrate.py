"""`headwater migrate` between a data directory and a real node, both ways, with boto3 before and after."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import main
from tests.conftest import started_server
from tests.lambda_.function_server import FunctionServer, of
from tests.storage.kafka.gateways import Gateway
from tests.waiting import awaited, wait_until

pytestmark = pytest.mark.long
STREAM = "orders"
WRITER = """
import base64
def handler(event, context):
    with open({out!r}, "a") as out:
        for record in event["Records"]:
            out.write(base64.b64decode(record["kinesis"]["data"]).decode() + "\\n")
"""


def migrate(source: object, target: object) -> Result:
    return CliRunner().invoke(main, ["migrate", "--from", str(source), "--to", str(target)])


def client(url: str) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="unused",
    )


@contextmanager
def embedded(data_dir: Path, log: Path) -> Iterator[Any]:
    """A boto3 client of a server on a data directory, which has ended when the block is left."""
    with started_server(log, "--data-dir", str(data_dir)) as server:
        made = client(server.endpoint_url)
        yield made
        made.close()


@contextmanager
def gateway(store_url: str, log: Path) -> Iterator[Any]:
    """The same of a gateway."""

    async def ready() -> None:
        async with aiohttp.ClientSession() as session:
            await found.ready(session)

    found = Gateway(store_url, log)
    found.start()
    try:
        asyncio.run(ready())
        made = client(f"http://127.0.0.1:{found.port}")
        yield made
        made.close()
    finally:
        found.kill()


def is_active(kinesis: Any) -> bool:
    summary = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    return bool(summary["StreamStatus"] == "ACTIVE")


def put(kinesis: Any, *texts: str) -> list[tuple[str, str]]:
    """Shard and number of each record."""
    records = [{"Data": text.encode(), "PartitionKey": text} for text in texts]
    answer = kinesis.put_records(StreamName=STREAM, Records=records)
    assert answer["FailedRecordCount"] == 0
    return [(record["ShardId"], record["SequenceNumber"]) for record in answer["Records"]]


def fill(kinesis: Any) -> str:
    """A stream of three shards, one of them closed, with settings of all kinds; its ARN."""
    kinesis.create_stream(StreamName=STREAM, ShardCount=1, Tags={"team": "billing"})
    wait_until(lambda: is_active(kinesis))
    put(kinesis, *(f"old-{at}" for at in range(50)))
    kinesis.split_shard(
        StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    wait_until(lambda: is_active(kinesis))
    put(kinesis, *(f"new-{at}" for at in range(50)))
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=48)
    kinesis.start_stream_encryption(StreamName=STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    wait_until(lambda: is_active(kinesis))
    arn = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "210987654321"},'
        f' "Action": ["kinesis:PutRecord"], "Resource": "{arn}"}}]}}'
    )
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="audit")
    wait_until(
        lambda: kinesis.list_stream_consumers(StreamARN=arn)["Consumers"][0]["ConsumerStatus"] == "ACTIVE"
    )
    return str(arn)


def told(kinesis: Any, arn: str) -> dict[str, Any]:
    """Everything about the stream that must stay as it is."""
    answers = {
        "stream": kinesis.describe_stream(StreamName=STREAM)["StreamDescription"],
        "summary": kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"],
        "tags": kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"],
        "policy": kinesis.get_resource_policy(ResourceARN=arn)["Policy"],
        "consumers": kinesis.list_stream_consumers(StreamARN=arn)["Consumers"],
    }
    shards = kinesis.list_shards(StreamName=STREAM)["Shards"]
    answers["records"] = {shard["ShardId"]: all_of(kinesis, shard["ShardId"]) for shard in shards}
    return answers


def iterator(kinesis: Any, shard_id: str, kind: str, **members: Any) -> str:
    answer = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=shard_id, ShardIteratorType=kind, **members
    )
    return str(answer["ShardIterator"])


def all_of(kinesis: Any, shard_id: str) -> list[tuple[Any, ...]]:
    """Number, arrival, key and data of each record."""
    return after(kinesis, iterator(kinesis, shard_id, "TRIM_HORIZON"))


def after(kinesis: Any, token: str | None) -> list[tuple[Any, ...]]:
    """What an iterator gives until it is at the tip, or at the end."""
    found: list[tuple[Any, ...]] = []
    while token:
        answer = kinesis.get_records(ShardIterator=token)
        found += [
            (r["SequenceNumber"], r["ApproximateArrivalTimestamp"], r["PartitionKey"], r["Data"])
            for r in answer["Records"]
        ]
        if not answer["Records"] and not answer["MillisBehindLatest"]:
            break
        token = answer.get("NextShardIterator")
    return found


Iterators = dict[tuple[str, str], str]


def iterators(kinesis: Any, records: dict[str, list[tuple[Any, ...]]]) -> Iterators:
    """Of every kind, in every shard."""
    found: Iterators = {}
    for shard_id, its in records.items():
        found[shard_id, "all"] = iterator(kinesis, shard_id, "TRIM_HORIZON")
        found[shard_id, "rest"] = iterator(
            kinesis, shard_id, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=its[3][0]
        )
        found[shard_id, "new"] = iterator(kinesis, shard_id, "LATEST")
    return found


def use(kinesis: Any, taken: Iterators, before: dict[str, Any], added: list[tuple[str, str]]) -> None:
    """What iterators give that were taken before the move, when these records were put after it."""
    for (shard_id, kind), token in taken.items():
        its = before["records"][shard_id]
        new = [number for shard, number in added if shard == shard_id]
        expected = [number for number, *_ in {"all": its, "rest": its[4:], "new": []}[kind]] + new
        assert [number for number, *_ in after(kinesis, token)] == expected, (shard_id, kind)


def moved_and_read(
    opened: Callable[[], Any], before: dict[str, Any], taken: Iterators, arn: str, text: str
) -> tuple[dict[str, Any], Iterators]:
    """See that all is there after a move, and go on; what is told then, and iterators."""
    with opened() as kinesis:
        awaited(lambda: told(kinesis, arn) == before)
        added = put(kinesis, *(f"{text}-{at}" for at in range(20)))
        use(kinesis, taken, before, added)
        now = told(kinesis, arn)
        return now, iterators(kinesis, now["records"])


def test_everything_moves_to_kafka_and_back(store_url: str, tmp_path: Path) -> None:
    data_dir, back_dir = tmp_path / "data", tmp_path / "back"
    with embedded(data_dir, tmp_path / "log") as kinesis:
        arn = fill(kinesis)
        before = told(kinesis, arn)
        taken = iterators(kinesis, before["records"])
        assert len(before["records"]["shardId-000000000000"]) == 50
    there = migrate(data_dir, store_url)
    assert there.exit_code == 0, there.output
    assert there.output.startswith(f"{store_url}: 1 streams, 3 shards, 100 records (")

    now, taken = moved_and_read(
        lambda: gateway(store_url, tmp_path / "gateway.log"), before, taken, arn, "at a gateway"
    )
    back = migrate(store_url, back_dir)
    assert back.exit_code == 0, back.output
    assert back.output.startswith(f"{back_dir}: 1 streams, 3 shards, 120 records (")
    moved_and_read(lambda: embedded(back_dir, tmp_path / "back.log"), now, taken, arn, "at home")


def seen(out: Path) -> list[str]:
    """What the function was given, in order. A gateway that is killed may not have told that it was."""
    return list(dict.fromkeys(out.read_text().splitlines())) if out.exists() else []


def test_functions_and_mappings_come_along(store_url: str, tmp_path: Path) -> None:
    data_dir, back_dir, out = tmp_path / "data", tmp_path / "back", tmp_path / "out"
    with started_server(tmp_path / "log", "--data-dir", str(data_dir)) as running:
        server = of(running)
        server.create_stream(STREAM)
        server.create_python("count", WRITER.format(out=str(out)))
        server.map(STREAM, "count")
        server.kinesis.put_record(StreamName=STREAM, PartitionKey="a", Data=b"at first")
        awaited(lambda: seen(out) == ["at first"])
        server.close()
    there = migrate(data_dir, store_url)
    assert there.exit_code == 0, there.output
    with gateway(store_url, tmp_path / "gateway.log") as kinesis:
        server = FunctionServer(kinesis.meta.endpoint_url)
        server.kinesis.put_record(StreamName=STREAM, PartitionKey="a", Data=b"at a gateway")
        awaited(lambda: seen(out) == ["at first", "at a gateway"])
        server.close()
    back = migrate(store_url, back_dir)
    assert back.exit_code == 0, back.output
    with started_server(tmp_path / "back.log", "--data-dir", str(back_dir)) as running:
        server = of(running)
        server.kinesis.put_record(StreamName=STREAM, PartitionKey="a", Data=b"at home")
        awaited(lambda: seen(out) == ["at first", "at a gateway", "at home"])
        server.close()


def test_what_is_not_empty_is_refused_and_left_alone(store_url: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with embedded(data_dir, tmp_path / "log") as kinesis:
        kinesis.create_stream(StreamName=STREAM, ShardCount=1)
        in_use = migrate(data_dir, store_url)
        assert (in_use.exit_code, str(data_dir) in in_use.output) == (1, True)
    with gateway(store_url, tmp_path / "gateway.log"):
        pass
    refused = migrate(data_dir, store_url)
    assert refused.exit_code == 1
    assert "are not empty" in refused.output
    onto = migrate(store_url, data_dir)
    assert onto.exit_code == 1
    assert "is not empty" in onto.output


@pytest.mark.parametrize("places", [("a", "b"), ("kafka://x:1/a", "kafka://x:1/b")])
def test_one_of_both_is_a_directory_and_the_other_a_store(places: tuple[str, str]) -> None:
    ended = migrate(*places)
    assert ended.exit_code == 2
    assert "one as --from, the other as --to" in ended.output


def test_a_move_that_was_killed_is_run_again(store_url: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with embedded(data_dir, tmp_path / "log") as kinesis:
        arn = fill(kinesis)
        before = told(kinesis, arn)
    command = [sys.executable, "-m", "headwater", "migrate", "--from", str(data_dir), "--to", store_url]
    program = (
        "import os, sys; from headwater.storage.kafka import filling;"
        "filling.KafkaFilling.finish = lambda *_: os._exit(9);"
        "from headwater.cli.main import main; main()"
    )
    killed = subprocess.run([sys.executable, "-c", program, *command[3:]], check=False)
    assert killed.returncode == 9
    again = migrate(data_dir, store_url)
    assert again.exit_code == 0, again.output
    with gateway(store_url, tmp_path / "gateway.log") as kinesis:
        assert told(kinesis, arn) == before
