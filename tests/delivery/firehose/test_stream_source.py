"""A stream as source: from its end on, through reshards, with aggregates taken apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from headwater.wire.aggregated_record import Aggregate
from tests.delivery.firehose.conftest import Bucket, Create, processing
from tests.neighbours.conftest import ClientOf
from tests.waiting import wait_until

LINES = processing(("AppendDelimiterToRecord", {"Delimiter": "\\n"}))
_numbers = count(1)


class Stream:
    """A stream of the server."""

    def __init__(self, kinesis: Any, name: str) -> None:
        self.kinesis, self.name = kinesis, name
        kinesis.create_stream(StreamName=name, ShardCount=1)
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.arn: str = summary["StreamARN"]

    def put(self, *datas: bytes) -> None:
        records = [{"Data": data, "PartitionKey": data.decode("latin-1")[:10] or "-"} for data in datas]
        assert self.kinesis.put_records(StreamName=self.name, Records=records)["FailedRecordCount"] == 0


@pytest.fixture
def stream(client_of: ClientOf) -> Stream:
    return Stream(client_of("kinesis"), f"source-{next(_numbers)}")


Lines = Callable[[], list[bytes]]


@pytest.fixture
def lines(bucket: Bucket) -> Lines:
    return lambda: sorted(line for body in bucket.objects().values() for line in body.splitlines())


def test_records_are_delivered_from_the_moment_of_creation_on(
    create: Create, bucket: Bucket, stream: Stream, lines: Lines
) -> None:
    stream.put(b"before")
    create(source=stream.arn, ProcessingConfiguration=LINES)
    stream.put(b"1", b"2", b"3")
    bucket.arrived()
    assert lines() == [b"1", b"2", b"3"]


def test_every_record_arrives_once_through_reshards(
    create: Create, bucket: Bucket, stream: Stream, lines: Lines
) -> None:
    create(source=stream.arn, ProcessingConfiguration=LINES)
    put: list[bytes] = []
    for target in (2, 4, 2):
        datas = [f"{target}-{number}".encode() for number in range(50)]
        stream.put(*datas)
        put += datas
        stream.kinesis.update_shard_count(
            StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
    datas = [f"last-{number}".encode() for number in range(50)]
    stream.put(*datas)

    def all_there() -> bool:
        bucket.arrived()
        return len(lines()) >= len(put) + 50

    wait_until(all_there)
    assert lines() == sorted(put + datas)


def test_aggregates_of_the_producer_library_are_taken_apart(
    create: Create, bucket: Bucket, stream: Stream, lines: Lines
) -> None:
    create(source=stream.arn, ProcessingConfiguration=LINES)
    aggregate = Aggregate()
    for number in range(3):
        aggregate.add("key", None, f"user-{number}".encode())
    stream.put(aggregate.encode(), b"plain")
    bucket.arrived()
    assert lines() == [b"plain", b"user-0", b"user-1", b"user-2"]


def test_a_delivery_stream_that_is_deleted_delivers_no_more(
    create: Create, bucket: Bucket, stream: Stream, firehose: Any
) -> None:
    gone = create(source=stream.arn, Prefix="gone/")
    create(source=stream.arn, Prefix="stays/")
    firehose.delete_delivery_stream(DeliveryStreamName=gone)
    stream.put(b"late")
    bucket.arrived(prefix="stays/")
    assert bucket.keys("gone/") == []
