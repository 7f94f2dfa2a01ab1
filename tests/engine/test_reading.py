"""A page of a shard, whatever becomes of its stream meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from headwater.model.errors import ResourceNotFoundException
from headwater.model.record_list import RecordList
from headwater.storage.interface import LogPage, Post
from headwater.storage.memory_store import MemoryStore
from headwater.wire import cbor_format, json_format
from tests.engine.running_engine import RunningEngine


class LateStore(MemoryStore):
    """A store that sees the disk as it is a moment after it was asked."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self.meanwhile: Callable[[], object] = bool

    async def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """Let happen what is to happen, and read."""
        self.meanwhile()
        return await super().read(log_id, position, max_records, max_bytes)


def test_a_stream_that_goes_while_it_is_read_is_said_to_be_gone() -> None:
    stores: list[LateStore] = []

    def open_store(post: Post) -> LateStore:
        stores.append(LateStore(post))
        return stores[-1]

    running = RunningEngine(open_store, ManualClock())
    running.call("CreateStream", StreamName="orders", ShardCount=1)
    running.call("PutRecord", StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    iterator = running.call(
        "GetShardIterator",
        StreamName="orders",
        ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON",
    )["ShardIterator"]

    def delete() -> None:
        stores[-1].meanwhile = bool
        running.call("DeleteStream", StreamName="orders")
        with pytest.raises(ResourceNotFoundException):  # it is looked for, and so found to be gone
            running.call("DescribeStreamSummary", StreamName="orders")

    stores[-1].meanwhile = delete
    with pytest.raises(ResourceNotFoundException, match="shardId-000000000000 in stream orders"):
        running.call("GetRecords", ShardIterator=iterator)


@pytest.mark.parametrize("data_bytes", [200, 2_000], ids=["small", "large"])
@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
def test_every_reader_gets_the_same_bytes(wire_format: Any, data_bytes: int) -> None:
    running = RunningEngine(MemoryStore, ManualClock())
    iterators = {}
    for stream in ("orders", "returns"):  # whose shards have the same numbers
        running.call("CreateStream", StreamName=stream, ShardCount=1)
        running.call(
            "PutRecords",
            StreamName=stream,
            Records=[
                {"Data": f"{stream} {at}".encode().ljust(data_bytes), "PartitionKey": f"{at}%"}
                for at in range(100)
            ],
        )
        iterators[stream] = running.call(
            "GetShardIterator",
            StreamName=stream,
            ShardId="shardId-000000000000",
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
    for stream, iterator in iterators.items():
        for limit in (100, 99):
            bodies = set()
            for _ in range(4):
                records = running.call("GetRecords", ShardIterator=iterator, Limit=limit)["Records"]
                bodies.add(bytes(wire_format.encode_body({"Records": records})))
            assert bodies == {wire_format.encode({"Records": RecordList(records.runs)})}
            assert records.documents()[-1]["Data"] == f"{stream} {limit - 1}".encode().ljust(data_bytes)
    if data_bytes == 200 or wire_format is json_format:  # CBOR has large data as they are stored
        assert running.engine.written_runs.held_bytes() > 4 * 80 * data_bytes
