"""Aggregating producers: what lies in the stream, who can read it, and what a reshard does to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from aws_kinesis_agg import deaggregator
from hypothesis import given
from hypothesis import strategies as st

from headwater.client import KinesisProducer
from headwater.client.calls.kinesis_calls import HashKeyRange, ListedShard, SequenceNumberRange
from headwater.client.producer.aggregation import AggregatedPut, Aggregator
from headwater.client.producer.put_arguments import new_put
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.shard_map import ShardMap, hash_key_of_record
from headwater.model.hash_key import even_ranges
from headwater.wire.aggregated_record import deaggregate
from tests.client.refusing_front import RefusingFront, Seen
from tests.client.streams import Stored, new_stream, stored, user_records, wait_until_active
from tests.waiting import RETRY_FOR_S

NEVER_MS = 3_600_000
EXPECTED = Counter((f"key-{number % 50}", f"record {number}".encode()) for number in range(1000))


def put_all(producer: KinesisProducer) -> list[PutFuture]:
    return [producer.put(data, key) for key, data in EXPECTED]


def test_many_user_records_are_few_records(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis, 4)
    with KinesisProducer(name, aggregate=True, buffer_time_ms=NEVER_MS, **at) as producer:
        puts = put_all(producer)
    records = stored(kinesis, name)
    assert len(records) == 4
    assert Counter(user_records(records)) == EXPECTED
    assert {put.result() for put in puts} == {(record.shard_id, record.sequence_number) for record in records}
    assert producer.counters.user_records_done == 1000
    assert producer.counters.kinesis_records_sent == 4


def test_aws_kinesis_agg_reads_them(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, aggregate=True, **at) as producer:
        put_all(producer)
        producer.put(b"routed", "key", 2**127)
    answer = kinesis.get_records(
        ShardIterator=kinesis.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    )
    read = [
        record["kinesis"]
        for record in deaggregator.iter_deaggregate_records(answer["Records"], data_format="Boto3")
    ]
    assert len(read) == 1001
    assert read[-1]["explicitHashKey"] == str(2**127)


def test_an_aggregate_keeps_to_its_size_and_larger_records_stay_plain(
    kinesis: Any, at: dict[str, Any]
) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, aggregate=True, aggregate_bytes=1000, ordered=True, **at) as producer:
        for number in range(50):
            producer.put(b"x" * (2000 if number == 25 else 90), "key")
    records = stored(kinesis, name)
    assert [len(record.data) for record in records if len(record.data) > 1000] == [2000]
    assert len(records) < 12
    assert [len(data) for _, data in user_records(records)] == [90] * 25 + [2000] + [90] * 24


def test_a_single_user_record_is_put_as_it_is(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, aggregate=True, **at) as producer:
        producer.put(b"alone", "key")
    assert [(record.partition_key, record.data) for record in stored(kinesis, name)] == [("key", b"alone")]


def delivered(kinesis: Any, name: str) -> list[tuple[str, bytes]]:
    """What the Kinesis Client Library hands out: it drops an aggregate with a key of another shard."""
    ranges = {
        shard["ShardId"]: range(
            int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]) + 1
        )
        for shard in kinesis.list_shards(StreamName=name)["Shards"]
    }

    def belongs(record: Stored) -> bool:
        users = deaggregate(record.data) or []
        return all(
            hash_key_of_record(user.partition_key, user.explicit_hash_key) in ranges[record.shard_id]
            for user in users
        )

    return user_records([record for record in stored(kinesis, name) if belongs(record)])


@pytest.mark.parametrize("ordered", [False, True])
def test_after_a_reshard_every_user_record_is_in_the_shard_of_its_key(
    kinesis: Any, at: dict[str, Any], ordered: bool
) -> None:
    name = new_stream(kinesis)
    settings: dict[str, Any] = {"aggregate": True, "aggregate_bytes": 1000, "ordered": ordered}
    with KinesisProducer(name, buffer_time_ms=5, **settings, **at) as producer:
        producer.put(b"first", "key-0").result(RETRY_FOR_S)
        kinesis.split_shard(
            StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
        )
        wait_until_active(kinesis, name)
        puts = put_all(producer)
        producer.flush()
        assert producer.counters.wrong_shards > 0
        before = producer.counters.wrong_shards
        put_all(producer)
    assert producer.counters.wrong_shards == before
    assert {put.result().shard_id for put in puts} == {"shardId-000000000001", "shardId-000000000002"}
    assert Counter(delivered(kinesis, name)) == EXPECTED + EXPECTED + Counter([("key-0", b"first")])


@pytest.mark.usefixtures("short_put_delays")
def test_order_is_kept_through_a_reshard_and_refusals(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    chance = Random(3)

    def refuse(records: list[Seen]) -> list[str | None]:
        if len(front.calls) == 5:
            kinesis.split_shard(
                StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
            )
            wait_until_active(kinesis, name)
        return [chance.choice((None, None, "InternalFailure")) for _ in records]

    settings: dict[str, Any] = {"aggregate": True, "aggregate_bytes": 200, "ordered": True}
    with (
        RefusingFront(at["endpoint_url"], refuse) as front,
        KinesisProducer(name, buffer_time_ms=2, **settings, **at | {"endpoint_url": front.url}) as producer,
    ):
        for number in range(200):
            producer.put(str(number), f"key-{number % 5}")
    assert len(kinesis.list_shards(StreamName=name)["Shards"]) == 3
    read: dict[str, list[int]] = {f"key-{key}": [] for key in range(5)}
    for key, data in delivered(kinesis, name):
        read[key].append(int(data))
    assert read == {f"key-{key}": list(range(key, 200, 5)) for key in range(5)}


def shards(count: int) -> Iterator[ListedShard]:
    for index, (first, last) in enumerate(even_ranges(count)):
        yield ListedShard(
            f"shardId-{index:012}", HashKeyRange(str(first), str(last)), SequenceNumberRange("0")
        )


PUTS = st.lists(
    st.tuples(
        st.text("abc", min_size=1, max_size=3), st.none() | st.integers(0, 2**128 - 1), st.binary(max_size=90)
    ),
    max_size=60,
)


@given(PUTS, st.integers(1, 5), st.integers(60, 400))
def test_aggregates_hold_each_record_once_in_its_shard_within_the_size(
    arguments: list[tuple[str, int | None, bytes]], shard_count: int, bytes_max: int
) -> None:
    shard_map = ShardMap("orders", calls=None)  # type: ignore[arg-type]  # nothing is asked
    shard_map.replace(shards(shard_count))
    aggregator = Aggregator(shard_map, bytes_max)
    puts = [new_put(data, key, hash_key, 0.0) for key, hash_key, data in arguments]
    made = [done for put in puts for done in aggregator.add(put)] + aggregator.close()
    by_shard: dict[str, list[PutFuture]] = {}
    for done in made:
        if isinstance(done, AggregatedPut):
            assert len(done.entry.data) <= bytes_max
            assert done.fits(done.shard)
            assert done.shard == shard_map.shard_of(int(done.entry.explicit_hash_key or ""))
        for put in done.members():
            key = hash_key_of_record(put.entry.partition_key, put.entry.explicit_hash_key)
            shard = shard_map.shard_of(key)
            assert shard is not None
            by_shard.setdefault(shard.shard_id, []).append(put)
    order = {put: number for number, put in enumerate(puts)}
    assert sorted(order[put] for held in by_shard.values() for put in held) == list(range(len(puts)))
    assert all(
        [order[put] for put in held] == sorted(order[put] for put in held) for held in by_shard.values()
    )
