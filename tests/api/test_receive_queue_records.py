"""ReceiveQueueRecords."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.clocked_server import ClockedServer
from tests.api.queues import (
    active_queue,
    all_received,
    attributes,
    by_text,
    create_queue,
    gives_nothing,
    put,
    received,
    waiting,
)
from tests.api.refusals import refusal

Settle = Callable[[], None]


def test_gives_records_with_what_belongs_to_them(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put_ms = clock.now_ms()
    put(kinesis, ["apple"])
    clock.advance_ms(1_500)
    (record,) = received(kinesis, queue_arn)
    assert record["Data"] == b"apple"
    assert record["PartitionKey"] == "apple"
    assert record["ReceiveCount"] == 1
    assert re.fullmatch("[a-z0-9]{1,64}", record["RecordId"])
    assert record["ApproximateArrivalTimestamp"].timestamp() == put_ms / 1000
    assert record["FirstReceiveTimestamp"].timestamp() == (put_ms + 1_500) / 1000
    assert "EncryptionType" not in record


def test_gives_large_records_and_those_of_an_encrypted_stream_and_without_a_key(
    kinesis: Any, queue_arn: str, settle: Settle
) -> None:
    kinesis.start_stream_encryption(StreamName="orders", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    settle()
    kinesis.update_stream_record_distribution_strategy(
        StreamARN=kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"][
            "StreamARN"
        ],
        RecordDistributionStrategy="AUTO",
    )
    settle()
    kinesis.put_record(StreamName="orders", Data=b"x" * 1_000_000)
    (record,) = received(kinesis, queue_arn)
    assert record["Data"] == b"x" * 1_000_000
    assert "PartitionKey" not in record


@pytest.mark.parametrize(("members", "count"), [({}, 10), ({"Limit": 1}, 1), ({"Limit": 10}, 10)])
def test_gives_up_to_the_limit(kinesis: Any, queue_arn: str, members: dict[str, Any], count: int) -> None:
    put(kinesis, [str(number) for number in range(40)])
    assert len(received(kinesis, queue_arn, **members)) == count


@pytest.mark.parametrize(
    "members",
    [
        {"Limit": 0},
        {"Limit": 11},
        {"WaitTimeSeconds": 0},
        {"WaitTimeSeconds": 21},
        {"VisibilityTimeoutSeconds": -1},
        {"VisibilityTimeoutSeconds": 43_201},
    ],
)
def test_bounds_are_those_of_the_model(kinesis: Any, queue_arn: str, members: dict[str, Any]) -> None:
    call = kinesis.receive_queue_records
    assert refusal(call, QueueARN=queue_arn, **members)[0] == "ValidationException"


def test_a_record_is_with_one_receiver_until_its_visibility_ends(
    kinesis: Any, queue_arn: str, clock: ManualClock
) -> None:
    put(kinesis, ["apple"])
    (first,) = received(kinesis, queue_arn)
    assert gives_nothing(kinesis, clock, queue_arn)
    clock.advance_ms(30_000)
    (second,) = received(kinesis, queue_arn)
    assert second["RecordId"] == first["RecordId"]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["FirstReceiveTimestamp"] == first["FirstReceiveTimestamp"]
    assert (first["ReceiveCount"], second["ReceiveCount"]) == (1, 2)


def test_visibility_may_be_given_for_a_call(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put(kinesis, ["apple"])
    received(kinesis, queue_arn, VisibilityTimeoutSeconds=5)
    clock.advance_ms(4_999)
    with waiting(kinesis, queue_arn) as call:
        assert not wait([call], 0.3).done
        clock.advance_ms(1)
        assert call.result()[0]["ReceiveCount"] == 2


def test_with_no_visibility_a_record_can_be_received_again_at_once(kinesis: Any, queue_arn: str) -> None:
    put(kinesis, ["apple"])
    assert len(received(kinesis, queue_arn, VisibilityTimeoutSeconds=0)) == 1
    assert received(kinesis, queue_arn)[0]["ReceiveCount"] == 2


def test_a_queue_may_have_no_visibility_timeout(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=attributes(0))
    put(kinesis, ["apple"])
    assert [received(kinesis, arn)[0]["ReceiveCount"] for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_record_that_was_received_as_often_as_it_may_be_is_not_given_again(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=attributes(10, 2))
    put(kinesis, ["poison", "good"])
    found = all_received(kinesis, arn, 2)
    good, poison = found["good"], found["poison"]
    kinesis.acknowledge_queue_records(QueueARN=arn, Entries=[{"ReceiptHandle": good["ReceiptHandle"]}])
    clock.advance_ms(10_000)
    (again,) = received(kinesis, arn)
    assert (again["RecordId"], again["ReceiveCount"]) == (poison["RecordId"], 2)
    clock.advance_ms(10_000)
    assert gives_nothing(kinesis, clock, arn)
    (dead,) = kinesis.receive_dead_letter_queue_records(QueueARN=arn)["QueueRecords"]
    assert dead["RecordId"] == poison["RecordId"]


def test_what_waits_gets_a_record_as_it_is_put(kinesis: Any, queue_arn: str) -> None:
    with waiting(kinesis, queue_arn, WaitTimeSeconds=20) as call:
        assert not wait([call], 0.3).done
        put(kinesis, ["apple"])
        assert call.result()[0]["Data"] == b"apple"


def test_what_waits_gets_a_record_whose_visibility_is_ended(kinesis: Any, queue_arn: str) -> None:
    put(kinesis, ["apple"])
    (record,) = received(kinesis, queue_arn)
    with waiting(kinesis, queue_arn, WaitTimeSeconds=20) as call:
        assert not wait([call], 0.3).done
        entries = [{"ReceiptHandle": record["ReceiptHandle"], "VisibilityTimeoutSeconds": 0}]
        kinesis.update_queue_records_visibility(QueueARN=queue_arn, Entries=entries)
        assert call.result()[0]["ReceiveCount"] == 2


@pytest.mark.parametrize(("members", "wait_s"), [({}, 9), ({"WaitTimeSeconds": 20}, 20)])
def test_waits_as_long_as_it_was_told(
    kinesis: Any, queue_arn: str, clock: ManualClock, members: dict[str, Any], wait_s: int
) -> None:
    with waiting(kinesis, queue_arn, **members) as call:
        assert not wait([call], 0.3).done
        clock.advance_ms(1000 * wait_s - 1)
        assert not wait([call], 0.3).done
        clock.advance_ms(1)
        if not wait([call], 5).done:  # on a busy machine it came when the clock had been moved
            clock.advance_ms(1000 * wait_s)
        assert call.result() == []


def test_many_who_wait_share_what_comes(kinesis: Any, queue_arn: str) -> None:
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(received, kinesis, queue_arn, Limit=2, WaitTimeSeconds=20) for _ in range(5)]
        assert not wait(calls, 0.5).done
        texts = [str(number) for number in range(10)]
        put(kinesis, texts)
        shares = [by_text(call.result()) for call in calls]
    assert [len(share) for share in shares] == [2] * 5
    assert set().union(*shares) == set(texts)


def test_who_waits_ends_when_the_client_goes(
    clocked: ClockedServer, kinesis: Any, queue_arn: str, client_of: Callable[..., Any]
) -> None:
    del client_of
    host, port = clocked.endpoint_url.removeprefix("http://").split(":")
    account_id = queue_arn.split(":")[4]
    body = f'{{"QueueARN":"{queue_arn}","WaitTimeSeconds":20}}'.encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.ReceiveQueueRecords\r\n"
            b"Content-Type: application/x-amz-json-1.1\r\n"
            b"Authorization: AWS4-HMAC-SHA256 Credential=%b/20260101/eu-west-1/kinesis/aws4_request, "
            b"SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20260101T000000Z\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (account_id.encode(), len(body), body)
        )
        with waiting(kinesis, queue_arn, WaitTimeSeconds=20) as call:  # behind it in the line
            assert not wait([call], 0.5).done
            connection.close()
            assert not wait([call], 0.3).done
            put(kinesis, ["apple"])
            assert call.result()[0]["ReceiveCount"] == 1


@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_only_a_queue_that_delivers_can_be_received_from(
    kinesis: Any, on_demand_arn: str, settle: Settle, state: str
) -> None:
    arn = create_queue(kinesis, on_demand_arn)["QueueARN"]
    if state == "DELETING":
        settle()
        kinesis.delete_queue(QueueARN=arn)
    answer = refusal(kinesis.receive_queue_records, QueueARN=arn)
    assert answer[0] == "ResourceNotFoundException"
    assert state in answer[1]


def test_every_shard_is_followed_through_a_reshard(kinesis: Any, settle: Settle, clock: ManualClock) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    settle()
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    mode = {"StreamARN": arn, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    kinesis.update_stream_mode(**mode)
    settle()
    queue = active_queue(kinesis, settle, arn)
    put(kinesis, [f"before {number}" for number in range(20)])
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    kinesis.update_stream_warm_throughput(StreamARN=arn, WarmThroughputMiBps=8)
    settle()
    assert len(kinesis.list_shards(StreamName="orders")["Shards"]) > 2
    put(kinesis, [f"after {number}" for number in range(20)])
    found = all_received(kinesis, queue, 40)
    assert len({record["RecordId"] for record in found.values()}) == 40
    assert gives_nothing(kinesis, clock, queue)


def test_who_waits_while_a_stream_reshards_gets_what_is_put_into_the_new_shards(
    kinesis: Any, on_demand_arn: str, queue_arn: str, settle: Settle
) -> None:
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    with waiting(kinesis, queue_arn, WaitTimeSeconds=20) as call:
        assert not wait([call], 0.3).done
        kinesis.update_stream_warm_throughput(StreamARN=on_demand_arn, WarmThroughputMiBps=16)
        settle()
        kinesis.list_shards(StreamName="orders")
        put(kinesis, ["apple"])
        assert call.result()[0]["Data"] == b"apple"


def test_what_is_past_retention_is_not_given(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put(kinesis, ["seen", "unseen"])
    received(kinesis, queue_arn, Limit=1, VisibilityTimeoutSeconds=0)
    clock.advance_ms(24 * 3_600_000 + 1)
    put(kinesis, ["fresh"])
    assert set(all_received(kinesis, queue_arn, 1)) == {"fresh"}
    assert gives_nothing(kinesis, clock, queue_arn)


def test_the_visibility_of_one_record_does_not_hold_up_the_others(
    kinesis: Any, queue_arn: str, clock: ManualClock
) -> None:
    put(kinesis, ["stuck"])
    received(kinesis, queue_arn, VisibilityTimeoutSeconds=43_200)
    texts = [str(number) for number in range(30)]
    put(kinesis, texts)
    for record in all_received(kinesis, queue_arn, 30).values():
        entries = [{"ReceiptHandle": record["ReceiptHandle"]}]
        kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries)
    assert gives_nothing(kinesis, clock, queue_arn)
    clock.advance_ms(43_200_000)
    assert set(all_received(kinesis, queue_arn, 1)) == {"stuck"}
