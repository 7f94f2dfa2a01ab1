"""A page of a shard, whatever becomes of its stream meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headwater.model.clock import ManualClock
from headwater.model.errors import ResourceNotFoundException
from headwater.storage.interface import LogPage, Post
from headwater.storage.memory_store import MemoryStore
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
