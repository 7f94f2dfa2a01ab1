"""GetRecords."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import refusal, required
from tests.api.streams import (
    DAY_MS,
    HALF,
    HASH_KEY_MAX,
    another_account,
    create,
    finish,
    iterator,
    merge,
    put,
    read,
    shard_id,
    split,
)
from tests.api.validation.broken_constraints import too_large, too_long, too_small

Settle = Callable[[], None]

MIB = 1024 * 1024
INVALID = ("InvalidArgumentException", "Invalid ShardIterator.")


def get(kinesis: Any, taken: str, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = kinesis.get_records(ShardIterator=taken, **members)
    return answer


def data_of(answer: dict[str, Any]) -> list[bytes]:
    return [record["Data"] for record in answer["Records"]]


def gone(account_id: str, index: int = 0) -> tuple[str, str]:
    return (
        "ResourceNotFoundException",
        f"Shard {shard_id(index)} in stream orders under account {account_id} does not exist",
    )


def test_a_record_comes_with_its_number_key_and_time(
    kinesis: Any, clock: ManualClock, stream_arn: str
) -> None:
    arrival_ms = clock.now_ms()
    placed = put(kinesis, b"data")
    clock.advance_ms(5000)
    answer = get(kinesis, iterator(kinesis), StreamARN=stream_arn)
    assert answer["Records"] == [
        {
            "SequenceNumber": placed["SequenceNumber"],
            "ApproximateArrivalTimestamp": datetime.fromtimestamp(arrival_ms / 1000, UTC),
            "Data": b"data",
            "PartitionKey": "key",
        }
    ]
    assert answer["MillisBehindLatest"] == 0
    assert "ChildShards" not in answer


def test_encryption_is_told_of_the_records_that_have_it(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    put(kinesis, b"plain")
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    kinesis.start_stream_encryption(StreamARN=stream_arn, **key)
    finish(kinesis, settle)
    put(kinesis, b"encrypted")
    kinesis.stop_stream_encryption(StreamARN=stream_arn, **key)
    finish(kinesis, settle)
    put(kinesis, b"plain again")
    records = get(kinesis, iterator(kinesis))["Records"]
    assert [record.get("EncryptionType") for record in records] == [None, "KMS", None]


def test_the_next_iterator_goes_on(kinesis: Any, stream_arn: str) -> None:
    for number in range(5):
        put(kinesis, b"%d" % number)
    pages = []
    taken = iterator(kinesis)
    for _ in range(4):
        answer = get(kinesis, taken, Limit=2)
        pages.append(data_of(answer))
        taken = answer["NextShardIterator"]
    assert pages == [[b"0", b"1"], [b"2", b"3"], [b"4"], []]
    put(kinesis, b"5")
    assert data_of(get(kinesis, taken)) == [b"5"]


def test_an_iterator_can_be_used_again(kinesis: Any, stream_arn: str) -> None:
    put(kinesis, b"data")
    taken = iterator(kinesis)
    assert [data_of(get(kinesis, taken)) for _ in range(2)] == [[b"data"], [b"data"]]


def test_an_iterator_may_be_in_quotes(kinesis: Any, stream_arn: str) -> None:
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId=shard_id(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=f'"{iterator}"')["Records"] == []


def test_a_page_has_ten_thousand_records_at_most(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle)
    entry = {"Data": b"data", "PartitionKey": "key"}
    for _ in range(21):
        kinesis.put_records(StreamName="orders", Records=[entry] * 500)
    for members in ({}, {"Limit": 10_000}):
        answer = get(kinesis, iterator(kinesis), **members)
        assert len(answer["Records"]) == 10_000
        assert len(get(kinesis, answer["NextShardIterator"])["Records"]) == 500


def test_a_page_has_ten_mib_with_the_keys_at_most(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle)
    largest = {"Data": bytes(MIB - 3), "PartitionKey": "key"}
    kinesis.put_records(StreamName="orders", Records=[largest] * 10)
    put(kinesis, b"")
    answer = get(kinesis, iterator(kinesis))
    assert len(answer["Records"]) == 10
    assert len(get(kinesis, answer["NextShardIterator"])["Records"]) == 1


def test_a_page_has_one_record_at_least_however_large(kinesis: Any, settle: Settle) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1, MaxRecordSizeInKiB=10_240)
    settle()
    put(kinesis, b"small")
    put(kinesis, bytes(10 * MIB - 3))
    first = get(kinesis, iterator(kinesis))
    second = get(kinesis, first["NextShardIterator"])
    assert [len(data) for data in data_of(first)] == [5]
    assert [len(data) for data in data_of(second)] == [10 * MIB - 3]


def test_tells_how_far_behind_the_reader_is(kinesis: Any, clock: ManualClock, stream_arn: str) -> None:
    put(kinesis, b"one")
    clock.advance_ms(1000)
    put(kinesis, b"two")
    clock.advance_ms(500)
    first = get(kinesis, iterator(kinesis), Limit=1)
    assert first["MillisBehindLatest"] == 1500
    second = get(kinesis, first["NextShardIterator"], Limit=1)
    assert second["MillisBehindLatest"] == 0
    assert get(kinesis, second["NextShardIterator"])["MillisBehindLatest"] == 0


def test_an_iterator_is_good_for_300_seconds(kinesis: Any, clock: ManualClock, stream_arn: str) -> None:
    issued_ms = clock.now_ms()
    taken = iterator(kinesis)
    clock.advance_ms(300_000)
    following = get(kinesis, taken)["NextShardIterator"]
    clock.advance_ms(1)
    issued, now = (
        datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
        for time_ms in (issued_ms, clock.now_ms())
    )
    assert refusal(kinesis.get_records, ShardIterator=taken) == (
        "ExpiredIteratorException",
        (
            f"Iterator expired. The iterator was created at time {issued} while right now it is {now} "
            "which is further in the future than the tolerated delay of 300000 milliseconds."
        ),
    )
    assert get(kinesis, following)["Records"] == []


@pytest.mark.parametrize("garbage", ["garbage", "AAAA", "A" * 512, "=", "ü", "AAAAAAAAAAE" + "A" * 200 + "="])
def test_garbage_is_no_iterator(kinesis: Any, garbage: str) -> None:
    assert refusal(kinesis.get_records, ShardIterator=garbage) == INVALID


def test_an_iterator_cannot_be_forged(kinesis: Any, stream_arn: str) -> None:
    taken = iterator(kinesis)
    for position in (0, 8, 20, 40, 60, len(taken) // 2, len(taken) - 5):
        other = "A" if taken[position] != "A" else "B"
        forged = taken[:position] + other + taken[position + 1 :]
        assert refusal(kinesis.get_records, ShardIterator=forged) == INVALID


def test_an_iterator_belongs_to_its_account_and_region(
    kinesis: Any, client_of: Callable[..., Any], settle: Settle, account_id: str, stream_arn: str
) -> None:
    taken = iterator(kinesis)
    for client in (client_of(account_id, "us-east-1"), client_of(another_account(account_id))):
        create(client, settle)
        assert refusal(client.get_records, ShardIterator=taken) == INVALID


def test_an_iterator_belongs_to_the_stream_that_is_named(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    other = create(kinesis, settle, name="invoices")
    code, text = refusal(kinesis.get_records, ShardIterator=iterator(kinesis), StreamARN=other)
    assert code == "InvalidArgumentException"
    assert other in text


def test_an_iterator_does_not_outlive_its_stream(
    kinesis: Any, clock: ManualClock, settle: Settle, account_id: str, stream_arn: str
) -> None:
    taken = iterator(kinesis)
    kinesis.delete_stream(StreamARN=stream_arn)
    settle()
    assert refusal(kinesis.get_records, ShardIterator=taken) == gone(account_id)
    create(kinesis, settle)
    put(kinesis, b"of another stream")
    assert refusal(kinesis.get_records, ShardIterator=taken) == gone(account_id)


def test_a_token_of_another_kind_is_no_iterator(kinesis: Any, stream_arn: str) -> None:
    token = kinesis.list_shards(StreamARN=stream_arn, MaxResults=1)["NextToken"]
    assert refusal(kinesis.get_records, ShardIterator=token) == INVALID


def test_records_leave_with_retention(kinesis: Any, clock: ManualClock, stream_arn: str) -> None:
    put(kinesis, b"old")
    clock.advance_ms(1000)
    put(kinesis, b"new")
    clock.advance_ms(DAY_MS - 1000)
    assert read(kinesis) == [b"old", b"new"]
    clock.advance_ms(1)
    assert read(kinesis) == [b"new"]
    clock.advance_ms(1000)
    answer = get(kinesis, iterator(kinesis))
    assert answer["Records"] == []
    assert answer["MillisBehindLatest"] == 0
    assert "NextShardIterator" in answer


def test_expired_records_do_not_hide_those_that_are_left(
    kinesis: Any, clock: ManualClock, stream_arn: str
) -> None:
    for _ in range(5):
        put(kinesis, b"old")
    clock.advance_ms(2000)
    put(kinesis, b"new")
    clock.advance_ms(DAY_MS - 1000)
    assert data_of(get(kinesis, iterator(kinesis), Limit=2)) == [b"new"]


def test_a_longer_retention_keeps_records_longer(
    kinesis: Any, clock: ManualClock, settle: Settle, stream_arn: str
) -> None:
    kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=48)
    settle()
    put(kinesis, b"data")
    clock.advance_ms(2 * DAY_MS)
    assert read(kinesis) == [b"data"]
    clock.advance_ms(1)
    assert read(kinesis) == []


def test_the_end_of_a_split_shard_names_its_children(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    put(kinesis, b"one")
    put(kinesis, b"two")
    split(kinesis, settle, 0, 1000)
    first = get(kinesis, iterator(kinesis), Limit=1)
    assert data_of(first) == [b"one"]
    assert "ChildShards" not in first
    last = get(kinesis, first["NextShardIterator"], Limit=1)
    assert data_of(last) == [b"two"]
    assert "NextShardIterator" not in last
    assert last["MillisBehindLatest"] == 0
    assert last["ChildShards"] == [
        {
            "ShardId": shard_id(2),
            "ParentShards": [shard_id(0)],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "999"},
        },
        {
            "ShardId": shard_id(3),
            "ParentShards": [shard_id(0)],
            "HashKeyRange": {"StartingHashKey": "1000", "EndingHashKey": str(HALF - 1)},
        },
    ]


def test_the_end_of_a_merged_shard_names_its_child_with_both_parents(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    merge(kinesis, settle, 0, 1)
    for index in range(2):
        answer = get(kinesis, iterator(kinesis, index))
        assert "NextShardIterator" not in answer
        assert answer["ChildShards"] == [
            {
                "ShardId": shard_id(2),
                "ParentShards": [shard_id(0), shard_id(1)],
                "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HASH_KEY_MAX)},
            }
        ]


def test_latest_of_a_closed_shard_is_its_end(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    put(kinesis, b"data")
    split(kinesis, settle, 0, 1000)
    answer = get(kinesis, iterator(kinesis, 0, "LATEST"))
    assert answer["Records"] == []
    assert len(answer["ChildShards"]) == 2
    assert "NextShardIterator" not in answer


def test_an_iterator_from_before_a_split_reads_to_the_end(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    taken = iterator(kinesis, 0, "LATEST")
    put(kinesis, b"before")
    split(kinesis, settle, 0, 1000)
    put(kinesis, b"after")
    answer = get(kinesis, taken)
    assert data_of(answer) == [b"before"]
    assert [child["ShardId"] for child in answer["ChildShards"]] == [shard_id(2), shard_id(3)]


def test_while_the_stream_is_updating_the_shard_has_no_end(kinesis: Any, stream_arn: str) -> None:
    kinesis.split_shard(StreamARN=stream_arn, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    answer = get(kinesis, iterator(kinesis))
    assert "NextShardIterator" in answer
    assert "ChildShards" not in answer


def test_a_closed_shard_is_readable_until_its_last_record_has_left_retention(
    kinesis: Any, clock: ManualClock, settle: Settle, account_id: str, stream_arn: str
) -> None:
    split(kinesis, settle, 0, 1000)
    clock.advance_ms(DAY_MS)
    taken = iterator(kinesis)
    assert len(get(kinesis, taken)["ChildShards"]) == 2
    clock.advance_ms(1)
    assert refusal(kinesis.get_records, ShardIterator=taken) == gone(account_id)


def test_a_dry_run_gives_no_records(kinesis: Any, stream_arn: str) -> None:
    code, _text = refusal(kinesis.get_records, ShardIterator=iterator(kinesis), DryRun=True)
    assert code == "DryRunOperationException"
    assert refusal(kinesis.get_records, ShardIterator="garbage", DryRun=True) == INVALID


def test_the_limit_has_bounds(kinesis: Any, stream_arn: str) -> None:
    taken = iterator(kinesis)
    for limit, expected in ((0, too_small("limit", 0, 1)), (10_001, too_large("limit", 10_001, 10_000))):
        assert refusal(kinesis.get_records, ShardIterator=taken, Limit=limit) == expected


def test_an_iterator_is_needed_and_has_a_length(kinesis: Any) -> None:
    assert refusal(kinesis.get_records) == required("shardIterator")
    assert refusal(kinesis.get_records, ShardIterator="A" * 513) == too_long("shardIterator", "A" * 513, 512)
