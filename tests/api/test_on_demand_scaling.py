"""On-demand streams that scale by themselves: producers and consumers go on, and nothing is lost."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pytest

from tests.api.clocked_server import TRANSITION_MS, ClockedServer, clocked_server
from tests.api.streams import (
    DAY_MS,
    HASH_KEY_MAX,
    commit_throughput,
    create_on_demand,
    hash_range,
    open_shards,
    shard_id,
    shards,
    summary,
)
from tests.conftest import client_for
from tests.crash.server_process import Connection

WINDOW_MS = 10_000
SHARD_LIMIT = 28


@pytest.fixture
def limited() -> Iterator[ClockedServer]:
    with clocked_server(enforce_limits=True, shard_limit=SHARD_LIMIT) as server:
        yield server


@pytest.fixture
def kinesis(limited: ClockedServer) -> Iterator[Any]:
    client = client_for(limited.endpoint_url)
    yield client
    client.close()


@pytest.fixture
def settle(limited: ClockedServer) -> Callable[[], None]:
    return partial(limited.clock.advance_ms, TRANSITION_MS)


@cache
def even_entries(count: int) -> list[dict[str, str]]:
    """So many records, spread evenly over the hash keys, which are their data, too."""
    hash_keys = [str(at * (HASH_KEY_MAX + 1) // count) for at in range(count)]
    return [
        {"Data": b64encode(key.encode()).decode(), "PartitionKey": "k", "ExplicitHashKey": key}
        for key in hash_keys
    ]


def put_evenly(limited: ClockedServer, count: int = 500) -> list[bytes]:
    """Put so many records; the data of those that were stored. Without an SDK: it is most of the time."""
    entries = even_entries(count)
    connection = Connection("127.0.0.1", int(limited.endpoint_url.rpartition(":")[2]))
    results = connection.call("PutRecords", StreamName="orders", Records=entries)["Records"]
    connection.close()
    return [
        entry["ExplicitHashKey"].encode()
        for entry, result in zip(entries, results, strict=True)
        if "SequenceNumber" in result
    ]


def heat(limited: ClockedServer, seconds: int = 10, calls: int = 5) -> list[bytes]:
    """Ask the stream for `calls` times 500 records in each of so many seconds; what was stored."""
    stored = []
    for _ in range(seconds):
        for _ in range(calls):
            stored += put_evenly(limited)
        limited.clock.advance_ms(1_000)
    return stored


def read_by_lineage(kinesis: Any, limited: ClockedServer) -> list[bytes]:
    """Every record, as a consumer reads them: from the oldest shards on, then their children."""
    data: list[bytes] = []
    waiting = [shard["ShardId"] for shard in shards(kinesis) if "ParentShardId" not in shard]
    seen: set[str] = set()
    while waiting:
        shard = waiting.pop(0)
        if shard in seen:
            continue
        seen.add(shard)
        at = kinesis.get_shard_iterator(StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        while at is not None:
            page = kinesis.get_records(ShardIterator=at)
            data += [record["Data"] for record in page["Records"]]
            waiting += [child["ShardId"] for child in page.get("ChildShards", [])]
            at = page.get("NextShardIterator") if page["MillisBehindLatest"] or page["Records"] else None
            limited.clock.advance_ms(200)
    return data


def test_a_hot_stream_doubles_its_shards_by_splits(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    create_on_demand(kinesis, settle)
    stored = heat(limited)
    assert len(stored) == 25_000
    assert summary(kinesis)["StreamStatus"] == "UPDATING"
    stored += put_evenly(limited)
    settle()
    described = summary(kinesis)
    assert (described["StreamStatus"], described["OpenShardCount"]) == ("ACTIVE", 8)
    stored += put_evenly(limited)
    listed = shards(kinesis)
    assert [shard.get("ParentShardId") for shard in listed] == [None] * 4 + [
        shard_id(parent) for parent in (0, 0, 1, 1, 2, 2, 3, 3)
    ]
    ranges = [hash_range(shard) for shard in open_shards(kinesis)]
    assert [start for start, _ in ranges] == [0, *(end + 1 for _, end in ranges[:-1])]
    assert ranges[-1][1] == HASH_KEY_MAX
    assert sorted(read_by_lineage(kinesis, limited)) == sorted(stored)


def test_half_of_its_capacity_leaves_it_as_it_is(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    create_on_demand(kinesis, settle)
    heat(limited, calls=4)
    limited.clock.advance_ms(WINDOW_MS)
    described = summary(kinesis)
    assert (described["StreamStatus"], described["OpenShardCount"]) == ("ACTIVE", 4)


@pytest.mark.long
def test_it_grows_with_its_load_up_to_the_shard_limit_of_the_account(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    kinesis.create_stream(StreamName="other", ShardCount=10)
    create_on_demand(kinesis, settle)
    counts: list[int] = []
    for _ in range(4):
        heat(limited, calls=50, seconds=2)
        limited.clock.advance_ms(WINDOW_MS)
        assert summary(kinesis)["OpenShardCount"] in (4, *counts)
        settle()
        counts.append(summary(kinesis)["OpenShardCount"])
        limited.clock.advance_ms(1_000)  # for the rate of DescribeLimits
        assert kinesis.describe_limits()["OpenShardCount"] == 10 + counts[-1]
    assert counts == [8, 16, 18, 18]


def test_a_provisioned_stream_stays_as_it_is(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=4)
    settle()
    heat(limited)
    limited.clock.advance_ms(WINDOW_MS)
    described = summary(kinesis)
    assert (described["StreamStatus"], described["OpenShardCount"]) == ("ACTIVE", 4)


def test_a_stream_that_is_not_limited_stays_as_it_is() -> None:
    with clocked_server() as server:
        kinesis = client_for(server.endpoint_url)
        create_on_demand(kinesis, partial(server.clock.advance_ms, TRANSITION_MS))
        heat(server, calls=10, seconds=2)
        server.clock.advance_ms(WINDOW_MS)
        assert summary(kinesis)["OpenShardCount"] == 4
        kinesis.close()


def test_a_hot_shard_is_split_alone(kinesis: Any, limited: ClockedServer, settle: Callable[[], None]) -> None:
    create_on_demand(kinesis, settle)
    entry = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "0"}
    failed = [
        kinesis.put_records(StreamName="orders", Records=[entry] * 500)["FailedRecordCount"] for _ in range(3)
    ]
    assert failed == [0, 0, 500]
    limited.clock.advance_ms(WINDOW_MS)
    assert summary(kinesis)["StreamStatus"] == "UPDATING"
    settle()
    assert [shard.get("ParentShardId") for shard in shards(kinesis)] == [None] * 4 + [shard_id(0)] * 2


def test_what_it_has_ready_is_told_as_warm_throughput(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    commit_throughput(kinesis)
    create_on_demand(kinesis, settle, WarmThroughputMiBps=5)
    assert summary(kinesis)["WarmThroughput"] == {"TargetMiBps": 5, "CurrentMiBps": 5}
    heat(limited, calls=6)
    assert summary(kinesis)["WarmThroughput"] == {"TargetMiBps": 5, "CurrentMiBps": 5}
    settle()
    described = summary(kinesis)
    assert described["OpenShardCount"] == 10
    assert described["WarmThroughput"] == {"TargetMiBps": 5, "CurrentMiBps": 10}


def test_a_stream_that_was_warmed_takes_that_much_at_once(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    commit_throughput(kinesis)
    create_on_demand(kinesis, settle)
    kinesis.update_stream_warm_throughput(StreamName="orders", WarmThroughputMiBps=8)
    settle()
    assert summary(kinesis)["OpenShardCount"] == 8
    assert [len(put_evenly(limited, 400)) for _ in range(20)] == [400] * 20
    assert not put_evenly(limited)


def test_after_thirty_quiet_days_it_is_merged_again(
    kinesis: Any, limited: ClockedServer, settle: Callable[[], None]
) -> None:
    create_on_demand(kinesis, settle)
    heat(limited)
    summary(kinesis)
    settle()
    assert summary(kinesis)["OpenShardCount"] == 8
    limited.clock.advance_ms(29 * DAY_MS)
    assert summary(kinesis)["StreamStatus"] == "ACTIVE"
    limited.clock.advance_ms(DAY_MS)
    assert summary(kinesis)["StreamStatus"] == "UPDATING"
    settle()
    described = summary(kinesis)
    assert (described["StreamStatus"], described["OpenShardCount"]) == ("ACTIVE", 4)
    assert all("AdjacentParentShardId" in shard for shard in open_shards(kinesis))
