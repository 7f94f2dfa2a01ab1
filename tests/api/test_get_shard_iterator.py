"""GetShardIterator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from headwater.model.sequence_number import format_sequence_number, sequence_base
from tests.api.refusals import refusal, required
from tests.api.streams import DAY_MS, HALF, create, iterator, merge, put, read, shard_id, shards, split
from tests.api.validation.broken_constraints import broken

Settle = Callable[[], None]


def refused(kinesis: Any, iterator_type: str, index: int = 0, **start: Any) -> tuple[str, str]:
    return refusal(
        kinesis.get_shard_iterator,
        StreamName="orders",
        ShardId=shard_id(index),
        ShardIteratorType=iterator_type,
        **start,
    )


def to_a_whole_second(clock: ManualClock) -> int:
    """Move the clock to the next whole second, which is all that the SDK sends; the second."""
    clock.advance_ms(1000 - clock.now_ms() % 1000)
    return clock.now_ms() // 1000


def test_an_iterator_is_opaque_and_not_longer_than_the_model_allows(kinesis: Any, settle: Settle) -> None:
    name = "n" * 128
    create(kinesis, settle, name=name)
    put(kinesis, b"data", name=name)
    taken = iterator(kinesis, name=name)
    assert 1 <= len(taken) <= 512
    assert name not in taken
    assert kinesis.get_records(ShardIterator=taken)["Records"][0]["Data"] == b"data"


def test_trim_horizon_is_the_oldest_record(kinesis: Any, stream_arn: str) -> None:
    put(kinesis, b"one")
    put(kinesis, b"two")
    assert read(kinesis, 0, "TRIM_HORIZON") == [b"one", b"two"]


def test_latest_is_what_comes_next(kinesis: Any, stream_arn: str) -> None:
    put(kinesis, b"before")
    taken = iterator(kinesis, 0, "LATEST")
    put(kinesis, b"after")
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=taken)["Records"]] == [b"after"]


def test_latest_of_an_empty_shard_is_its_first_record(kinesis: Any, stream_arn: str) -> None:
    taken = iterator(kinesis, 0, "LATEST")
    put(kinesis, b"first")
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=taken)["Records"]] == [b"first"]


def test_a_sequence_number_is_included_or_not(kinesis: Any, stream_arn: str) -> None:
    numbers = [put(kinesis, data)["SequenceNumber"] for data in (b"one", b"two", b"three")]
    assert read(kinesis, 0, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"two", b"three"]
    assert read(kinesis, 0, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"three"]
    assert read(kinesis, 0, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[2]) == []


@pytest.mark.parametrize("iterator_type", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_the_ends_of_a_shard_are_starts_too(kinesis: Any, settle: Settle, iterator_type: str) -> None:
    create(kinesis, settle)
    put(kinesis, b"one")
    put(kinesis, b"two")
    split(kinesis, settle, 0, HALF)
    ends = shards(kinesis)[0]["SequenceNumberRange"]
    assert read(kinesis, 0, iterator_type, StartingSequenceNumber=ends["StartingSequenceNumber"]) == [
        b"one",
        b"two",
    ]
    taken = iterator(kinesis, 0, iterator_type, StartingSequenceNumber=ends["EndingSequenceNumber"])
    answer = kinesis.get_records(ShardIterator=taken)
    assert answer["Records"] == []
    assert len(answer["ChildShards"]) == 2


def test_a_trimmed_sequence_number_is_the_oldest_record_that_is_left(
    kinesis: Any, clock: ManualClock, stream_arn: str
) -> None:
    number = put(kinesis, b"old")["SequenceNumber"]
    clock.advance_ms(DAY_MS + 1)
    put(kinesis, b"new")
    assert read(kinesis, 0, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == [b"new"]
    assert read(kinesis, 0, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == [b"new"]


def test_a_timestamp_is_the_first_record_then_or_later(
    kinesis: Any, clock: ManualClock, stream_arn: str
) -> None:
    first_s = to_a_whole_second(clock)
    put(kinesis, b"one")
    put(kinesis, b"two")
    clock.advance_ms(1)
    put(kinesis, b"a moment later")
    clock.advance_ms(5000)
    put(kinesis, b"three")
    clock.advance_ms(5000)
    everything = [b"one", b"two", b"a moment later", b"three"]
    assert read(kinesis, 0, "AT_TIMESTAMP", Timestamp=0) == everything
    assert read(kinesis, 0, "AT_TIMESTAMP", Timestamp=first_s - 100_000) == everything
    assert read(kinesis, 0, "AT_TIMESTAMP", Timestamp=first_s) == everything
    assert read(kinesis, 0, "AT_TIMESTAMP", Timestamp=first_s + 1) == [b"three"]
    assert read(kinesis, 0, "AT_TIMESTAMP", Timestamp=first_s + 6) == []


def test_a_timestamp_after_the_last_record_is_the_next_one(
    kinesis: Any, clock: ManualClock, stream_arn: str
) -> None:
    put(kinesis, b"before")
    clock.advance_ms(1000)
    taken = iterator(kinesis, 0, "AT_TIMESTAMP", Timestamp=to_a_whole_second(clock))
    put(kinesis, b"after")
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=taken)["Records"]] == [b"after"]


def test_a_timestamp_is_not_later_than_now(kinesis: Any, clock: ManualClock, stream_arn: str) -> None:
    now_s = to_a_whole_second(clock)
    assert iterator(kinesis, 0, "AT_TIMESTAMP", Timestamp=now_s)
    assert refused(kinesis, "AT_TIMESTAMP", Timestamp=now_s + 1) == (
        "InvalidArgumentException",
        (
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {now_s + 1}000, currentTimestampInMillis: {now_s}000"
        ),
    )


def test_a_timestamp_is_needed_for_its_type(kinesis: Any, stream_arn: str) -> None:
    code, text = refused(kinesis, "AT_TIMESTAMP")
    assert code == "InvalidArgumentException"
    assert "timestamp" in text


@pytest.mark.parametrize("iterator_type", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_sequence_number_is_needed_for_its_types(kinesis: Any, stream_arn: str, iterator_type: str) -> None:
    assert refused(kinesis, iterator_type) == (
        "InvalidArgumentException",
        (
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber "
            "or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {iterator_type} and no StartingSequenceNumber."
        ),
    )


@pytest.mark.parametrize("iterator_type", ["TRIM_HORIZON", "LATEST"])
def test_a_sequence_number_is_for_its_types_only(kinesis: Any, stream_arn: str, iterator_type: str) -> None:
    number = put(kinesis, b"data")["SequenceNumber"]
    assert refused(kinesis, iterator_type, StartingSequenceNumber=number) == (
        "InvalidArgumentException",
        (
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber "
            "or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {iterator_type} and also a StartingSequenceNumber."
        ),
    )


def test_a_sequence_number_belongs_to_its_shard(kinesis: Any, stream_arn: str) -> None:
    number = put(kinesis, b"data", HALF)["SequenceNumber"]
    assert refused(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == (
        "InvalidArgumentException",
        (
            f"Invalid StartingSequenceNumber. It encodes {shard_id(1)}, "
            f"while it was used in a call to a shard with {shard_id(0)}"
        ),
    )


def test_a_sequence_number_belongs_to_its_stream(kinesis: Any, clock: ManualClock, settle: Settle) -> None:
    create(kinesis, settle)
    number = put(kinesis, b"data")["SequenceNumber"]
    clock.advance_ms(5000)
    create(kinesis, settle, name="invoices")
    code, text = refusal(
        kinesis.get_shard_iterator,
        StreamName="invoices",
        ShardId=shard_id(0),
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=number,
    )
    assert code == "InvalidArgumentException"
    assert "did not come from this stream" in text


@pytest.mark.parametrize("number", ["1" * 56, "9" * 129])
def test_a_sequence_number_is_one_that_was_given(
    kinesis: Any, account_id: str, stream_arn: str, number: str
) -> None:
    assert refused(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == (
        "InvalidArgumentException",
        (
            f"StartingSequenceNumber {number} used in GetShardIterator on shard {shard_id(0)} "
            f"in stream orders under account {account_id} is invalid."
        ),
    )


@pytest.mark.parametrize(
    ("index", "printed"),
    [
        (2**31 - 1, "shardId-002147483647"),
        (2**31, "shardId--02147483648"),
        (2**32 - 1, "shardId--00000000001"),
    ],
)
def test_a_shard_index_of_32_bits_prints_as_a_signed_number(
    kinesis: Any, stream_arn: str, index: int, printed: str
) -> None:
    number = format_sequence_number(sequence_base(1_700_000_000, index), 1, 1_700_000_000)
    code, text = refused(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    assert code == "InvalidArgumentException"
    assert text.startswith(f"Invalid StartingSequenceNumber. It encodes {printed}, while")


def test_a_number_of_an_older_layout_names_its_shard(kinesis: Any, stream_arn: str) -> None:
    code, text = refused(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber="49")
    assert code == "InvalidArgumentException"
    assert text.startswith("Invalid StartingSequenceNumber. It encodes shardId-000000000049, while")
    code, text = refused(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber="0")
    assert code == "InvalidArgumentException"
    assert text.endswith("because it did not come from this stream.")


@pytest.mark.parametrize("number", ["", "first", "01"])
def test_a_sequence_number_is_a_number(kinesis: Any, stream_arn: str, number: str) -> None:
    assert refused(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == broken(
        "startingSequenceNumber",
        number,
        r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})",
    )


def test_a_shard_must_exist(kinesis: Any, account_id: str, stream_arn: str) -> None:
    assert refused(kinesis, "LATEST", 7) == (
        "ResourceNotFoundException",
        f"Shard {shard_id(7)} in stream orders under account {account_id} does not exist",
    )


def test_a_shard_that_left_retention_does_not_exist(
    kinesis: Any, clock: ManualClock, settle: Settle, account_id: str, stream_arn: str
) -> None:
    merge(kinesis, settle, 0, 1)
    clock.advance_ms(DAY_MS)
    assert iterator(kinesis, 0)
    clock.advance_ms(1)
    assert refused(kinesis, "TRIM_HORIZON") == (
        "ResourceNotFoundException",
        f"Shard {shard_id(0)} in stream orders under account {account_id} does not exist",
    )


def test_an_iterator_has_one_of_five_types(kinesis: Any, stream_arn: str) -> None:
    types = "AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON"
    assert refused(kinesis, "OLDEST") == broken(
        "shardIteratorType", "OLDEST", f"Member must satisfy enum value set: [{types}]"
    )


@pytest.mark.parametrize("member", ["ShardId", "ShardIteratorType"])
def test_what_is_needed(kinesis: Any, stream_arn: str, member: str) -> None:
    members = {"ShardId": shard_id(0), "ShardIteratorType": "LATEST"}
    del members[member]
    assert refusal(kinesis.get_shard_iterator, StreamARN=stream_arn, **members) == required(
        member[0].lower() + member[1:]
    )


def test_a_dry_run_gives_no_iterator(kinesis: Any, stream_arn: str) -> None:
    assert refused(kinesis, "LATEST", DryRun=True)[0] == "DryRunOperationException"
    assert refused(kinesis, "LATEST", 7, DryRun=True)[0] == "ResourceNotFoundException"
    assert refused(kinesis, "AT_TIMESTAMP", DryRun=True)[0] == "InvalidArgumentException"
