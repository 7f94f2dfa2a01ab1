"""`--enforce-limits`: what a shard takes and gives in a second, and AWS's words beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from headwater.api.call_rates import CALL_RATES
from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from tests.api.clocked_server import TRANSITION_MS, ClockedServer, clocked_server
from tests.conftest import client_for
from tests.waiting import RETRY_FOR_S

SHARD = "shardId-000000000000"
EXCEEDED = "Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000."
MIB = 1024 * 1024
SILENCE_S = 0.25
"""Longer than the server's tick."""


@pytest.fixture
def limited() -> Iterator[ClockedServer]:
    with clocked_server(enforce_limits=True) as server:
        yield server


@pytest.fixture
def client(limited: ClockedServer) -> Iterator[Any]:
    """A client that never retries, and a stream of one shard."""
    client = client_for(limited.endpoint_url)
    client.create_stream(StreamName="orders", ShardCount=1)
    limited.clock.advance_ms(TRANSITION_MS)
    yield client
    client.close()


def put(client: Any, size: int = 10) -> None:
    client.put_record(StreamName="orders", Data=b"x" * (size - 1), PartitionKey="k")


def put_many(client: Any, count: int, size: int = 10) -> dict[str, Any]:
    entry = {"Data": b"x" * (size - 1), "PartitionKey": "k"}
    answer: dict[str, Any] = client.put_records(StreamName="orders", Records=[entry] * count)
    return answer


def iterator(client: Any) -> str:
    answer = client.get_shard_iterator(StreamName="orders", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")
    return str(answer["ShardIterator"])


def reads_allowed(client: Any, at: str, attempts: int) -> int:
    refusals = []
    for _ in range(attempts):
        try:
            client.get_records(ShardIterator=at)
        except client.exceptions.ProvisionedThroughputExceededException as error:
            refusals.append(error.response["Error"]["Message"])
    assert set(refusals) <= {EXCEEDED}
    return attempts - len(refusals)


def test_a_shard_takes_a_thousand_records_a_second(client: Any, limited: ClockedServer) -> None:
    assert [put_many(client, 500)["FailedRecordCount"] for _ in range(3)] == [0, 0, 500]
    with pytest.raises(client.exceptions.ProvisionedThroughputExceededException) as refused:
        put(client)
    assert refused.value.response["Error"]["Message"] == EXCEEDED
    limited.clock.advance_ms(10)
    answer = put_many(client, 30)
    assert answer["FailedRecordCount"] == 20
    placed, failed = answer["Records"][:10], answer["Records"][10:]
    assert all(set(result) == {"SequenceNumber", "ShardId"} for result in placed)
    code = "ProvisionedThroughputExceededException"
    assert failed == [{"ErrorCode": code, "ErrorMessage": EXCEEDED}] * 20


def test_what_was_refused_was_not_stored(client: Any, limited: ClockedServer) -> None:
    put_many(client, 500)
    put_many(client, 500)
    put_many(client, 500)
    limited.clock.advance_ms(1)
    put(client)
    assert len(client.get_records(ShardIterator=iterator(client))["Records"]) == 1001


def test_a_shard_takes_a_mebibyte_a_second(client: Any, limited: ClockedServer) -> None:
    quarter = MIB // 4
    assert put_many(client, 5, quarter)["FailedRecordCount"] == 1
    limited.clock.advance_ms(250)
    assert put_many(client, 2, quarter)["FailedRecordCount"] == 1


def test_each_shard_has_its_own_rate(client: Any, limited: ClockedServer) -> None:
    client.split_shard(StreamName="orders", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    limited.clock.advance_ms(TRANSITION_MS)
    entries = [
        {"Data": b"", "PartitionKey": "k", "ExplicitHashKey": hash_key} for hash_key in ("0", str(2**127))
    ]
    for _ in range(4):
        answer = client.put_records(StreamName="orders", Records=entries * 250)
        assert answer["FailedRecordCount"] == 0
    assert client.put_records(StreamName="orders", Records=entries)["FailedRecordCount"] == 2


def test_records_that_take_turns_fill_every_shard(client: Any, limited: ClockedServer) -> None:
    mode = {"StreamMode": "ON_DEMAND"}
    client.create_stream(StreamName="turns", StreamModeDetails=mode, RecordDistributionStrategy="AUTO")
    limited.clock.advance_ms(TRANSITION_MS)
    entries = [{"Data": b"", "PartitionKey": "k"}] * 500
    failed = [client.put_records(StreamName="turns", Records=entries)["FailedRecordCount"] for _ in range(9)]
    assert failed == [0] * 8 + [500]  # four shards


def test_a_shard_answers_five_reads_a_second(client: Any, limited: ClockedServer) -> None:
    at = iterator(client)
    assert reads_allowed(client, at, 8) == 5
    limited.clock.advance_ms(199)
    assert reads_allowed(client, at, 1) == 0
    limited.clock.advance_ms(1)
    assert reads_allowed(client, at, 2) == 1


@pytest.mark.long
def test_a_page_of_ten_mebibytes_is_followed_by_five_seconds_of_refusals(
    client: Any, limited: ClockedServer
) -> None:
    for _ in range(12):
        put_many(client, 4, MIB // 4)
        limited.clock.advance_ms(1_000)
    at = iterator(client)
    size = sum(len(record["Data"]) + 1 for record in client.get_records(ShardIterator=at)["Records"])
    assert size == 10 * MIB
    limited.clock.advance_ms(4_999)
    assert reads_allowed(client, at, 1) == 0
    limited.clock.advance_ms(2)
    assert reads_allowed(client, at, 1) == 1


def test_a_consumer_is_pushed_two_mebibytes_a_second(client: Any, limited: ClockedServer) -> None:
    for _ in range(5):
        put(client, MIB)
        limited.clock.advance_ms(1_000)
    arn = client.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    limited.clock.advance_ms(TRANSITION_MS)
    subscription = client.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=SHARD, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    pushed: Queue[int] = Queue()

    def receive() -> None:
        for event in subscription["EventStream"]:
            pushed.put(len(event["SubscribeToShardEvent"]["Records"]))

    reader = Thread(target=receive)
    reader.start()
    for elapsed_ms, events in ((0, 2), (1, 1), (500, 1), (500, 1)):
        limited.clock.advance_ms(elapsed_ms)
        assert [pushed.get(timeout=RETRY_FOR_S) for _ in range(events)] == [1] * events
        with pytest.raises(Empty):
            pushed.get(timeout=SILENCE_S)
    limited.clock.advance_ms(300_000)  # the subscription ends
    reader.join(RETRY_FOR_S)
    assert not reader.is_alive()
    subscription["EventStream"].close()


@pytest.mark.long
def test_without_the_option_nothing_is_refused() -> None:
    with clocked_server() as server:
        client = client_for(server.endpoint_url)
        client.create_stream(StreamName="orders", ShardCount=1)
        server.clock.advance_ms(TRANSITION_MS)
        assert all(put_many(client, 500)["FailedRecordCount"] == 0 for _ in range(4))
        assert reads_allowed(client, iterator(client), 10) == 10
        client.close()


def test_operations_have_a_rate_of_their_own(client: Any, limited: ClockedServer) -> None:
    limited.clock.advance_ms(1_000)
    for _ in range(5):
        client.list_streams()
    with pytest.raises(client.exceptions.LimitExceededException) as refused:
        client.list_streams()
    assert refused.value.response["Error"]["Message"] == "Rate exceeded under account 000000000000."
    client.list_shards(StreamName="orders")
    limited.clock.advance_ms(200)
    client.list_streams()


def test_iterators_are_given_five_times_a_second_for_each_shard(client: Any, limited: ClockedServer) -> None:
    for _ in range(5):
        iterator(client)
    with pytest.raises(client.exceptions.ProvisionedThroughputExceededException) as refused:
        iterator(client)
    assert refused.value.response["Error"]["Message"] == EXCEEDED


def test_a_stream_has_one_rate_by_its_name_and_its_arn(client: Any, limited: ClockedServer) -> None:
    arn = client.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    for _ in range(5):
        client.list_stream_consumers(StreamARN=arn)
    with pytest.raises(client.exceptions.LimitExceededException) as refused:
        client.list_stream_consumers(StreamARN=arn)
    message = refused.value.response["Error"]["Message"]
    assert message == "Rate exceeded for stream orders under account 000000000000."


@pytest.mark.parametrize("name", sorted(CALL_RATES))
def test_the_error_of_a_rate_is_one_of_the_operations(name: str) -> None:
    assert OPERATIONS[name].handler is not None
    assert CALL_RATES[name].error.code in api_model().operations[name].errors


def test_what_is_taken_is_exact_to_the_millisecond(client: Any, limited: ClockedServer) -> None:
    put_many(client, 500)
    put_many(client, 500)
    for elapsed_ms in (1, 2, 7):
        limited.clock.advance_ms(elapsed_ms)
        answer = put_many(client, 20)
        assert answer["FailedRecordCount"] == 20 - elapsed_ms


def test_a_clock_that_is_set_back_does_not_stop_a_shard(client: Any, limited: ClockedServer) -> None:
    put_many(client, 500)
    put_many(client, 500)
    limited.clock.set_ms(limited.clock.now_ms() - 3_600_000)
    assert put_many(client, 5)["FailedRecordCount"] == 5
    limited.clock.advance_ms(1_000)
    assert put_many(client, 500)["FailedRecordCount"] == 0


def test_a_record_larger_than_a_second_is_taken_and_paid_for(limited: ClockedServer) -> None:
    client = client_for(limited.endpoint_url)
    client.create_stream(StreamName="orders", ShardCount=1, MaxRecordSizeInKiB=10_240)
    limited.clock.advance_ms(TRANSITION_MS)
    put(client, 4 * MIB)
    limited.clock.advance_ms(3_000)
    with pytest.raises(client.exceptions.ProvisionedThroughputExceededException):
        put(client)
    limited.clock.advance_ms(1)
    put(client)
    client.close()


ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
CONSUMER_ARN = f"{ARN}/consumer/reader:1795000000"
QUEUE_ARN = f"arn:aws:kinesis:us-east-1:000000000000:queue/{'0' * 32}"
CHANNEL_ARN = f"arn:aws:kinesis:us-east-1:000000000000:channel/{'0' * 32}"
REQUESTS: dict[str, dict[str, Any]] = {
    "AddTagsToStream": {"StreamName": "orders", "Tags": {"a": "b"}},
    "CreateChannel": {
        "ChannelName": "lake",
        "ServiceExecutionRoleARN": "arn:aws:iam::000000000000:role/any",
        "StreamConfigurationList": [{"StreamARN": ARN, "RecordConfiguration": {"RecordFormatType": "JSON"}}],
    },
    "CreateQueue": {"QueueName": "work", "StreamConfigurationList": [{"StreamARN": ARN}]},
    "CreateStream": {"StreamName": "orders", "ShardCount": 1},
    "DeleteChannel": {"ChannelARN": CHANNEL_ARN},
    "DeleteQueue": {"QueueARN": QUEUE_ARN},
    "DeleteStream": {"StreamName": "absent"},
    "DeregisterStreamConsumer": {"ConsumerARN": CONSUMER_ARN},
    "DescribeAccountSettings": {},
    "DescribeLimits": {},
    "DescribeChannel": {"ChannelARN": CHANNEL_ARN},
    "DescribeQueue": {"QueueARN": QUEUE_ARN},
    "DescribeStream": {"StreamName": "orders"},
    "DescribeStreamConsumer": {"ConsumerARN": CONSUMER_ARN},
    "DescribeStreamSummary": {"StreamName": "orders"},
    "GetShardIterator": {"StreamName": "orders", "ShardId": SHARD, "ShardIteratorType": "LATEST"},
    "ListChannels": {},
    "ListQueues": {},
    "ListShards": {"StreamName": "orders"},
    "ListStreamConsumers": {"StreamARN": ARN},
    "ListStreams": {},
    "ListTagsForStream": {"StreamName": "orders"},
    "MergeShards": {"StreamName": "orders", "ShardToMerge": SHARD, "AdjacentShardToMerge": SHARD},
    "RegisterStreamConsumer": {"StreamARN": ARN, "ConsumerName": "reader"},
    "RemoveTagsFromStream": {"StreamName": "orders", "TagKeys": ["a"]},
    "SplitShard": {"StreamName": "orders", "ShardToSplit": SHARD, "NewStartingHashKey": "0"},
    "SubscribeToShard": {
        "ConsumerARN": CONSUMER_ARN,
        "ShardId": SHARD,
        "StartingPosition": {"Type": "LATEST"},
    },
    "UpdateAccountSettings": {"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}},
    "UpdateChannel": {"ChannelARN": CHANNEL_ARN},
    "UpdateQueue": {"QueueARN": QUEUE_ARN, "QueueAttributes": {}},
    "UpdateShardCount": {"StreamName": "orders", "TargetShardCount": 1, "ScalingType": "UNIFORM_SCALING"},
    "UpdateStreamWarmThroughput": {"StreamName": "orders", "WarmThroughputMiBps": 1},
}
"""A valid request of each operation that has a rate, whatever comes of it."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if CALL_RATES[name].calls_per_s > 20 else ())
        for name in sorted(CALL_RATES)
    ],
)
def test_an_operation_is_called_as_often_as_its_rate_has_it(
    client: Any, limited: ClockedServer, name: str
) -> None:
    limited.clock.advance_ms(1_000)
    rate = CALL_RATES[name].calls_per_s
    call = getattr(client, xform_name(name))
    messages = [message_of(call, REQUESTS[name]) for _ in range(rate + 1)]
    assert not any(message.startswith("Rate exceeded") for message in messages[:rate])
    assert messages[rate].startswith("Rate exceeded")
    limited.clock.advance_ms(1000 // rate)
    assert not message_of(call, REQUESTS[name]).startswith("Rate exceeded")


def message_of(call: Any, request: dict[str, Any]) -> str:
    """The message of the error that a call ends with, if it does."""
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    return ""
