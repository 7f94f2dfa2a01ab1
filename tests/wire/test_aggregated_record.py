"""Aggregates: ours read by aws-kinesis-agg, its read by us, and what only looks like one."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from aws_kinesis_agg import deaggregator  # before others of the package: it lets them find each other
from aws_kinesis_agg.aggregator import RecordAggregator
from hypothesis import given
from hypothesis import strategies as st

from headwater.wire.aggregated_record import (
    FRAME_BYTES,
    MAGIC,
    Aggregate,
    UserRecord,
    added_bytes_max,
    deaggregate,
    encode_tags,
    read_tags,
)
from tests.tables import each

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
HASH_KEYS = st.integers(0, 2**128 - 1).map(str)
USER_RECORDS = st.builds(UserRecord, KEYS, st.none() | HASH_KEYS, st.binary(max_size=300), st.just(()))


def aggregate_of(records: list[UserRecord]) -> bytes:
    aggregate = Aggregate()
    for record in records:
        aggregate.add(record.partition_key, record.explicit_hash_key, record.data)
    return aggregate.encode()


def framed(message: bytes) -> bytes:
    return MAGIC + message + hashlib.md5(message).digest()


def message_of(**members: Any) -> bytes:
    encoded: bytes = deaggregator.messages_pb2.AggregatedRecord(**members).SerializeToString()
    return encoded


def read_by_aws(data: bytes) -> list[tuple[str, bytes]]:
    """The partition key and the data of each user record."""
    held = {
        "kinesisSchemaVersion": "1.0",
        "sequenceNumber": "1",
        "partitionKey": "a",
        "approximateArrivalTimestamp": 0,
        "data": base64.b64encode(data).decode(),
    }
    read = [record["kinesis"] for record in deaggregator.deaggregate_records([{"kinesis": held}])]
    assert all(record.get("aggregated") for record in read)
    return [(record["partitionKey"], base64.b64decode(record["data"])) for record in read]


@given(st.lists(USER_RECORDS, min_size=1, max_size=30))
def test_what_was_aggregated_comes_back(records: list[UserRecord]) -> None:
    assert deaggregate(aggregate_of(records)) == records


@given(st.lists(USER_RECORDS, min_size=1, max_size=30))
def test_aws_kinesis_agg_reads_ours(records: list[UserRecord]) -> None:
    assert read_by_aws(aggregate_of(records)) == [(record.partition_key, record.data) for record in records]


@given(st.lists(USER_RECORDS, max_size=30))
def test_ours_are_byte_for_byte_what_protobuf_writes(records: list[UserRecord]) -> None:
    message = aggregate_of(records)[len(MAGIC) : -16]
    read = deaggregator.messages_pb2.AggregatedRecord()
    read.ParseFromString(message)
    assert read.SerializeToString() == message
    assert len(set(read.partition_key_table)) == len(read.partition_key_table)
    assert [record.HasField("explicit_hash_key_index") for record in read.records] == [
        record.explicit_hash_key is not None for record in records
    ]


@given(st.lists(USER_RECORDS, min_size=1, max_size=30))
def test_we_read_what_aws_kinesis_agg_writes(records: list[UserRecord]) -> None:
    aggregator = RecordAggregator()
    for record in records:
        aggregator.add_user_record(record.partition_key, record.data, record.explicit_hash_key)
    _, _, data = aggregator.clear_and_get().get_contents()
    read = deaggregate(data)
    assert read is not None
    assert [(record.partition_key, record.data) for record in read] == [
        (record.partition_key, record.data) for record in records
    ]


@given(st.lists(USER_RECORDS, max_size=30))
def test_the_size_is_known_before_it_is_encoded(records: list[UserRecord]) -> None:
    aggregate = Aggregate()
    most = FRAME_BYTES
    for record in records:
        aggregate.add(record.partition_key, record.explicit_hash_key, record.data)
        most += added_bytes_max(len(record.partition_key.encode()) + len(record.data))
        assert aggregate.size_bytes == len(aggregate.encode()) <= most
    assert aggregate.record_count == len(records)


@given(st.binary(max_size=400))
def test_no_data_makes_it_raise(data: bytes) -> None:
    deaggregate(data)
    deaggregate(framed(data))


@given(st.lists(USER_RECORDS, min_size=1, max_size=5), st.data())
def test_a_changed_byte_makes_it_a_plain_record(records: list[UserRecord], chance: st.DataObject) -> None:
    data = bytearray(aggregate_of(records))
    data[chance.draw(st.integers(0, len(data) - 1))] ^= chance.draw(st.integers(1, 255))
    assert deaggregate(bytes(data)) is None


WHOLE = {"partition_key_index": 0, "data": b"x"}


@each(
    "data",
    [
        b"",
        b"plain",
        MAGIC,
        MAGIC + hashlib.md5(b"").digest(),
        framed(b"\x0a"),
        framed(b"\x0a\x05ab"),
        framed(b"\x0a\x01a\x1a\x02\x08\x00"),
        framed(b"\x0a\x01a\x1a\x03\x1a\x01x"),
        framed(b"\x0a\x01a\x1a\x05\x08\x01\x1a\x01x"),
        framed(b"\x0a\x01a\x1a\x07\x08\x00\x10\x00\x1a\x01x"),
        framed(b"\x0a\x01a\x1a\x06\x08\x00\x1a\x09x"),
        framed(b"\x00\x00"),
        framed(b"\xff" * 11),
        framed(b"\x0b\x0c"),
    ],
)
def test_what_only_looks_like_an_aggregate_is_none(data: bytes) -> None:
    assert deaggregate(data) is None


def test_an_aggregate_of_nothing_has_no_user_records() -> None:
    assert deaggregate(framed(b"\x0a\x01a")) == []


def test_however_many_tags_a_record_has_each_is_read_once() -> None:
    aggregate = Aggregate()
    aggregate.add("k", None, b"x", b"\x22\x00" * 400_000)
    read = deaggregate(aggregate.encode())
    assert read is not None
    assert read[0].tags == (b"",) * 400_000


def test_unknown_members_are_skipped_and_tags_are_kept() -> None:
    tagged = message_of(
        partition_key_table=["k"], records=[WHOLE | {"tags": [{"key": "t", "value": "v"}, {"key": "u"}]}]
    )
    unknown = b"\x20\x96\x01" + b"\x2a\x02zz" + b"\x35\x01\x02\x03\x04" + b"\x39" + bytes(8)
    read = deaggregate(framed(unknown + tagged + unknown))
    assert read is not None
    assert [record[:3] for record in read] == [("k", None, b"x")]
    assert read_tags(read[0].tags) == {"t": "v", "u": ""}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=4))
def test_tags_are_what_protobuf_writes_and_come_back(tags: dict[str, str]) -> None:
    aggregate = Aggregate()
    aggregate.add("k", None, b"x", encode_tags(tags))
    data = aggregate.encode()
    assert len(data) == aggregate.size_bytes
    message = message_of(
        partition_key_table=["k"],
        records=[WHOLE | {"tags": [{"key": key, "value": value} for key, value in tags.items()]}],
    )
    assert data[len(MAGIC) : -16] == message
    (read,) = deaggregate(data) or []
    assert read_tags(read.tags) == tags
    assert read_by_aws(data) == [("k", b"x")]


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_what_is_no_tag_is_left_out(tags: list[bytes]) -> None:
    assert all(isinstance(key, str) for key in read_tags((*tags, b"\x0a\x01t\x12\x01v")))
    assert read_tags((*tags, b"\x0a\x01t\x12\x01v"))["t"] == "v"


def test_members_come_in_any_order_and_the_last_counts() -> None:
    assert deaggregate(framed(b"\x1a\x08\x1a\x01x\x1a\x01y\x08\x00\x0a\x01k")) == [
        UserRecord("k", None, b"y")
    ]
