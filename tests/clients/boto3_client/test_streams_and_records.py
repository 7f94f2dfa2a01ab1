"""The calls that every program makes: streams, tags, records, reading, errors, consumers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.clients.boto3_client.conftest import MIDDLE, SHARD, Stream, wait_until

EVERY_BYTE = bytes(range(256))


def read(kinesis: Any, stream: Stream, shard_id: str = SHARD, records: int = 1) -> list[dict[str, Any]]:
    """The first records of a shard."""
    iterator = kinesis.get_shard_iterator(
        StreamName=stream.name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[dict[str, Any]] = []
    while len(found) < records:
        page = kinesis.get_records(ShardIterator=iterator)
        found += page["Records"]
        iterator = page["NextShardIterator"]
    return found


def test_it_is_the_pinned_boto3() -> None:
    pinned = (Path(__file__).parent / "requirements.txt").read_text()
    assert f"boto3=={boto3.__version__}\n" in pinned


def test_the_endpoint_may_be_given_in_the_code(kinesis: Any, stream: Stream) -> None:
    endpoint_url = kinesis.meta.endpoint_url
    client = boto3.client("kinesis", endpoint_url=endpoint_url)
    assert stream.name in client.list_streams(Limit=10000)["StreamNames"]


def test_a_stream_lives_from_creation_to_deletion(kinesis: Any, stream: Stream) -> None:
    description = kinesis.describe_stream(StreamName=stream.name)["StreamDescription"]
    assert description["StreamStatus"] == "ACTIVE"
    assert description["StreamCreationTimestamp"].timestamp() > 1_600_000_000
    assert [shard["ShardId"] for shard in description["Shards"]] == [SHARD]
    assert stream.name in kinesis.list_streams(Limit=10000)["StreamNames"]

    kinesis.delete_stream(StreamName=stream.name)
    wait_until(lambda: stream.name not in kinesis.list_streams(Limit=10000)["StreamNames"])


def test_tags_come_and_go(kinesis: Any, new_stream: Callable[..., Stream]) -> None:
    stream = new_stream(Tags={"stage": "test"})
    kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"owner": "Zoë"})
    kinesis.remove_tags_from_stream(StreamName=stream.name, TagKeys=["stage"])
    kinesis.tag_resource(ResourceARN=stream.arn, Tags={"team": "rivers"})
    tags = kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"]
    assert tags == [{"Key": "owner", "Value": "Zoë"}, {"Key": "team", "Value": "rivers"}]


def test_one_binary_record_comes_back_as_it_was_put(kinesis: Any, stream: Stream) -> None:
    placed = kinesis.put_record(StreamName=stream.name, PartitionKey="Ключ", Data=EVERY_BYTE)
    (record,) = read(kinesis, stream)
    assert (record["Data"], record["PartitionKey"]) == (EVERY_BYTE, "Ключ")
    assert record["SequenceNumber"] == placed["SequenceNumber"]
    assert record["ApproximateArrivalTimestamp"].timestamp() > 1_600_000_000


def test_many_records_come_back_in_order(kinesis: Any, stream: Stream) -> None:
    data = [EVERY_BYTE[: number % 256] + b"%d" % number for number in range(500)]
    answer = kinesis.put_records(
        StreamName=stream.name, Records=[{"PartitionKey": "key", "Data": one} for one in data]
    )
    assert answer["FailedRecordCount"] == 0
    assert [record["Data"] for record in read(kinesis, stream, records=500)] == data


def test_reading_goes_on_from_a_split_shard_to_its_children(kinesis: Any, stream: Stream) -> None:
    stream.put(b"before")
    iterator = kinesis.get_shard_iterator(
        StreamName=stream.name, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = kinesis.get_records(ShardIterator=iterator)
    assert [record["Data"] for record in page["Records"]] == [b"before"]

    stream.put(b"last")
    stream.split()
    stream.put(b"after")
    data: list[bytes] = []
    while page.get("NextShardIterator"):
        assert "ChildShards" not in page
        page = kinesis.get_records(ShardIterator=page["NextShardIterator"])
        data += [record["Data"] for record in page["Records"]]
    assert data == [b"last"]

    children = page["ChildShards"]
    assert [child["ParentShards"] for child in children] == [[SHARD], [SHARD]]
    assert children[1]["HashKeyRange"]["StartingHashKey"] == MIDDLE
    lower = children[0]["ShardId"]  # the hash of `key` is in the lower half
    assert [record["Data"] for record in read(kinesis, stream, lower)] == [b"after"]
    listed = kinesis.list_shards(StreamName=stream.name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert [shard["ShardId"] for shard in listed] == [child["ShardId"] for child in children]


def test_an_error_is_an_exception_of_its_own_type_with_the_text_of_aws(kinesis: Any) -> None:
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException) as caught:
        kinesis.describe_stream_summary(StreamName="nowhere")
    error = caught.value.response["Error"]
    assert error["Message"] == "Stream nowhere under account 000000000000 not found."


def test_a_broken_constraint_is_told_in_the_words_of_aws(kinesis: Any, stream: Stream) -> None:
    with pytest.raises(kinesis.exceptions.ClientError) as caught:
        kinesis.create_stream(StreamName="not a name", ShardCount=1)
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value 'not a name' at 'streamName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    }
    with pytest.raises(kinesis.exceptions.ResourceInUseException, match="already exists"):
        kinesis.create_stream(StreamName=stream.name, ShardCount=1)


def test_consumers_are_registered_described_listed_and_deregistered(kinesis: Any, stream: Stream) -> None:
    consumer_arn = stream.register("reader")
    assert consumer_arn.startswith(f"{stream.arn}/consumer/reader:")
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="reader")
    (listed,) = kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
    assert (listed["ConsumerARN"], listed["ConsumerStatus"]) == (consumer_arn, "ACTIVE")

    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.delete_stream(StreamName=stream.name)
    kinesis.deregister_stream_consumer(ConsumerARN=consumer_arn)
    wait_until(lambda: not kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"])
