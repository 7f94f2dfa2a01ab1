"""What a server holds while many connections are open, and whether it still answers all of them.

Two kinds: connections that have made one call and are kept, as clients keep them; and subscriptions
(enhanced fan-out), each of which waits for records of its shard.
"""

from __future__ import annotations

import base64
import http.client
import json
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

from benchmarks.bench import Bench
from benchmarks.kinesis import CallFailed, Kinesis, ask
from benchmarks.results import Figure
from benchmarks.scenarios import STREAM
from benchmarks.servers import Server
from benchmarks.starting import SETTLE_S, memory_figures

IDLE_CONNECTIONS = 10_000
SHARDS = 50
CONSUMERS = 20
"""On each shard; as many as a stream may have by default."""
SUBSCRIPTIONS = SHARDS * CONSUMERS
FILES_BESIDES = 500
"""Descriptors that the server and the bench may need for other things."""
RECORD = base64.b64encode(b"pushed to every subscription").decode()


def idle_connections(bench: Bench, server: Server) -> Iterator[Figure]:
    """10,000 connections that are kept."""
    _allow_files(IDLE_CONNECTIONS + FILES_BESIDES)
    with bench.start(server) as process, ExitStack() as opened:
        connections = [
            opened.enter_context(closing(process.kinesis.connect())) for _ in range(IDLE_CONNECTIONS)
        ]
        for connection in connections:
            _list_streams(connection)
        time.sleep(SETTLE_S)
        yield from memory_figures("connections", server.name, process.memory(), IDLE_CONNECTIONS)
        for connection in connections:
            connection.auto_open = 0  # one that the server has closed is not opened again
            _list_streams(connection)
        yield Figure("connections_answered", server.name, IDLE_CONNECTIONS)


def subscriptions(bench: Bench, server: Server) -> Iterator[Figure]:
    """1,000 open subscriptions: 20 consumers on each of 50 shards."""
    _allow_files(SUBSCRIPTIONS + FILES_BESIDES)
    with bench.start(server) as process, ExitStack() as opened:
        kinesis = process.kinesis
        kinesis.create_stream(STREAM, SHARDS)
        shards = kinesis.call("ListShards", StreamName=STREAM)["Shards"]
        streamed = []
        for consumer_arn in _registered_consumers(kinesis):
            for shard in shards:
                connection = opened.enter_context(closing(kinesis.connect()))
                streamed.append(_subscribe(connection, consumer_arn, shard["ShardId"]))
        time.sleep(SETTLE_S)
        yield from memory_figures("subscriptions", server.name, process.memory(), len(streamed))
        _put_into_every_shard(kinesis, shards)
        for answer in streamed:
            _read_record(answer)
        yield Figure("subscriptions_answered", server.name, len(streamed))


def _allow_files(count: int) -> None:
    """Let this process, and the servers that it starts, have so many files open. Raises OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise OSError(f"needs {count} open files at once, and the limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _list_streams(connection: http.client.HTTPConnection) -> None:
    ask(connection, "ListStreams", "{}")
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise CallFailed(f"ListStreams: {answer.status}")


def _registered_consumers(kinesis: Kinesis) -> Iterator[str]:
    """The ARNs of new consumers, each ACTIVE: only a few may be CREATING at once."""
    stream_arn = kinesis.summary(STREAM)["StreamARN"]
    for number in range(CONSUMERS):
        consumer = {"StreamARN": stream_arn, "ConsumerName": f"consumer-{number}"}
        kinesis.call("RegisterStreamConsumer", **consumer)
        while True:
            described = kinesis.call("DescribeStreamConsumer", **consumer)["ConsumerDescription"]
            if described["ConsumerStatus"] == "ACTIVE":
                break
            time.sleep(0.02)
        yield described["ConsumerARN"]


def _subscribe(
    connection: http.client.HTTPConnection, consumer_arn: str, shard_id: str
) -> http.client.HTTPResponse:
    """The answer, whose events are still to come."""
    members = {
        "ConsumerARN": consumer_arn,
        "ShardId": shard_id,
        "StartingPosition": {"Type": "TRIM_HORIZON"},
    }
    ask(connection, "SubscribeToShard", json.dumps(members))
    answer = connection.getresponse()
    if answer.status != 200:
        raise CallFailed(f"SubscribeToShard: {answer.status} {answer.read()[:200]!r}")
    return answer


def _put_into_every_shard(kinesis: Kinesis, shards: list[dict[str, dict[str, str]]]) -> None:
    entries = [
        {
            "Data": RECORD,
            "PartitionKey": "key",
            "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"],
        }
        for shard in shards
    ]
    kinesis.send("PutRecords", json.dumps({"StreamName": STREAM, "Records": entries}))


def _read_record(answer: http.client.HTTPResponse) -> None:
    """Return when the record has come. Raises CallFailed at the end, and OSError when it does not come."""
    seen = b""
    while RECORD.encode() not in seen:
        read = answer.read1(65536)
        if not read:
            raise CallFailed("a subscription has ended")
        seen += read
