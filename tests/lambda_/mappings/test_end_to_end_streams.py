"""Records invoke functions: every one, in the order of its key, through splits, kills and restarts."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import started_server
from tests.lambda_.function_server import (
    HAS_NODE,
    NODE,
    PYTHON,
    FunctionServer,
    function_server,
    of,
    server_pid,
)
from tests.waiting import awaited

KEYS = 97

PYTHON_KEEPER = """
import base64, json, os
def handler(event, context):
    lines = [
        json.dumps([record["kinesis"]["partitionKey"], int(base64.b64decode(record["kinesis"]["data"]))])
        for record in event["Records"]
    ]
    with open(os.environ["OUT"], "a") as out:
        out.write("\\n".join(lines) + "\\n")
        out.flush()
        os.fsync(out.fileno())
"""
NODE_KEEPER = """
const fs = require("fs");
exports.handler = async (event) => {
  const lines = event.Records.map(({ kinesis }) =>
    JSON.stringify([kinesis.partitionKey, Number(Buffer.from(kinesis.data, "base64").toString())]));
  fs.appendFileSync(process.env.OUT, lines.join("\\n") + "\\n");
};
"""
BOOTSTRAP_KEEPER = """#!/usr/bin/env python3
import base64, http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
place = "/2018-06-01/runtime/invocation/"
while True:
    api.request("GET", place + "next")
    answer = api.getresponse()
    event = json.loads(answer.read())
    with open(os.environ["OUT"], "a") as out:
        for record in event["Records"]:
            number = int(base64.b64decode(record["kinesis"]["data"]))
            out.write(json.dumps([record["kinesis"]["partitionKey"], number]) + "\\n")
    api.request("POST", place + answer.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", b"null")
    api.getresponse().read()
"""
KEEPERS = {
    "python": (PYTHON, {"app.py": PYTHON_KEEPER}),
    "node": (NODE, {"app.js": NODE_KEEPER}),
    "bootstrap": ("provided.al2023", {"bootstrap": BOOTSTRAP_KEEPER}),
}


def key_of(number: int) -> str:
    return f"key-{number % KEYS}"


def put(server: FunctionServer, stream: str, first: int, last: int) -> None:
    for start in range(first, last, 500):
        records = [
            {"PartitionKey": key_of(number), "Data": str(number)}
            for number in range(start, min(start + 500, last))
        ]
        assert server.kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def split_first(server: FunctionServer, stream: str) -> None:
    shard = server.kinesis.list_shards(StreamName=stream)["Shards"][0]
    low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
    server.kinesis.split_shard(
        StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2)
    )


def delivered(out: Path) -> list[tuple[str, int]]:
    if not out.exists():
        return []
    return [tuple(json.loads(line)) for line in out.read_text().splitlines() if line.endswith("]")]


def assert_whole_and_in_order(records: list[tuple[str, int]], count: int) -> None:
    """Every number is there, and the first deliveries of each key's are in order."""
    of_key: dict[str, list[int]] = defaultdict(list)
    for key, number in dict.fromkeys(records):
        of_key[key].append(number)
    assert {number for numbers in of_key.values() for number in numbers} == set(range(count))
    for key, numbers in of_key.items():
        assert numbers == sorted(numbers), key


def deliver(server: FunctionServer, out: Path, kind: str, count: int) -> None:
    """Put records in 4 shards, split one meanwhile, and look at what the function got."""
    runtime, files = KEEPERS[kind]
    variables = {"Variables": {"OUT": str(out)}}
    server.create(f"keeper-{kind}", files, Runtime=runtime, Environment=variables)
    server.create_stream(f"clicks-{kind}", shards=4)
    server.map(f"clicks-{kind}", f"keeper-{kind}")
    put(server, f"clicks-{kind}", 0, count // 2)
    split_first(server, f"clicks-{kind}")
    put(server, f"clicks-{kind}", count // 2, count)
    awaited(lambda: len(set(delivered(out))) >= count)
    assert_whole_and_in_order(delivered(out), count)


def test_every_record_is_delivered_in_the_order_of_its_key(tmp_path: Path) -> None:
    with function_server(tmp_path) as server:
        deliver(server, tmp_path / "out", "python", 1_000)


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(KEEPERS))
def test_ten_thousand_records_are_delivered_in_the_order_of_their_keys(tmp_path: Path, kind: str) -> None:
    if kind == "node" and not HAS_NODE:
        pytest.skip("there is no Node here")
    with function_server(tmp_path) as server:
        deliver(server, tmp_path / "out", kind, 10_000)


@pytest.mark.long
def test_after_a_kill_the_mapping_goes_on_and_nothing_is_lost(tmp_path: Path) -> None:
    out, data = tmp_path / "out", str(tmp_path / "data")
    with started_server(tmp_path / "first.log", "--data-dir", data) as running:
        server = of(running)
        variables = {"Variables": {"OUT": str(out)}}
        server.create_python("keeper", PYTHON_KEEPER, Environment=variables)
        server.create_stream("clicks", shards=2)
        server.map("clicks", "keeper", BatchSize=10)
        put(server, "clicks", 0, 500)
        awaited(lambda: delivered(out))
        os.kill(server_pid(running.endpoint_url), signal.SIGKILL)
        server.close()
    with function_server(tmp_path, "--data-dir", data) as server:
        put(server, "clicks", 500, 600)
        awaited(lambda: len(set(delivered(out))) >= 600)
        assert_whole_and_in_order(delivered(out), 600)
        server.invoke("keeper", {"Records": []})
