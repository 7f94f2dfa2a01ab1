"""boto3 through two gateways, each request sent to the other one: as if there were one server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config

from tests.storage.kafka.gateways import Gateway
from tests.waiting import awaited, wait_until

pytestmark = pytest.mark.long


async def _all_ready(gateways: list[Gateway]) -> None:
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(gateway.ready(session) for gateway in gateways))


def _client(gateway: Gateway) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=f"http://127.0.0.1:{gateway.port}",
        region_name="eu-central-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="unused",
        config=Config(retries={"max_attempts": 0}),
    )


Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def gateways(module_store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    logs = tmp_path_factory.mktemp("gateways")
    found = [Gateway(module_store_url, logs / f"gateway-{at}.log") for at in range(2)]
    for gateway in found:
        gateway.start()
    asyncio.run(_all_ready(found))
    yield found
    for gateway in found:
        gateway.kill()


@pytest.fixture
def call(gateways: list[Gateway]) -> Iterator[Call]:
    """Calls an operation, of one gateway and the other in turn."""
    clients = [_client(gateway) for gateway in gateways]
    turns = cycle(clients)

    def ask(operation: str, **members: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(next(turns), operation)(**members)
        return answer

    yield ask
    for client in clients:
        client.close()


@pytest.fixture
def stream(call: Call, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"orders-{abs(hash(request.node.name))}"
    call("create_stream", StreamName=name, ShardCount=2)
    wait_until(lambda: status(call, name) == "ACTIVE")
    yield name
    call("delete_stream", StreamName=name, EnforceConsumerDeletion=True)
    wait_until(lambda: name not in call("list_streams")["StreamNames"])


def status(call: Call, name: str) -> str:
    summary = call("describe_stream_summary", StreamName=name)["StreamDescriptionSummary"]
    return str(summary["StreamStatus"])


def iterator(call: Call, name: str, shard: str, kind: str, **members: Any) -> str:
    answer = call("get_shard_iterator", StreamName=name, ShardId=shard, ShardIteratorType=kind, **members)
    return str(answer["ShardIterator"])


def test_records_keep_their_order_and_numbers(call: Call, stream: str) -> None:
    placed = [
        call("put_record", StreamName=stream, Data=b"%d" % at, PartitionKey="alice") for at in range(20)
    ]
    (shard,) = {answer["ShardId"] for answer in placed}
    read = call("get_records", ShardIterator=iterator(call, stream, shard, "TRIM_HORIZON"))["Records"]
    assert [record["Data"] for record in read] == [b"%d" % at for at in range(20)]
    assert [r["SequenceNumber"] for r in read] == [answer["SequenceNumber"] for answer in placed]
    third = placed[2]["SequenceNumber"]
    for kind, first in (("AT_SEQUENCE_NUMBER", b"2"), ("AFTER_SEQUENCE_NUMBER", b"3")):
        token = iterator(call, stream, shard, kind, StartingSequenceNumber=third)
        assert call("get_records", ShardIterator=token, Limit=1)["Records"][0]["Data"] == first
    moment = read[0]["ApproximateArrivalTimestamp"]
    token = iterator(call, stream, shard, "AT_TIMESTAMP", Timestamp=moment)
    assert call("get_records", ShardIterator=token)["Records"][0]["Data"] == b"0"
    assert call("get_records", ShardIterator=iterator(call, stream, shard, "LATEST"))["Records"] == []


def test_a_reshard_is_seen_at_once_and_read_to_its_end(call: Call, stream: str) -> None:
    records = [{"Data": b"%d" % at, "PartitionKey": str(at)} for at in range(500)]
    assert call("put_records", StreamName=stream, Records=records)["FailedRecordCount"] == 0
    call("update_shard_count", StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    wait_until(lambda: status(call, stream) == "ACTIVE")
    assert call("put_records", StreamName=stream, Records=records)["FailedRecordCount"] == 0
    shards = call("list_shards", StreamName=stream)["Shards"]
    assert len(shards) == 6
    found: dict[str, list[bytes]] = {}
    for shard in shards:
        token = iterator(call, stream, shard["ShardId"], "TRIM_HORIZON")
        answer = call("get_records", ShardIterator=token)
        found[shard["ShardId"]] = [record["Data"] for record in answer["Records"]]
        assert ("ChildShards" in answer) == ("EndingSequenceNumber" in shard["SequenceNumberRange"])
    parents, children = list(found.values())[:2], list(found.values())[2:]
    for half in (parents, children):
        assert sorted(data for datas in half for data in datas) == sorted(b"%d" % at for at in range(500))


def test_pages_of_lists_go_on_at_the_other_gateway(call: Call, stream: str) -> None:
    first = call("list_shards", StreamName=stream, MaxResults=1)
    second = call("list_shards", NextToken=first["NextToken"])
    assert [shard["ShardId"][-1] for shard in first["Shards"] + second["Shards"]] == ["0", "1"]


def test_settings_of_a_stream_are_one(call: Call, stream: str) -> None:
    for at in range(10):
        call("add_tags_to_stream", StreamName=stream, Tags={f"tag-{at}": "x"})
        assert len(call("list_tags_for_stream", StreamName=stream)["Tags"]) == at + 1
    call("increase_stream_retention_period", StreamName=stream, RetentionPeriodHours=48)
    described = call("describe_stream", StreamName=stream)["StreamDescription"]
    assert described["RetentionPeriodHours"] == 48


def test_a_consumer_is_pushed_what_another_gateway_takes(call: Call, stream: str) -> None:
    arn = call("describe_stream_summary", StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    consumer = call("register_stream_consumer", StreamARN=arn, ConsumerName="billing")["Consumer"]

    def is_active() -> bool:
        answer = call("describe_stream_consumer", ConsumerARN=consumer["ConsumerARN"])
        return bool(answer["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE")

    wait_until(is_active)
    shard = call("put_record", StreamName=stream, Data=b"before", PartitionKey="alice")["ShardId"]
    answer = call(
        "subscribe_to_shard",
        ConsumerARN=consumer["ConsumerARN"],
        ShardId=shard,
        StartingPosition={"Type": "TRIM_HORIZON"},
    )
    events = iter(answer["EventStream"])
    pushed: list[bytes] = []

    def next_records() -> list[bytes]:
        pushed.extend(record["Data"] for record in next(events)["SubscribeToShardEvent"]["Records"])
        return pushed

    awaited(lambda: next_records() == [b"before"])
    for _ in range(2):
        call("put_record", StreamName=stream, Data=b"after", PartitionKey="alice")
    awaited(lambda: next_records() == [b"before", b"after", b"after"])
    answer["EventStream"].close()


def test_what_is_gone_is_gone_at_both(call: Call) -> None:
    call("create_stream", StreamName="short-lived", ShardCount=1)
    wait_until(lambda: status(call, "short-lived") == "ACTIVE")
    call("put_record", StreamName="short-lived", Data=b"x", PartitionKey="alice")
    call("delete_stream", StreamName="short-lived")
    wait_until(lambda: "short-lived" not in call("list_streams")["StreamNames"])
    for _ in range(2):
        with pytest.raises(Exception, match="ResourceNotFoundException"):
            call("put_record", StreamName="short-lived", Data=b"x", PartitionKey="alice")


@pytest.fixture
def queue(call: Call) -> Iterator[str]:
    """The ARN of a queue from the first record of a stream `jobs` on."""
    call("create_stream", StreamName="jobs", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_until(lambda: status(call, "jobs") == "ACTIVE")
    stream_arn = call("describe_stream_summary", StreamName="jobs")["StreamDescriptionSummary"]["StreamARN"]
    made = call(
        "create_queue",
        QueueName="work",
        StreamConfigurationList=[
            {"StreamARN": stream_arn, "StartingPosition": {"Type": "TRIM_HORIZON"}},
        ],
        QueueAttributes={
            "VisibilityTimeoutSeconds": 60,
            "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1},
        },
    )
    arn: str = made["QueueDescription"]["QueueARN"]

    def is_active() -> bool:
        answer = call("describe_queue", QueueARN=arn)["QueueDescription"]
        return bool(answer["QueueStatus"] == "ACTIVE")

    wait_until(is_active)
    yield arn
    call("delete_queue", QueueARN=arn)
    wait_until(lambda: not call("list_queues")["QueueSummaries"])
    call("delete_stream", StreamName="jobs")
    wait_until(lambda: "jobs" not in call("list_streams")["StreamNames"])


def _entries(records: list[dict[str, Any]], **members: Any) -> list[dict[str, Any]]:
    return [{"ReceiptHandle": record["ReceiptHandle"], **members} for record in records]


def test_a_queue_hands_out_each_record_once_and_takes_its_receipts_at_the_other_gateway(
    call: Call, queue: str
) -> None:
    put = [b"%d" % at for at in range(60)]
    records = [{"Data": data, "PartitionKey": data.decode()} for data in put]
    call("put_records", StreamName="jobs", Records=records)
    received: list[bytes] = []
    while len(received) < len(put):
        answer = call("receive_queue_records", QueueARN=queue, WaitTimeSeconds=5)["QueueRecords"]
        received += [record["Data"] for record in answer]
        if answer:
            done = call("acknowledge_queue_records", QueueARN=queue, Entries=_entries(answer))
            assert done["Failed"] == []
    assert sorted(received) == sorted(put)
    for _ in range(2):
        answer = call("receive_queue_records", QueueARN=queue, WaitTimeSeconds=1)
        assert answer["QueueRecords"] == []


def test_a_dead_letter_goes_its_way_through_both_gateways(call: Call, queue: str) -> None:
    call("put_record", StreamName="jobs", Data=b"x", PartitionKey="alice")
    (record,) = call("receive_queue_records", QueueARN=queue, WaitTimeSeconds=20)["QueueRecords"]
    hidden = _entries([record], VisibilityTimeoutSeconds=0)
    assert call("update_queue_records_visibility", QueueARN=queue, Entries=hidden)["Failed"] == []
    (dead,) = call("receive_dead_letter_queue_records", QueueARN=queue, WaitTimeSeconds=20)["QueueRecords"]
    assert dead["RecordId"] == record["RecordId"]
    hidden = _entries([dead], VisibilityTimeoutSeconds=30)
    changed = call("update_dead_letter_queue_records_visibility", QueueARN=queue, Entries=hidden)
    assert changed["Failed"] == []
    restored = call("restore_dead_letter_queue_records", QueueARN=queue, Entries=_entries([dead]))
    assert restored["Failed"] == []
    (again,) = call("receive_queue_records", QueueARN=queue, WaitTimeSeconds=20)["QueueRecords"]
    assert (again["Data"], again["ReceiveCount"]) == (b"x", 1)
    hidden = _entries([again], VisibilityTimeoutSeconds=0)
    call("update_queue_records_visibility", QueueARN=queue, Entries=hidden)
    (dead,) = call("receive_dead_letter_queue_records", QueueARN=queue, WaitTimeSeconds=20)["QueueRecords"]
    done = call("acknowledge_dead_letter_queue_records", QueueARN=queue, Entries=_entries([dead]))
    assert done["Failed"] == []


def test_who_waits_at_one_gateway_hears_of_a_record_that_the_other_takes(
    gateways: list[Gateway], call: Call, queue: str
) -> None:
    asked = _client(gateways[0])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(asked.receive_queue_records, QueueARN=queue, WaitTimeSeconds=20)
        putting = _client(gateways[1])
        putting.put_record(StreamName="jobs", Data=b"x", PartitionKey="alice")
        (record,) = waiting.result()["QueueRecords"]
    done = call("acknowledge_queue_records", QueueARN=queue, Entries=_entries([record]))
    assert done["Failed"] == []
    asked.close()
    putting.close()


def test_a_service_that_is_not_there_says_how_to_have_it(gateways: list[Gateway]) -> None:
    client = boto3.client(
        "cloudformation",
        endpoint_url=f"http://127.0.0.1:{gateways[0].port}",
        region_name="eu-central-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="unused",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(Exception, match="--forward-to names one that has them for all"):
        client.list_stacks()
    client.close()
