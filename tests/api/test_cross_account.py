"""What callers of other accounts may do, on a server that knows its callers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import time_ns
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.api.clocked_server import TRANSITION_MS, ClockedServer, clocked_server
from tests.api.consumers import active_consumer
from tests.api.policies import NO_POLICY, policy_of
from tests.api.refusals import refusal
from tests.api.streams import shard_id

OWNER, FRIEND, STRANGER = "000000000000", "111122223333", "444455556666"
REGION = "us-east-1"
_stream_numbers = count()


@pytest.fixture(scope="module")
def verifying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    """A server that knows one key of each account."""
    path: Path = tmp_path_factory.mktemp("verifying") / "credentials"
    path.touch(mode=0o600)
    for account_id in (OWNER, FRIEND, STRANGER):
        with path.open("a") as file:
            file.write(
                f"[{account_id}]\naws_access_key_id = AKID{account_id}\n"
                f"aws_secret_access_key = secret/{account_id}\naws_account_id = {account_id}\n"
            )
    with clocked_server(time_ns() // 1_000_000, credentials=path) as server:
        yield server


@pytest.fixture
def client_for(verifying: ClockedServer) -> Iterator[Callable[..., Any]]:
    clients = []

    def make(account_id: str, region: str = REGION) -> Any:
        client = boto3.client(
            "kinesis",
            endpoint_url=verifying.endpoint_url,
            region_name=region,
            aws_access_key_id=f"AKID{account_id}",
            aws_secret_access_key=f"secret/{account_id}",
            config=Config(retries={"total_max_attempts": 1}),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def owner(client_for: Callable[..., Any]) -> Any:
    return client_for(OWNER)


@pytest.fixture
def friend(client_for: Callable[..., Any]) -> Any:
    return client_for(FRIEND)


@pytest.fixture
def stranger(client_for: Callable[..., Any]) -> Any:
    return client_for(STRANGER)


@pytest.fixture
def settle(verifying: ClockedServer) -> Callable[[], None]:
    return lambda: verifying.clock.advance_ms(TRANSITION_MS)


@pytest.fixture
def orders_arn(owner: Any, settle: Callable[[], None]) -> str:
    """A stream of two shards that no other test has."""
    name = f"orders-{next(_stream_numbers)}"
    owner.create_stream(StreamName=name, ShardCount=2)
    settle()
    return f"arn:aws:kinesis:{REGION}:{OWNER}:stream/{name}"


def share(owner: Any, arn: str, *actions: str, effect: str = "Allow", **more: Any) -> None:
    """Let the friend's account do this with the resource, or keep it from it."""
    statement = {
        "Effect": effect,
        "Principal": {"AWS": FRIEND},
        "Action": [f"kinesis:{action}" for action in actions],
        "Resource": arn,
        **more,
    }
    owner.put_resource_policy(ResourceARN=arn, Policy=policy_of(statement))


def not_allowed(action: str, arn: str, account_id: str = FRIEND) -> tuple[str, str]:
    return "AccessDeniedException", (
        f"User: arn:aws:iam::{account_id}:root is not authorized to perform: kinesis:{action} "
        f"on resource: {arn} because no resource-based policy allows the kinesis:{action} action"
    )


def denied(action: str, arn: str) -> tuple[str, str]:
    return "AccessDeniedException", (
        f"User: arn:aws:iam::{FRIEND}:root is not authorized to perform: kinesis:{action} "
        f"on resource: {arn} with an explicit deny in a resource-based policy"
    )


PUT: dict[str, Any] = {"Data": b"x", "PartitionKey": "k"}


def test_without_a_policy_nobody_else_is_let_in(friend: Any, orders_arn: str) -> None:
    assert refusal(friend.put_record, StreamARN=orders_arn, **PUT) == not_allowed("PutRecord", orders_arn)


def test_a_stream_that_does_not_exist_cannot_be_told_from_one_that_is_not_shared(friend: Any) -> None:
    arn = f"arn:aws:kinesis:{REGION}:{OWNER}:stream/nothing"
    assert refusal(friend.put_record, StreamARN=arn, **PUT) == not_allowed("PutRecord", arn)
    assert refusal(friend.describe_stream_consumer, ConsumerARN=f"{arn}/consumer/c:1") == not_allowed(
        "DescribeStreamConsumer", f"{arn}/consumer/c:1"
    )


def test_a_policy_lets_in_whom_it_names_for_what_it_names(
    owner: Any, friend: Any, stranger: Any, orders_arn: str
) -> None:
    share(owner, orders_arn, "PutRecord", "PutRecords")
    placed = friend.put_record(StreamARN=orders_arn, **PUT)
    assert placed["ShardId"]
    assert friend.put_records(StreamARN=orders_arn, Records=[PUT])["FailedRecordCount"] == 0
    assert refusal(friend.list_shards, StreamARN=orders_arn) == not_allowed("ListShards", orders_arn)
    assert refusal(stranger.put_record, StreamARN=orders_arn, **PUT) == not_allowed(
        "PutRecord", orders_arn, STRANGER
    )


def test_an_explicit_deny_is_told_as_one(owner: Any, friend: Any, orders_arn: str) -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "kinesis:*", "Resource": "*"}
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": f"arn:aws:iam::{FRIEND}:root"},
        "Action": "kinesis:Put*",
        "Resource": orders_arn,
    }
    owner.put_resource_policy(ResourceARN=orders_arn, Policy=policy_of([allow, deny]))
    assert refusal(friend.put_record, StreamARN=orders_arn, **PUT) == denied("PutRecord", orders_arn)
    assert friend.list_shards(StreamARN=orders_arn)["Shards"]


def test_a_condition_is_looked_at(owner: Any, friend: Any, orders_arn: str) -> None:
    share(owner, orders_arn, "ListShards", Condition={"StringEquals": {"aws:PrincipalAccount": STRANGER}})
    assert refusal(friend.list_shards, StreamARN=orders_arn) == not_allowed("ListShards", orders_arn)
    share(owner, orders_arn, "ListShards", Condition={"StringEquals": {"aws:PrincipalAccount": FRIEND}})
    assert friend.list_shards(StreamARN=orders_arn)["Shards"]


def test_a_policy_that_is_taken_away_lets_nobody_in(owner: Any, friend: Any, orders_arn: str) -> None:
    share(owner, orders_arn, "ListShards")
    friend.list_shards(StreamARN=orders_arn)
    owner.delete_resource_policy(ResourceARN=orders_arn)
    assert refusal(friend.list_shards, StreamARN=orders_arn) == not_allowed("ListShards", orders_arn)


def test_records_are_read_across_accounts_when_the_stream_is_named(
    owner: Any, friend: Any, orders_arn: str
) -> None:
    share(owner, orders_arn, "GetShardIterator", "GetRecords")
    owner.put_record(StreamARN=orders_arn, ExplicitHashKey="0", **PUT)
    start = {"StreamARN": orders_arn, "ShardId": shard_id(0), "ShardIteratorType": "TRIM_HORIZON"}
    iterator = friend.get_shard_iterator(**start)["ShardIterator"]
    page = friend.get_records(ShardIterator=iterator, StreamARN=orders_arn)
    assert [record["Data"] for record in page["Records"]] == [b"x"]
    following = friend.get_records(ShardIterator=page["NextShardIterator"], StreamARN=orders_arn)
    assert following["Records"] == []
    assert refusal(friend.get_records, ShardIterator=iterator) == (
        "InvalidArgumentException",
        "Invalid ShardIterator.",
    )
    share(owner, orders_arn, "GetShardIterator")
    assert refusal(friend.get_records, ShardIterator=iterator, StreamARN=orders_arn) == not_allowed(
        "GetRecords", orders_arn
    )


def test_an_iterator_does_not_open_another_stream(
    owner: Any, friend: Any, orders_arn: str, settle: Callable[[], None]
) -> None:
    share(owner, orders_arn, "GetRecords")
    other_name = f"{orders_arn.rpartition('/')[2]}-other"
    owner.create_stream(StreamName=other_name, ShardCount=1)
    settle()
    iterator = owner.get_shard_iterator(
        StreamName=other_name, ShardId=shard_id(0), ShardIteratorType="LATEST"
    )["ShardIterator"]
    assert refusal(friend.get_records, ShardIterator=iterator, StreamARN=orders_arn) == (
        "InvalidArgumentException",
        f"The ShardIterator is not one of {orders_arn}.",
    )


def test_a_listing_of_shards_goes_on_across_accounts(
    owner: Any, friend: Any, stranger: Any, orders_arn: str
) -> None:
    share(owner, orders_arn, "ListShards")
    first = friend.list_shards(StreamARN=orders_arn, MaxResults=1)
    second = friend.list_shards(NextToken=first["NextToken"])
    assert [shard["ShardId"] for shard in first["Shards"] + second["Shards"]] == [shard_id(0), shard_id(1)]
    assert refusal(stranger.list_shards, NextToken=first["NextToken"]) == not_allowed(
        "ListShards", orders_arn, STRANGER
    )
    assert refusal(friend.list_shards, NextToken="nothing") == (
        "InvalidArgumentException",
        "Invalid NextToken.",
    )


def test_a_consumer_has_a_policy_of_its_own(
    owner: Any, friend: Any, orders_arn: str, settle: Callable[[], None]
) -> None:
    consumer_arn = active_consumer(owner, settle, orders_arn)
    share(owner, orders_arn, "ListShards")
    assert refusal(friend.describe_stream_consumer, ConsumerARN=consumer_arn) == not_allowed(
        "DescribeStreamConsumer", consumer_arn
    )
    share(owner, consumer_arn, "DescribeStreamConsumer", "SubscribeToShard")
    described = friend.describe_stream_consumer(ConsumerARN=consumer_arn)["ConsumerDescription"]
    assert described["ConsumerARN"] == consumer_arn
    subscribed = friend.subscribe_to_shard(
        ConsumerARN=consumer_arn, ShardId=shard_id(0), StartingPosition={"Type": "TRIM_HORIZON"}
    )
    owner.put_record(StreamARN=orders_arn, ExplicitHashKey="0", **PUT)
    events = (event["SubscribeToShardEvent"]["Records"] for event in subscribed["EventStream"])
    assert next(records for records in events if records)[0]["Data"] == b"x"
    subscribed["EventStream"].close()
    assert refusal(friend.deregister_stream_consumer, ConsumerARN=consumer_arn) == not_allowed(
        "DeregisterStreamConsumer", consumer_arn
    )


def test_a_consumer_named_by_its_stream_falls_under_the_policy_of_the_stream(
    owner: Any, friend: Any, orders_arn: str, settle: Callable[[], None]
) -> None:
    share(owner, orders_arn, "RegisterStreamConsumer", "DescribeStreamConsumer")
    consumer_arn = active_consumer(friend, settle, orders_arn)
    assert consumer_arn.startswith(f"{orders_arn}/consumer/reader:")
    named = {"StreamARN": orders_arn, "ConsumerName": "reader"}
    assert friend.describe_stream_consumer(**named)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    assert refusal(friend.deregister_stream_consumer, **named) == not_allowed(
        "DeregisterStreamConsumer", orders_arn
    )


def test_only_the_owner_manages_a_stream_whatever_its_policy_says(
    owner: Any, friend: Any, orders_arn: str
) -> None:
    share(owner, orders_arn, "*")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kinesis:*"}
    for method, action, members in (
        (friend.delete_stream, "DeleteStream", {"StreamARN": orders_arn}),
        (friend.get_resource_policy, "GetResourcePolicy", {"ResourceARN": orders_arn}),
        (friend.delete_resource_policy, "DeleteResourcePolicy", {"ResourceARN": orders_arn}),
        (friend.list_tags_for_resource, "ListTagsForResource", {"ResourceARN": orders_arn}),
        (
            friend.put_resource_policy,
            "PutResourcePolicy",
            {"ResourceARN": orders_arn, "Policy": policy_of(statement)},
        ),
    ):
        assert refusal(method, **members) == not_allowed(action, orders_arn)
    assert json.loads(owner.get_resource_policy(ResourceARN=orders_arn)["Policy"])["Statement"] != statement


def test_the_owner_needs_no_policy_and_fears_none(owner: Any, orders_arn: str) -> None:
    assert owner.get_resource_policy(ResourceARN=orders_arn)["Policy"] == NO_POLICY
    owner.put_record(StreamARN=orders_arn, **PUT)
    share(owner, orders_arn, "PutRecord", effect="Deny", Principal="*")
    owner.put_record(StreamARN=orders_arn, **PUT)


def test_a_name_alone_is_a_stream_of_ones_own(owner: Any, friend: Any, orders_arn: str) -> None:
    share(owner, orders_arn, "DescribeStreamSummary")
    name = orders_arn.rpartition("/")[2]
    assert refusal(friend.describe_stream_summary, StreamName=name) == (
        "ResourceNotFoundException",
        f"Stream {name} under account {FRIEND} not found.",
    )
    assert (
        friend.describe_stream_summary(StreamARN=orders_arn)["StreamDescriptionSummary"]["StreamName"] == name
    )
    assert friend.list_streams()["StreamNames"] == []


def test_a_stream_of_another_region_is_not_here(
    owner: Any, client_for: Callable[..., Any], orders_arn: str
) -> None:
    share(owner, orders_arn, "ListShards")
    name = orders_arn.rpartition("/")[2]
    elsewhere = client_for(FRIEND, "eu-west-1")
    assert refusal(elsewhere.list_shards, StreamARN=orders_arn) == (
        "ResourceNotFoundException",
        f"Stream {name} under account {OWNER} not found.",
    )


def test_a_policy_shares_the_records_of_a_queue(
    verifying: ClockedServer, client_for: Callable[..., Any]
) -> None:
    owner, friend, stranger = (client_for(account_id) for account_id in (OWNER, FRIEND, STRANGER))
    name = f"queued-{next(_stream_numbers)}"
    owner.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    verifying.clock.advance_ms(TRANSITION_MS)
    stream_arn = owner.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    configuration = [{"StreamARN": stream_arn}]
    answer = refusal(friend.create_queue, QueueName=name, StreamConfigurationList=configuration)
    assert answer[0] == "AccessDeniedException"
    queue = owner.create_queue(QueueName=name, StreamConfigurationList=configuration)["QueueDescription"]
    verifying.clock.advance_ms(TRANSITION_MS)
    arn = queue["QueueARN"]
    statement = {
        "Sid": "share",
        "Effect": "Allow",
        "Principal": {"AWS": FRIEND},
        "Action": ["kinesis:ReceiveQueueRecords", "kinesis:AcknowledgeQueueRecords"],
        "Resource": arn,
    }
    owner.put_resource_policy(ResourceARN=arn, Policy=policy_of(statement))
    owner.put_record(StreamName=name, Data=b"apple", PartitionKey="a")
    (record,) = friend.receive_queue_records(QueueARN=arn)["QueueRecords"]
    entries = [{"ReceiptHandle": record["ReceiptHandle"]}]
    assert friend.acknowledge_queue_records(QueueARN=arn, Entries=entries)["Successful"] == entries
    assert refusal(friend.describe_queue, QueueARN=arn)[0] == "AccessDeniedException"
    assert refusal(stranger.receive_queue_records, QueueARN=arn)[0] == "AccessDeniedException"
