"""PutRecord."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import absent, refusal, required
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
from tests.api.validation.broken_constraints import broken, too_long

Settle = Callable[[], None]

MIB = 1024 * 1024


def records(kinesis: Any, index: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kinesis.get_records(ShardIterator=iterator(kinesis, index))["Records"]
    return found


def printed(size: int) -> str:
    return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"


def with_key_too_long(size: int, key_bytes: int, limit: int) -> tuple[str, str]:
    """The refusal of data that would fit, had it no key."""
    code, text = too_long("data", printed(size), limit - key_bytes)
    return code, (
        f"{text}, because with its partition key of {key_bytes} bytes a record of this stream "
        f"must have length less than or equal to {limit}"
    )


def test_answers_with_the_place_of_the_record(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle)
    answer = kinesis.put_record(StreamName="orders", Data=b"data", PartitionKey="key")
    del answer["ResponseMetadata"]
    (record,) = records(kinesis)
    assert answer == {"ShardId": shard_id(0), "SequenceNumber": record["SequenceNumber"]}
    assert (record["Data"], record["PartitionKey"]) == (b"data", "key")


def test_says_when_the_record_is_encrypted(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    kinesis.start_stream_encryption(StreamARN=stream_arn, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    finish(kinesis, settle)
    assert put(kinesis, b"data")["EncryptionType"] == "KMS"
    assert records(kinesis)[0]["EncryptionType"] == "KMS"


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(range(256)), "naïve ☕".encode(), b"x" * 100_000])
def test_data_comes_back_as_it_went(kinesis: Any, settle: Settle, data: bytes) -> None:
    create(kinesis, settle)
    put(kinesis, data)
    assert read(kinesis) == [data]


@pytest.mark.parametrize(
    "key", ["a", "b", "c", "d", "order-17", "naïve ☕", "x" * 256, "☕" * 256, "😀" * 128]
)
def test_the_md5_of_the_partition_key_chooses_the_shard(kinesis: Any, settle: Settle, key: str) -> None:
    create(kinesis, settle, 4)
    hash_key = int.from_bytes(md5(key.encode()).digest(), "big")
    expected = hash_key // (2**126)
    placed = kinesis.put_record(StreamName="orders", Data=b"data", PartitionKey=key)
    assert placed["ShardId"] == shard_id(expected)
    assert [record["PartitionKey"] for record in records(kinesis, expected)] == [key]


@pytest.mark.parametrize(
    ("hash_key", "index"), [(0, 0), (HALF - 1, 0), (HALF, 1), (HASH_KEY_MAX, 1), (HASH_KEY_MAX - 1, 1)]
)
def test_an_explicit_hash_key_chooses_it_instead(
    kinesis: Any, stream_arn: str, hash_key: int, index: int
) -> None:
    assert put(kinesis, b"data", hash_key)["ShardId"] == shard_id(index)


def test_an_explicit_hash_key_has_128_bits(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.put_record,
        StreamARN=stream_arn,
        Data=b"data",
        PartitionKey="key",
        ExplicitHashKey=str(HASH_KEY_MAX + 1),
    ) == (
        "InvalidArgumentException",
        (
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {HASH_KEY_MAX + 1}"
        ),
    )


@pytest.mark.parametrize("hash_key", ["", "01", "-1", "key"])
def test_an_explicit_hash_key_is_a_number(kinesis: Any, stream_arn: str, hash_key: str) -> None:
    assert refusal(
        kinesis.put_record,
        StreamARN=stream_arn,
        Data=b"data",
        PartitionKey="key",
        ExplicitHashKey=hash_key,
    ) == broken(
        "explicitHashKey", hash_key, r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})"
    )


def test_sequence_numbers_grow_and_compare_as_text(
    kinesis: Any, clock: ManualClock, settle: Settle, stream_arn: str
) -> None:
    numbers: dict[int, list[str]] = {0: [], 1: []}
    for delta_ms in (0, 0, 1, 999, 60_000, 3_600_000):
        clock.advance_ms(delta_ms)
        for index, hash_key in ((0, 0), (1, HASH_KEY_MAX)):
            numbers[index].append(put(kinesis, b"data", hash_key)["SequenceNumber"])
    for given in numbers.values():
        assert given == sorted(given)
        assert {len(number) for number in given} == {56}
    assert len({*numbers[0], *numbers[1]}) == 12


def test_a_sequence_number_for_ordering_is_one_that_was_given(
    kinesis: Any, account_id: str, stream_arn: str
) -> None:
    first = put(kinesis, b"first")["SequenceNumber"]
    second = kinesis.put_record(
        StreamARN=stream_arn, Data=b"second", PartitionKey="key", SequenceNumberForOrdering=first
    )["SequenceNumber"]
    assert second > first
    an_hour_ahead = str(int(first) + (3600 << 36))
    for number in ("1" * 56, "9" * 129, an_hour_ahead):
        assert refusal(
            kinesis.put_record,
            StreamARN=stream_arn,
            Data=b"data",
            PartitionKey="key",
            SequenceNumberForOrdering=number,
        ) == (
            "InvalidArgumentException",
            (
                f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream orders "
                f"under account {account_id} is invalid."
            ),
        )


def test_a_sequence_number_is_a_number(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.put_record,
        StreamARN=stream_arn,
        Data=b"data",
        PartitionKey="key",
        SequenceNumberForOrdering="first",
    ) == broken(
        "sequenceNumberForOrdering",
        "first",
        r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})",
    )


@pytest.mark.parametrize("key", ["k", "k" * 256, "☕" * 100])
def test_a_record_has_one_mib_with_its_key(kinesis: Any, stream_arn: str, key: str) -> None:
    size = MIB - len(key.encode())
    kinesis.put_record(StreamARN=stream_arn, Data=bytes(size), PartitionKey=key)
    assert refusal(
        kinesis.put_record, StreamARN=stream_arn, Data=bytes(size + 1), PartitionKey=key
    ) == with_key_too_long(size + 1, len(key.encode()), MIB)


def test_a_record_has_ten_mib_with_its_key_when_the_stream_allows(kinesis: Any, settle: Settle) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1, MaxRecordSizeInKiB=10_240)
    settle()
    largest = bytes(10 * MIB - 3)
    kinesis.put_record(StreamName="orders", Data=largest, PartitionKey="key")
    assert read(kinesis) == [largest]
    for size, refused in (
        (10 * MIB - 2, with_key_too_long(10 * MIB - 2, 3, 10 * MIB)),
        (10 * MIB, with_key_too_long(10 * MIB, 3, 10 * MIB)),
        (10 * MIB + 1, too_long("data", printed(10 * MIB + 1), 10 * MIB)),
    ):
        answer = refusal(kinesis.put_record, StreamName="orders", Data=bytes(size), PartitionKey="key")
        assert answer == refused


def test_a_key_is_needed(kinesis: Any, stream_arn: str) -> None:
    for members in ({}, {"ExplicitHashKey": "0"}):
        assert refusal(kinesis.put_record, StreamARN=stream_arn, Data=b"data", **members) == required(
            "partitionKey"
        )


def test_data_is_needed(kinesis: Any, stream_arn: str) -> None:
    assert refusal(kinesis.put_record, StreamARN=stream_arn, PartitionKey="key") == required("data")


def test_a_key_has_256_characters_at_most(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.put_record, StreamARN=stream_arn, Data=b"data", PartitionKey="k" * 257
    ) == too_long("partitionKey", "k" * 257, 256)
    assert refusal(kinesis.put_record, StreamARN=stream_arn, Data=b"data", PartitionKey="") == broken(
        "partitionKey", "", "Member must have length greater than or equal to 1"
    )


def test_a_dry_run_stores_nothing(kinesis: Any, stream_arn: str) -> None:
    code, _text = refusal(
        kinesis.put_record, StreamARN=stream_arn, Data=b"data", PartitionKey="key", DryRun=True
    )
    assert code == "DryRunOperationException"
    assert [read(kinesis, index) for index in range(2)] == [[], []]
    kinesis.put_record(StreamARN=stream_arn, Data=b"data", PartitionKey="key", DryRun=False)


def test_a_dry_run_finds_what_is_wrong(kinesis: Any, account_id: str, stream_arn: str) -> None:
    assert refusal(
        kinesis.put_record, StreamName="absent", Data=b"data", PartitionKey="key", DryRun=True
    ) == absent("absent", account_id)
    assert refusal(kinesis.put_record, StreamARN=stream_arn, Data=b"data", DryRun=True) == required(
        "partitionKey"
    )
    code, _text = refusal(
        kinesis.put_record,
        StreamARN=stream_arn,
        Data=b"data",
        PartitionKey="key",
        ExplicitHashKey=str(HASH_KEY_MAX + 1),
        DryRun=True,
    )
    assert code == "InvalidArgumentException"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"PartitionKey": "key"},
        {"ExplicitHashKey": "0"},
        {"PartitionKey": "key", "ExplicitHashKey": str(HASH_KEY_MAX + 1)},
    ],
)
def test_a_stream_that_distributes_records_itself_spreads_them_evenly(
    kinesis: Any, settle: Settle, members: dict[str, str]
) -> None:
    create_on_demand(kinesis, settle, RecordDistributionStrategy="AUTO")
    placed = Counter(
        kinesis.put_record(StreamName="orders", Data=b"data", **members)["ShardId"] for _ in range(12)
    )
    assert placed == {shard_id(index): 3 for index in range(4)}
    (record, *_) = records(kinesis)
    assert record.get("PartitionKey") == members.get("PartitionKey")


def test_streams_of_one_name_keep_their_own_records(
    kinesis: Any, client_of: Callable[..., Any], settle: Settle, account_id: str
) -> None:
    clients = (kinesis, client_of(account_id, "us-east-1"))
    for number, client in enumerate(clients):
        create(client, settle)
        put(client, b"%d" % number)
    assert [read(client) for client in clients] == [[b"0"], [b"1"]]
