"""Limits in the hands of a test: refusals and scaling with few records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from headwater.testing import Headwater
from headwater.testing.admin_client import AdminFailure

EXCEEDED = "Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000."


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater() as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    running.reset()
    running.clock.restore()
    running.clock.stop()
    return running


@pytest.fixture
def kinesis(server: Headwater) -> Any:
    """A client that never retries, and the streams `orders` and `invoices` of one shard each."""
    client = server.client(config=Config(retries={"total_max_attempts": 1}))
    for name in ("orders", "invoices"):
        client.create_stream(StreamName=name, ShardCount=1)
    return client


def refused(kinesis: Any, count: int, stream: str = "orders") -> int:
    entries = [{"Data": b"x", "PartitionKey": "k"}] * count
    return int(kinesis.put_records(StreamName=stream, Records=entries)["FailedRecordCount"])


def test_a_stream_is_limited_to_few_records(server: Headwater, kinesis: Any) -> None:
    server.limits.enforce("orders", records_in_per_s=10)
    assert (refused(kinesis, 12), refused(kinesis, 500, "invoices")) == (2, 0)
    with pytest.raises(kinesis.exceptions.ProvisionedThroughputExceededException, match=EXCEEDED):
        kinesis.put_record(StreamName="orders", Data=b"x", PartitionKey="k")
    server.clock.advance(milliseconds=100)
    kinesis.put_record(StreamName="orders", Data=b"x", PartitionKey="k")
    assert refused(kinesis, 1) == 1


def test_reads_are_limited_too(server: Headwater, kinesis: Any) -> None:
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId="shardId-000000000000", ShardIteratorType="LATEST"
    )["ShardIterator"]
    server.limits.enforce("orders", reads_per_s=1)
    kinesis.get_records(ShardIterator=iterator)
    with pytest.raises(kinesis.exceptions.ProvisionedThroughputExceededException, match=EXCEEDED):
        kinesis.get_records(ShardIterator=iterator)
    server.limits.remove("orders")
    kinesis.get_records(ShardIterator=iterator)


def test_a_block_ends_with_what_was_before(server: Headwater, kinesis: Any) -> None:
    with server.limits.enforce("orders", records_in_per_s=10):
        with server.limits.exempt("orders"):
            assert refused(kinesis, 100) == 0
        assert refused(kinesis, 100) == 90
    assert refused(kinesis, 100) == 0
    assert server.limits.shown() == {"default": {"enforce": False}, "streams": []}


def test_the_rule_for_all_streams_is_changed_and_put_back(server: Headwater, kinesis: Any) -> None:
    with server.limits.enforce(records_in_per_s=3):
        assert (refused(kinesis, 4), refused(kinesis, 5, "invoices")) == (1, 2)
        kinesis.create_stream(StreamName="new", ShardCount=1)
        assert refused(kinesis, 4, "new") == 1
    assert refused(kinesis, 4) == 0


def test_calls_of_a_limited_stream_have_their_rates(server: Headwater, kinesis: Any) -> None:
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    with server.limits.enforce("orders"):
        for _ in range(8):  # a rate of the account's
            kinesis.list_streams()
        for _ in range(5):
            kinesis.list_stream_consumers(StreamARN=arn)
        with pytest.raises(kinesis.exceptions.LimitExceededException):
            kinesis.list_stream_consumers(StreamARN=arn)
        other = arn.replace("orders", "invoices")
        for _ in range(8):
            kinesis.list_stream_consumers(StreamARN=other)
    with server.limits.enforce():
        server.limits.exempt("invoices")
        for _ in range(8):
            kinesis.list_stream_consumers(StreamARN=other)
        for _ in range(5):
            kinesis.list_streams()
        with pytest.raises(kinesis.exceptions.LimitExceededException):
            kinesis.list_streams()


def test_an_on_demand_stream_scales_with_few_records(server: Headwater, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="clicks", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    server.limits.enforce("clicks", records_in_per_s=10, shards_max=6)
    entries = [{"Data": b"x", "PartitionKey": str(at)} for at in range(400)]
    kinesis.put_records(StreamName="clicks", Records=entries)
    server.clock.advance(seconds=10)
    described = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    assert (described["StreamStatus"], described["OpenShardCount"]) == ("ACTIVE", 6)


def test_a_stream_of_another_account_is_named_by_it(server: Headwater, kinesis: Any) -> None:
    theirs = server.client(aws_access_key_id="123456789012", region_name="eu-west-1")
    theirs.create_stream(StreamName="orders", ShardCount=1)
    with server.limits.enforce("orders", account_id="123456789012", region="eu-west-1", records_in_per_s=2):
        assert (refused(theirs, 3), refused(kinesis, 3)) == (1, 0)
    assert refused(theirs, 3) == 0


def test_a_stream_that_is_not_there_is_named(server: Headwater) -> None:
    with pytest.raises(AdminFailure, match="Stream absent under account 000000000000 not found"):
        server.limits.enforce("absent")
    with pytest.raises(AdminFailure, match="records_per_s"):
        server.limits.enforce(records_per_s=1)


def test_a_reset_forgets_limits(server: Headwater, kinesis: Any) -> None:
    server.limits.enforce(records_in_per_s=1)
    server.reset()
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    assert refused(kinesis, 100) == 0
