"""A stream of one shard, and what arrives in it."""

from __future__ import annotations

import time
from typing import Any

from tests.waiting import RETRY_FOR_S


class StreamReader:
    """Reads a stream from its beginning."""

    def __init__(self, kinesis: Any, name: str, *, create: bool = True) -> None:
        self._kinesis = kinesis
        if create:
            kinesis.create_stream(StreamName=name, ShardCount=1)
            kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.arn: str = summary["StreamARN"]
        found = kinesis.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )
        self._iterator = found["ShardIterator"]

    def records(self, count: int) -> list[dict[str, Any]]:
        """The next records; fails when there are more or fewer."""
        found = self.some(count)
        page = self._kinesis.get_records(ShardIterator=self._iterator)
        assert page["Records"] == []
        return found

    def some(self, count: int) -> list[dict[str, Any]]:
        """The next records; fails when there are fewer."""
        found: list[dict[str, Any]] = []
        ends_s = time.monotonic() + RETRY_FOR_S
        while len(found) < count:
            page = self._kinesis.get_records(ShardIterator=self._iterator, Limit=count - len(found))
            self._iterator = page["NextShardIterator"]
            found += page["Records"]
            assert time.monotonic() < ends_s, found
        return found
