"""One state, and consumers of two streams: each gets all that is its own."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.client import AsyncKinesisConsumer, DynamoDBState, KinesisConsumer, MemoryState, SQLiteState
from headwater.client.leases.checkpoint import Checkpoint
from headwater.client.leases.kcl_table import item_of
from headwater.client.leases.lease import Lease
from headwater.client.leases.store import LeaseStore, StateError
from tests.client.leases.dynamodb import dynamodb_table, items
from tests.client.streams import identity_of, new_stream, stored, wait_until_active

OLD_SCHEMA = """
CREATE TABLE IF NOT EXISTS lease (
    worker_group TEXT NOT NULL, key TEXT NOT NULL, lease TEXT NOT NULL,
    PRIMARY KEY (worker_group, key)
) WITHOUT ROWID
"""
"""Of the layout that had no stream in it."""


@pytest.fixture
def table() -> str:
    return f"table-{uuid.uuid4().hex[:12]}"


def filled_stream(kinesis: Any, text: str, count: int = 10) -> str:
    """A stream of one shard with some records."""
    stream = new_stream(kinesis)
    records = [{"PartitionKey": "key", "Data": f"{text}-{number}".encode()} for number in range(count)]
    assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0
    return stream


def other_stream(kinesis: Any, than: str, text: str, count: int = 10) -> str:
    """One that was created in a later second, so that its sequence numbers tell."""
    while True:
        stream = filled_stream(kinesis, text, count)
        if identity_of(kinesis, stream).created_s != identity_of(kinesis, than).created_s:
            return stream
        kinesis.delete_stream(StreamName=stream)
        time.sleep(0.1)


def read(stream: str, state: LeaseStore, at: dict[str, Any], count: int = 10) -> list[bytes]:
    """So many records, all of them done."""
    data = []
    with KinesisConsumer(stream, state=state, start="TRIM_HORIZON", lease_duration_s=60, **at) as consumer:
        for record in consumer:
            data.append(record.data)
            if len(data) == count:
                record.checkpoint()
                break
    return data


def texts(text: str, numbers: range) -> list[bytes]:
    return [f"{text}-{number}".encode() for number in numbers]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "sqlite twice"])
def test_streams_that_share_a_state_do_not_see_each_others_leases(
    kind: str, kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    one = MemoryState() if kind == "memory" else SQLiteState(tmp_path / "leases.db")
    other = SQLiteState(tmp_path / "leases.db") if kind == "sqlite twice" else one
    a, b = filled_stream(kinesis, "a"), filled_stream(kinesis, "b")
    assert read(a, one, at, 4) == texts("a", range(4))
    assert read(b, other, at, 10) == texts("b", range(10))
    assert read(a, one, at, 6) == texts("a", range(4, 10))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_one_state_serves_two_consumers_at_the_same_time(
    kind: str, kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    state = MemoryState() if kind == "memory" else SQLiteState(tmp_path / "leases.db")
    a, b = filled_stream(kinesis, "a"), filled_stream(kinesis, "b")

    async def test() -> None:
        async with AsyncKinesisConsumer(b, state=state, start="TRIM_HORIZON", **at) as longer:
            async with AsyncKinesisConsumer(a, state=state, start="TRIM_HORIZON", **at) as shorter:
                assert [await first(shorter), await first(longer)] == [b"a-0", b"b-0"]
            iterating = [record.data async for record in up_to(longer, 9)]
            assert iterating == texts("b", range(1, 10))

    asyncio.run(test())


async def first(consumer: AsyncKinesisConsumer) -> bytes:
    async for record in consumer:
        return record.data
    raise AssertionError


async def up_to(consumer: AsyncKinesisConsumer, count: int) -> Any:
    async for record in consumer:
        yield record
        count -= 1
        if not count:
            return


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_stream_made_again_under_its_name_is_read_from_its_beginning(
    kind: str, kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    state = MemoryState() if kind == "memory" else SQLiteState(tmp_path / "leases.db")
    stream = filled_stream(kinesis, "old")
    created_s = identity_of(kinesis, stream).created_s
    assert read(stream, state, at) == texts("old", range(10))
    while True:
        kinesis.delete_stream(StreamName=stream)
        kinesis.get_waiter("stream_not_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
        kinesis.create_stream(StreamName=stream, ShardCount=1)
        wait_until_active(kinesis, stream)
        if identity_of(kinesis, stream).created_s != created_s:
            break
    kinesis.put_record(StreamName=stream, PartitionKey="key", Data=b"new")
    assert read(stream, state, at, 1) == [b"new"]


def old_file(path: Path, *leases: Lease, group: str = "default") -> None:
    """Write leases as the older layout had them."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(OLD_SCHEMA)
    for lease in leases:
        text = msgspec.json.encode(lease).decode()
        connection.execute("INSERT INTO lease VALUES (?, ?, ?)", (group, lease.key, text))
    connection.close()


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    connection.close()
    return names


def lease_after(kinesis: Any, stream: str, count: int, **fields: Any) -> Lease:
    """The lease of a stream's first shard, when so many records are done."""
    record = stored(kinesis, stream)[count - 1]
    (shard,) = kinesis.list_shards(StreamName=stream)["Shards"]
    return Lease(
        record.shard_id,
        Checkpoint(record.sequence_number),
        counter=7,
        starting_hash_key=shard["HashKeyRange"]["StartingHashKey"],
        ending_hash_key=shard["HashKeyRange"]["EndingHashKey"],
        **fields,
    )


def test_a_file_of_the_old_layout_goes_on_where_it_was(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "leases.db"
    stream = filled_stream(kinesis, "a")
    old_file(path, lease_after(kinesis, stream, 4))
    for numbers in (range(4, 7), range(7, 10)):
        assert read(stream, SQLiteState(path), at, len(numbers)) == texts("a", numbers)
    assert tables(path) == {"stream_lease"}


def test_leases_of_the_old_layout_go_to_the_stream_that_they_fit(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "leases.db"
    a = filled_stream(kinesis, "a")
    b = other_stream(kinesis, a, "b")
    old_file(path, lease_after(kinesis, a, 4))
    old_file(path, lease_after(kinesis, a, 8), group="other")
    assert read(b, SQLiteState(path), at, 10) == texts("b", range(10))
    assert read(a, SQLiteState(path), at, 6) == texts("a", range(4, 10))
    assert tables(path) == {"stream_lease", "lease"}
    assert read(a, SQLiteState(path, group="other"), at, 2) == texts("a", range(8, 10))
    assert tables(path) == {"stream_lease"}


def test_many_workers_take_over_an_old_file_at_the_same_moment(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "leases.db"
    stream = filled_stream(kinesis, "a")
    lease = lease_after(kinesis, stream, 4)
    old_file(path, lease)

    async def test() -> None:
        from headwater.client.leases.shard_tree import ShardNode  # noqa: PLC0415

        async def shards() -> list[ShardNode]:
            return [ShardNode(lease.key)]

        identity = identity_of(kinesis, stream)
        opened = await asyncio.gather(*(SQLiteState(path).open(identity, shards) for _ in range(8)))
        for leases in opened:
            assert await leases.leases() == [lease]
            await leases.close()

    asyncio.run(test())


def test_a_table_is_for_one_stream_and_says_so(
    kinesis: Any, at: dict[str, Any], dynamodb_url: str, table: str
) -> None:
    a, b = filled_stream(kinesis, "a"), filled_stream(kinesis, "b")
    assert read(a, DynamoDBState(table, endpoint_url=dynamodb_url), at, 4) == texts("a", range(4))
    before = items(dynamodb_url, table)
    with pytest.raises(StateError, match=f"table {table} has leases of arn:.*{a}.*cannot be used for .*{b}"):
        read(b, DynamoDBState(table, endpoint_url=dynamodb_url), at)
    assert items(dynamodb_url, table) == before
    assert read(a, DynamoDBState(table, endpoint_url=dynamodb_url), at, 6) == texts("a", range(4, 10))


def test_a_consumer_that_is_at_work_is_not_disturbed_by_one_of_another_stream(
    kinesis: Any, at: dict[str, Any], dynamodb_url: str, table: str
) -> None:
    a, b = filled_stream(kinesis, "a"), filled_stream(kinesis, "b")
    state = DynamoDBState(table, endpoint_url=dynamodb_url)
    with KinesisConsumer(a, state=state, start="TRIM_HORIZON", **at) as consumer:
        iterator = iter(consumer)
        assert next(iterator).data == b"a-0"
        with pytest.raises(StateError):
            read(b, state, at)
        assert next(iterator).data == b"a-1"


def test_of_two_streams_that_begin_with_an_empty_table_one_reads_at_most(
    kinesis: Any, at: dict[str, Any], dynamodb_url: str, table: str
) -> None:
    streams = [filled_stream(kinesis, "a"), filled_stream(kinesis, "b")]

    async def read_one(stream: str) -> bytes:
        state = DynamoDBState(table, endpoint_url=dynamodb_url)
        async with AsyncKinesisConsumer(stream, state=state, start="TRIM_HORIZON", **at) as consumer:
            return await first(consumer)

    async def both() -> list[bytes | BaseException]:
        return await asyncio.gather(*map(read_one, streams), return_exceptions=True)

    outcomes = asyncio.run(both())
    assert sum(isinstance(outcome, StateError) for outcome in outcomes) == 1, outcomes
    assert {outcome for outcome in outcomes if isinstance(outcome, bytes)} <= {b"a-0", b"b-0"}


def kcl_table(dynamodb_url: str, name: str, *leases: Lease) -> None:
    """A table with leases as the Kinesis Client Library leaves them, without a stream's name."""

    async def create() -> None:
        from headwater.client.leases.stream_identity import StreamIdentity  # noqa: PLC0415
        from tests.client.streams import no_shards  # noqa: PLC0415

        state = DynamoDBState(name, endpoint_url=dynamodb_url)
        await (await state.open(StreamIdentity("arn", None), no_shards)).close()

    asyncio.run(create())
    low_level = dynamodb_table(dynamodb_url, name).meta.client
    for lease in leases:
        item = item_of(lease)
        dynamodb_table(dynamodb_url, name).put_item(Item={key: plain(value) for key, value in item.items()})
    low_level.close()


def plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return int(content) if kind == "N" else set(content) if kind == "SS" else content


def test_a_table_of_the_client_library_is_taken_over_by_the_stream_that_it_fits(
    kinesis: Any, at: dict[str, Any], dynamodb_url: str, table: str
) -> None:
    a = filled_stream(kinesis, "a")
    b = other_stream(kinesis, a, "b")
    kcl_table(dynamodb_url, table, lease_after(kinesis, a, 4))
    before = items(dynamodb_url, table)
    with pytest.raises(StateError, match="created at another time"):
        read(b, DynamoDBState(table, endpoint_url=dynamodb_url), at)
    assert items(dynamodb_url, table) == before
    assert read(a, DynamoDBState(table, endpoint_url=dynamodb_url), at, 6) == texts("a", range(4, 10))
    (item,) = items(dynamodb_url, table).values()
    assert item["leasedStream"] == identity_of(kinesis, a).key


def test_a_table_of_an_application_of_several_streams_is_refused_and_left_alone(
    kinesis: Any, at: dict[str, Any], dynamodb_url: str, table: str
) -> None:
    stream = filled_stream(kinesis, "a")
    key = f"000000000000:{stream}:1700000000:shardId-000000000000"
    kcl_table(dynamodb_url, table, Lease(key, Checkpoint("TRIM_HORIZON")))
    before = items(dynamodb_url, table)
    with pytest.raises(StateError, match="is no shard's id"):
        read(stream, DynamoDBState(table, endpoint_url=dynamodb_url), at)
    assert items(dynamodb_url, table) == before
