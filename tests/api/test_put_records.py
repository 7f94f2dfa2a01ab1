"""PutRecords."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import absent, invalid, refusal, required
from tests.api.streams import (
    HALF,
    HASH_KEY_MAX,
    create,
    create_on_demand,
    finish,
    iterator,
    put,
    read,
    shard_id,
)
from tests.api.validation.broken_constraints import broken

Settle = Callable[[], None]

MIB = 1024 * 1024


def record(data: bytes, hash_key: int = 0) -> dict[str, Any]:
    return {"Data": data, "PartitionKey": "key", "ExplicitHashKey": str(hash_key)}


def test_answers_with_the_places_of_the_records_in_their_order(kinesis: Any, stream_arn: str) -> None:
    hash_keys = [0, HASH_KEY_MAX, HALF, HALF - 1, 1]
    answer = kinesis.put_records(
        StreamARN=stream_arn,
        Records=[record(b"%d" % number, hash_key) for number, hash_key in enumerate(hash_keys)],
    )
    assert answer["FailedRecordCount"] == 0
    assert "EncryptionType" not in answer
    assert [place["ShardId"] for place in answer["Records"]] == [shard_id(index) for index in (0, 1, 1, 0, 0)]
    found = {
        item["SequenceNumber"]: item["Data"]
        for index in range(2)
        for item in kinesis.get_records(ShardIterator=iterator(kinesis, index))["Records"]
    }
    assert [found[place["SequenceNumber"]] for place in answer["Records"]] == [b"0", b"1", b"2", b"3", b"4"]
    assert [sorted(place) for place in answer["Records"]] == [["SequenceNumber", "ShardId"]] * 5


def test_says_when_the_records_are_encrypted(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    kinesis.start_stream_encryption(StreamARN=stream_arn, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    finish(kinesis, settle)
    assert kinesis.put_records(StreamARN=stream_arn, Records=[record(b"data")])["EncryptionType"] == "KMS"


def test_takes_500_records(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle)
    given = [b"%d" % number for number in range(501)]
    answer = kinesis.put_records(StreamName="orders", Records=[record(data) for data in given[:500]])
    numbers = [place["SequenceNumber"] for place in answer["Records"]]
    assert numbers == sorted(set(numbers))
    assert read(kinesis) == given[:500]
    code, text = refusal(kinesis.put_records, StreamName="orders", Records=[record(data) for data in given])
    assert code == "ValidationException"
    assert text.endswith(
        "at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"
    )


def test_takes_one_record_at_least(kinesis: Any, stream_arn: str) -> None:
    assert refusal(kinesis.put_records, StreamARN=stream_arn, Records=[]) == broken(
        "records", "[]", "Member must have length greater than or equal to 1"
    )
    assert refusal(kinesis.put_records, StreamARN=stream_arn) == required("records")


def test_takes_ten_mib_with_the_keys(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle)
    largest = bytes(MIB - 3)
    answer = kinesis.put_records(StreamName="orders", Records=[record(largest)] * 10)
    assert len(answer["Records"]) == 10
    assert refusal(
        kinesis.put_records,
        StreamName="orders",
        Records=[record(largest)] * 9 + [record(largest[1:]), record(b"")],
    ) == ("InvalidArgumentException", "Records size exceeds 10 MB limit")
    assert len(read(kinesis)) == 10


@pytest.mark.parametrize("size_kib", [1024, 10_240])
def test_a_record_is_not_larger_than_the_stream_allows(kinesis: Any, settle: Settle, size_kib: int) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1, MaxRecordSizeInKiB=size_kib)
    settle()
    limit = size_kib * 1024
    kinesis.put_records(StreamName="orders", Records=[record(bytes(limit - 3))])
    size = limit - 2
    assert refusal(
        kinesis.put_records, StreamName="orders", Records=[record(b"small"), record(bytes(size))]
    ) == broken(
        "records.2.member.data",
        f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]",
        f"Member must have length less than or equal to {limit - 3}, "
        f"because with its partition key of 3 bytes "
        f"a record of this stream must have length less than or equal to {limit}",
    )


def test_every_record_needs_a_key(kinesis: Any, stream_arn: str) -> None:
    given = [record(b"one"), {"Data": b"two"}, {"Data": b"three", "ExplicitHashKey": "0"}]
    assert refusal(kinesis.put_records, StreamARN=stream_arn, Records=given[:2]) == required(
        "records.2.member.partitionKey"
    )
    failures = [
        f"Value null at 'records.{number}.member.partitionKey' failed to satisfy constraint: "
        "Member must not be null"
        for number in (2, 3)
    ]
    assert refusal(kinesis.put_records, StreamARN=stream_arn, Records=given) == (
        "ValidationException",
        f"2 validation errors detected: {'; '.join(failures)}",
    )


def test_at_most_ten_failures_are_told(kinesis: Any, stream_arn: str) -> None:
    code, text = refusal(kinesis.put_records, StreamARN=stream_arn, Records=[{"Data": b"data"}] * 11)
    assert code == "ValidationException"
    assert text.startswith("10 validation errors detected: ")


def test_every_record_needs_data(kinesis: Any, stream_arn: str) -> None:
    assert refusal(kinesis.put_records, StreamARN=stream_arn, Records=[{"PartitionKey": "key"}]) == required(
        "records.1.member.data"
    )


def test_bounds_hold_for_every_record(kinesis: Any, stream_arn: str) -> None:
    long_key = {"Data": b"data", "PartitionKey": "k" * 257}
    assert refusal(kinesis.put_records, StreamARN=stream_arn, Records=[record(b"data"), long_key]) == invalid(
        f"Value '{'k' * 257}' at 'records.2.member.partitionKey' failed to satisfy constraint: "
        "Member must have length less than or equal to 256"
    )


def test_one_wrong_record_stops_all(kinesis: Any, stream_arn: str) -> None:
    code, text = refusal(
        kinesis.put_records,
        StreamARN=stream_arn,
        Records=[record(b"good"), record(b"bad", HASH_KEY_MAX + 1)],
    )
    assert code == "InvalidArgumentException"
    assert text.startswith("Invalid ExplicitHashKey.")
    assert read(kinesis) == []


def test_records_of_both_operations_are_in_one_order(kinesis: Any, stream_arn: str) -> None:
    numbers = [put(kinesis, b"one")["SequenceNumber"]]
    answer = kinesis.put_records(StreamARN=stream_arn, Records=[record(b"two"), record(b"three")])
    numbers += [place["SequenceNumber"] for place in answer["Records"]]
    numbers.append(put(kinesis, b"four")["SequenceNumber"])
    assert numbers == sorted(numbers)
    assert read(kinesis) == [b"one", b"two", b"three", b"four"]


def test_a_stream_that_distributes_records_itself_spreads_them_evenly(kinesis: Any, settle: Settle) -> None:
    create_on_demand(kinesis, settle, RecordDistributionStrategy="AUTO")
    given: list[dict[str, Any]] = [
        {"Data": b"bare"},
        {"Data": b"keyed", "PartitionKey": "key"},
        record(b"hashed", 0),
        record(b"beyond", HASH_KEY_MAX + 1),
    ]
    answer = kinesis.put_records(StreamName="orders", Records=given * 5)
    assert Counter(place["ShardId"] for place in answer["Records"]) == {
        shard_id(index): 5 for index in range(4)
    }


def test_a_dry_run_stores_nothing(kinesis: Any, account_id: str, stream_arn: str) -> None:
    code, _text = refusal(kinesis.put_records, StreamARN=stream_arn, Records=[record(b"data")], DryRun=True)
    assert code == "DryRunOperationException"
    assert read(kinesis) == []
    assert refusal(
        kinesis.put_records, StreamName="absent", Records=[record(b"data")], DryRun=True
    ) == absent("absent", account_id)
