"""Faults on purpose, as a consumer's or producer's tests meet them through the real SDK."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EventStreamError, ReadTimeoutError
from urllib3.exceptions import ProtocolError

from headwater.testing import Headwater, ServerFault
from headwater.testing.admin_client import AdminFailure
from tests.server.http.http2_peer import Http2Peer
from tests.waiting import RETRY_FOR_S

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
LOW, HIGH = "0", str(2**127)
"""Hash keys of the two shards."""
CREDENTIAL = "Credential=test/20261120/us-east-1/kinesis/aws4_request"
JSON_HEADERS = (
    ("content-type", "application/x-amz-json-1.1"),
    ("authorization", f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature=00"),
    ("x-amz-date", "20261120T000000Z"),
)


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater() as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    """A server with the stream `orders` of two shards."""
    running.reset()
    running.clock.restore()
    kinesis = running.client()
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    return running


@pytest.fixture
def kinesis(server: Headwater) -> Any:
    """A client with the SDK's own retries."""
    return server.client()


@pytest.fixture
def once(server: Headwater) -> Any:
    """A client that never retries."""
    return server.client(config=Config(retries={"total_max_attempts": 1}, read_timeout=RETRY_FOR_S))


def put(kinesis: Any, data: bytes = b"apple", key: str = "alice", hash_key: str = LOW) -> Any:
    return kinesis.put_record(StreamName="orders", Data=data, PartitionKey=key, ExplicitHashKey=hash_key)


def put_many(kinesis: Any, *keys: str, hash_keys: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The results of a PutRecords call with a record for each key, whose data is its key."""
    entries = [{"Data": key.encode(), "PartitionKey": key, "ExplicitHashKey": LOW} for key in keys]
    for entry, hash_key in zip(entries, hash_keys, strict=False):
        entry["ExplicitHashKey"] = hash_key
    answer = kinesis.put_records(StreamName="orders", Records=entries)
    results: list[dict[str, Any]] = answer["Records"]
    assert answer["FailedRecordCount"] == sum("ErrorCode" in result for result in results)
    return results


def iterator(kinesis: Any, shard: str = FIRST) -> str:
    answer = kinesis.get_shard_iterator(StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return str(answer["ShardIterator"])


def stored(kinesis: Any, shard: str = FIRST) -> list[bytes]:
    records = kinesis.get_records(ShardIterator=iterator(kinesis, shard))["Records"]
    return [record["Data"] for record in records]


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result.get("ErrorCode") for result in results]


# Errors


def test_an_error_comes_the_next_n_times_and_the_sdk_gets_over_it(server: Headwater, kinesis: Any) -> None:
    with server.faults.error("PutRecord", "ProvisionedThroughputExceededException", times=2) as fault:
        assert put(kinesis)["ResponseMetadata"]["RetryAttempts"] == 2
        assert (fault.matched, fault.fired) == (3, 2)
    assert stored(kinesis) == [b"apple"]


def test_an_error_has_aws_text_or_ones_own(server: Headwater, once: Any) -> None:
    with (
        server.faults.error("PutRecord", "ProvisionedThroughputExceededException"),
        pytest.raises(once.exceptions.ProvisionedThroughputExceededException) as caught,
    ):
        put(once)
    text = "Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000."
    assert caught.value.response["Error"]["Message"] == text
    two = [{"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": key} for key in (LOW, HIGH)]
    with (
        server.faults.error("PutRecords", "ProvisionedThroughputExceededException", shard=SECOND),
        pytest.raises(once.exceptions.ProvisionedThroughputExceededException, match=SECOND),
    ):
        once.put_records(StreamName="orders", Records=two)
    with (
        server.faults.error("PutRecord", "KMSDisabledException", message="The key is asleep."),
        pytest.raises(once.exceptions.KMSDisabledException, match=r"The key is asleep\."),
    ):
        put(once)
    with server.faults.error() as fault, pytest.raises(ClientError, match=f"Asked for by fault {fault.id}"):
        put(once)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("ThrottlingException", 400),
        ("RequestTimeoutException", 408),
        ("NotAuthorized", 401),
        ("OptInRequired", 403),
        ("RequestEntityTooLargeException", 413),
        ("ResourceNotFoundException", 400),
    ],
)
def test_an_error_has_its_status(server: Headwater, once: Any, code: str, status: int) -> None:
    with server.faults.error("DescribeStreamSummary", code), pytest.raises(ClientError) as caught:
        once.describe_stream_summary(StreamName="orders")
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_request_that_is_wrong_is_told_so_first(server: Headwater, once: Any) -> None:
    with server.faults.error("PutRecord") as fault:
        assert code_of(lambda: put(once, key="k" * 257)) == "ValidationException"
        assert fault.matched == 0


def test_a_rule_is_about_its_stream_shard_and_key_only(server: Headwater, once: Any) -> None:
    once.create_stream(StreamName="payments", ShardCount=1)
    server.faults.error("PutRecord", stream="payments")
    put(once)
    server.faults.error("PutRecord", stream="orders", shard=SECOND)
    put(once)
    assert code_of(lambda: put(once, hash_key=HIGH)) == "InternalFailure"
    server.faults.error("PutRecord", partition_key="bob")
    put(once)
    assert code_of(lambda: put(once, key="bob")) == "InternalFailure"


def test_a_rule_for_a_shard_knows_every_way_of_naming_one(server: Headwater, once: Any) -> None:
    first, second = iterator(once), iterator(once, SECOND)
    server.faults.error(shard=SECOND, stream="orders")
    assert once.get_records(ShardIterator=first)["Records"] == []
    for refused in (
        lambda: once.get_records(ShardIterator=second),
        lambda: iterator(once, SECOND),
        lambda: once.split_shard(StreamName="orders", ShardToSplit=SECOND, NewStartingHashKey="1"),
        lambda: once.merge_shards(StreamName="orders", ShardToMerge=FIRST, AdjacentShardToMerge=SECOND),
    ):
        assert code_of(refused) == "InternalFailure"


def test_a_rule_for_a_stream_knows_every_way_of_naming_one(server: Headwater, once: Any) -> None:
    arn = once.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    page = once.list_shards(StreamName="orders", MaxResults=1)["NextToken"]
    consumer = once.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]["ConsumerARN"]
    for named in ("orders", arn):
        with server.faults.error(stream=named) as fault:
            for refused in (
                lambda: once.list_shards(NextToken=page),
                lambda: once.describe_stream_summary(StreamARN=arn),
                lambda: once.list_tags_for_resource(ResourceARN=arn),
                lambda: once.describe_stream_consumer(ConsumerARN=consumer),
            ):
                assert code_of(refused) == "InternalFailure"
            once.list_streams()
            assert fault.matched == 4


def test_a_call_about_what_does_not_exist_meets_no_rule_about_something_else(
    server: Headwater, once: Any
) -> None:
    server.faults.error(stream="orders", shard=FIRST)
    for missing in (
        lambda: once.put_record(StreamName="nothing", Data=b"", PartitionKey="k"),
        lambda: once.put_records(StreamName="nothing", Records=[{"Data": b"", "PartitionKey": "k"}]),
        lambda: once.get_shard_iterator(
            StreamName="orders", ShardId="shardId-000000000009", ShardIteratorType="LATEST"
        ),
    ):
        assert code_of(missing) == "ResourceNotFoundException"
    assert code_of(lambda: once.get_records(ShardIterator="nothing")) == "InvalidArgumentException"
    assert code_of(lambda: once.list_shards(NextToken="nothing")) == "InvalidArgumentException"
    assert code_of(lambda: put(once, hash_key=str(2**128))) == "InvalidArgumentException"


def test_the_same_seed_and_the_same_calls_fail_the_same(server: Headwater, once: Any) -> None:
    def run(seed: int) -> str:
        with server.faults.error("PutRecord", stream="orders", probability=0.4, seed=seed):
            return "".join("x" if _fails(lambda: put(once)) else "." for _ in range(40))

    first = run(7)
    assert 5 < first.count("x") < 35
    assert run(7) == first
    assert run(8) != first


def _fails(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError:
        return True
    return False


# Throttled records


def test_the_first_k_records_of_a_call_are_throttled_and_the_others_stored(
    server: Headwater, kinesis: Any
) -> None:
    with server.faults.throttle("PutRecords", records=2, times=1) as fault:
        results = put_many(kinesis, "a", "b", "c", "d")
        assert codes(results) == ["ProvisionedThroughputExceededException"] * 2 + [None, None]
        text = "Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000."
        assert results[0]["ErrorMessage"] == text
        assert [result.get("ShardId") for result in results] == [None, None, FIRST, FIRST]
        assert codes(put_many(kinesis, "e")) == [None]
        assert fault.fired == 1
    assert stored(kinesis) == [b"c", b"d", b"e"]


def test_just_the_records_of_a_key_or_a_shard_are_throttled(server: Headwater, kinesis: Any) -> None:
    server.faults.throttle(partition_key="b")
    assert codes(put_many(kinesis, "a", "b", "c"))[1] is not None
    server.faults.throttle(shard=SECOND, records=1, error="InternalFailure")
    results = put_many(kinesis, "a", "b", "c", "d", hash_keys=(HIGH, LOW, HIGH, LOW))
    assert codes(results) == ["InternalFailure", "ProvisionedThroughputExceededException", None, None]
    assert results[0]["ErrorMessage"] == "Internal Service Failure"
    assert stored(kinesis) == [b"a", b"c", b"d"]
    assert stored(kinesis, SECOND) == [b"c"]


def test_all_records_may_be_throttled_but_a_wrong_call_is_told_so(server: Headwater, kinesis: Any) -> None:
    kinesis.start_stream_encryption(StreamName="orders", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    server.faults.throttle(message="Not now.")
    answer = kinesis.put_records(StreamName="orders", Records=[{"Data": b"x", "PartitionKey": "k"}] * 3)
    assert answer["EncryptionType"] == "KMS"
    assert [result["ErrorMessage"] for result in answer["Records"]] == ["Not now."] * 3
    big = [{"Data": b"x" * (1024 * 1024 + 1), "PartitionKey": "k"}]
    assert code_of(lambda: kinesis.put_records(StreamName="orders", Records=big)) == "ValidationException"
    entries = [{"Data": b"x", "PartitionKey": "k"}]
    assert (
        code_of(lambda: kinesis.put_records(StreamName="nothing", Records=entries))
        == "ResourceNotFoundException"
    )
    assert stored(kinesis) == stored(kinesis, SECOND) == []


def test_records_that_are_distributed_by_themselves_have_keys_but_no_shards(
    server: Headwater, kinesis: Any
) -> None:
    mode = {"StreamMode": "ON_DEMAND"}
    kinesis.create_stream(StreamName="spread", StreamModeDetails=mode, RecordDistributionStrategy="AUTO")
    server.faults.throttle(stream="spread", shard=FIRST)
    server.faults.throttle(stream="spread", partition_key="bob")
    entries = [{"Data": b"x", "PartitionKey": key} for key in ("alice", "bob")]
    taken, refused = kinesis.put_records(StreamName="spread", Records=entries)["Records"]
    assert taken["ShardId"].startswith("shardId-")
    assert refused["ErrorMessage"].startswith("Rate exceeded for shard shardId-")
    assert [fault.fired for fault in server.faults] == [0, 1]


def test_records_beyond_the_rates_of_aws_are_refused_beside_those_that_a_fault_refuses() -> None:
    with Headwater(enforce_limits=True) as limited:
        limited.clock.stop()
        kinesis = limited.client()
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        limited.faults.throttle(partition_key="bob", error="InternalFailure")
        big = b"x" * (600 * 1024)
        entries = [{"Data": big, "PartitionKey": key} for key in ("alice", "bob", "carol")]
        answer = kinesis.put_records(StreamName="orders", Records=entries)
        busy = "ProvisionedThroughputExceededException"
        assert codes(answer["Records"]) == [None, "InternalFailure", busy]
        assert answer["FailedRecordCount"] == 2


# Delays


IMPATIENT = Config(read_timeout=0.3, retries={"total_max_attempts": 10})


def test_a_delayed_call_keeps_nobody_else_waiting(server: Headwater, once: Any) -> None:
    with server.faults.delay("PutRecord", delay_ms=60_000, partition_key="slow", times=1) as fault:
        impatient = server.client(config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}))
        with pytest.raises(ReadTimeoutError):
            put(impatient, b"late", key="slow")
        put(once, b"other")
        assert fault.fired == 1
    assert stored(once) == [b"other"]


def test_a_call_that_is_delayed_before_is_not_done_when_its_client_goes(
    server: Headwater, kinesis: Any
) -> None:
    impatient = server.client(config=IMPATIENT)
    server.faults.delay("PutRecord", delay_ms=600, times=1)
    retries = put(impatient)["ResponseMetadata"]["RetryAttempts"]
    server.faults.delay("ListStreams", delay_ms=600, times=1)
    kinesis.list_streams()  # answered when the first put would have been carried out, had it still been due
    assert 1 <= len(stored(kinesis)) <= retries  # 1, unless the machine was too busy for one of the retries


def test_a_call_that_is_delayed_after_is_done_again_when_its_client_retries(
    server: Headwater, kinesis: Any
) -> None:
    impatient = server.client(config=IMPATIENT)
    server.faults.delay("PutRecord", delay_ms=60_000, when="after", times=1)
    retries = put(impatient)["ResponseMetadata"]["RetryAttempts"]
    assert retries >= 1
    assert (
        2 <= len(stored(kinesis)) <= 1 + retries
    )  # 2, unless the machine was too busy for one of the retries


def test_a_delay_comes_on_top_of_an_error(server: Headwater, once: Any) -> None:
    server.faults.error("PutRecord")
    server.faults.delay("PutRecord", delay_ms=1)
    server.faults.delay("PutRecord", delay_ms=1, when="after")
    assert code_of(lambda: put(once)) == "InternalFailure"
    assert [fault.fired for fault in server.faults] == [1, 1, 1]


# Cut connections


def test_a_connection_cut_after_the_put_makes_the_retry_duplicate_the_record(
    server: Headwater, kinesis: Any
) -> None:
    server.faults.cut("PutRecord", when="after", times=1)
    assert put(kinesis)["ResponseMetadata"]["RetryAttempts"] == 1
    assert stored(kinesis) == [b"apple", b"apple"]


def test_a_connection_cut_before_the_put_leaves_nothing(server: Headwater, kinesis: Any, once: Any) -> None:
    server.faults.cut("PutRecord", times=2)
    with pytest.raises(ConnectionClosedError):
        put(once)
    assert stored(kinesis) == []
    put(kinesis)
    assert stored(kinesis) == [b"apple"]


def test_a_cut_hides_even_an_error(server: Headwater, once: Any) -> None:
    server.faults.cut("DescribeStreamSummary", when="after")
    with pytest.raises(ConnectionClosedError):
        once.describe_stream_summary(StreamName="nothing")


@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", [b"hi"])])
def test_over_http2_the_stream_of_the_call_is_reset(
    server: Headwater, once: Any, when: Any, left: list[bytes]
) -> None:
    server.faults.cut("PutRecord", when=when, times=1)
    address = urlsplit(server.endpoint_url)
    peer = Http2Peer(socket.create_connection((address.hostname, address.port or 0)))
    put_headers = (*JSON_HEADERS, ("x-amz-target", "Kinesis_20131202.PutRecord"))
    list_headers = (*JSON_HEADERS, ("x-amz-target", "Kinesis_20131202.ListStreams"))
    body = json.dumps(
        {"StreamName": "orders", "Data": "aGk=", "PartitionKey": "k", "ExplicitHashKey": LOW}
    ).encode()
    cut, other = peer.ask("/", body, headers=put_headers), peer.ask("/", b"{}", headers=list_headers)
    assert peer.answer(cut).reset is not None
    assert peer.streams[cut].status == 0
    assert json.loads(peer.answer(other).body)["StreamNames"] == ["orders"]
    assert stored(once) == left
    peer.close()


# Iterators


def test_a_fresh_iterator_expires_and_a_new_one_serves(server: Headwater, once: Any) -> None:
    put(once)
    first = iterator(once)
    with server.faults.expire_iterator(stream="orders", shard=FIRST, times=1):
        with pytest.raises(once.exceptions.ExpiredIteratorException) as caught:
            once.get_records(ShardIterator=first)
        assert "tolerated delay of 300000 milliseconds" in str(caught.value)
        assert stored(once) == [b"apple"]


# Subscriptions


class Subscriber:
    """A consumer of the first shard, reading in a thread of its own."""

    def __init__(self, kinesis: Any, consumer_arn: str) -> None:
        answer = kinesis.subscribe_to_shard(
            ConsumerARN=consumer_arn, ShardId=FIRST, StartingPosition={"Type": "TRIM_HORIZON"}
        )
        self._events = answer["EventStream"]
        self.begun = threading.Event()
        self.events = 0
        self.error: str | None = None
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for _ in self._events:
                self.events += 1
                self.begun.set()
        except EventStreamError as error:
            self.error = error.response["Error"]["Code"]
        except ProtocolError:
            self.error = "the connection was lost"

    def ended(self) -> tuple[int, str | None]:
        """How many events came before the end, and the error at it."""
        self._thread.join(RETRY_FOR_S)
        assert not self._thread.is_alive()
        self._events.close()
        return self.events, self.error


@pytest.fixture
def consumer_arn(kinesis: Any) -> str:
    stream = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="reader")["Consumer"]
    return str(consumer["ConsumerARN"])


def test_a_subscription_ends_after_so_many_events(server: Headwater, kinesis: Any, consumer_arn: str) -> None:
    put(kinesis)
    server.faults.end_subscription(stream="orders", shard=FIRST, consumer="reader", after_events=2, times=1)
    subscriber = Subscriber(kinesis, consumer_arn)
    assert subscriber.begun.wait(RETRY_FOR_S)
    put(kinesis, b"pear")
    assert subscriber.ended() == (2, None)


def test_a_subscription_ends_before_its_first_event_with_an_error(
    server: Headwater, kinesis: Any, consumer_arn: str
) -> None:
    server.faults.end_subscription(error="InternalFailureException", times=1)
    assert Subscriber(kinesis, consumer_arn).ended() == (0, "InternalFailureException")
    subscriber = Subscriber(kinesis, consumer_arn)  # the next one goes on, and at once
    assert subscriber.begun.wait(RETRY_FOR_S)
    assert server.faults.end_open_subscriptions() == 1
    assert subscriber.ended() == (1, None)


def test_open_subscriptions_end_on_demand(server: Headwater, kinesis: Any, consumer_arn: str) -> None:
    subscriber = Subscriber(kinesis, consumer_arn)
    assert subscriber.begun.wait(RETRY_FOR_S)
    assert server.faults.end_open_subscriptions(consumer="another") == 0
    assert server.faults.end_open_subscriptions(shard=SECOND) == 0
    ended = server.faults.end_open_subscriptions(stream="orders", error="ResourceInUseException")
    assert ended == 1
    assert subscriber.ended() == (1, "ResourceInUseException")
    assert len(server.faults) == 0
    assert server.faults.end_open_subscriptions() == 0


def test_a_subscription_is_cut_in_the_middle(server: Headwater, kinesis: Any, consumer_arn: str) -> None:
    server.faults.end_subscription(after_events=1, cut=True, times=1)
    assert Subscriber(kinesis, consumer_arn).ended() == (1, "the connection was lost")
    subscriber = Subscriber(kinesis, consumer_arn)
    assert subscriber.begun.wait(RETRY_FOR_S)
    assert server.faults.end_open_subscriptions(cut=True) == 1
    assert subscriber.ended() == (1, "the connection was lost")


def test_open_subscriptions_end_after_further_events(
    server: Headwater, kinesis: Any, consumer_arn: str
) -> None:
    subscriber = Subscriber(kinesis, consumer_arn)
    assert subscriber.begun.wait(RETRY_FOR_S)
    assert server.faults.end_open_subscriptions(after_events=1) == 1
    put(kinesis)
    assert subscriber.ended() == (2, None)


# The rules themselves


def test_faults_are_listed_and_removed(server: Headwater, once: Any) -> None:
    assert len(server.faults) == 0
    added = [server.faults.cut("PutRecord"), server.faults.delay(delay_ms=5), server.faults.throttle()]
    assert [fault.id for fault in server.faults] == [fault.id for fault in added]
    assert all(isinstance(fault, ServerFault) for fault in server.faults)
    assert "'action': 'cut'" in repr(added[0])
    added[0].remove()
    added[0].remove()
    put(once)
    assert added[0].fired == 0
    server.faults.clear()
    added[1].remove()  # gone already
    assert len(server.faults) == 0


def test_a_block_leaves_no_fault_behind_even_when_it_fails(server: Headwater) -> None:
    with pytest.raises(ZeroDivisionError), server.faults.cut():
        raise ZeroDivisionError
    assert len(server.faults) == 0


def test_a_wrong_fault_is_refused_in_words(server: Headwater) -> None:
    with pytest.raises(AdminFailure, match="no operation 'PutRecrod'"):
        server.faults.cut("PutRecrod")
    with pytest.raises(AdminFailure, match="probability"):
        server.faults.cut(probability=2)


def test_the_sdk_of_the_environment_meets_them_too(
    server: Headwater, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("kinesis", config=Config(retries={"total_max_attempts": 1}))
    with server.faults.error("ListStreams", "LimitExceededException"):
        assert code_of(client.list_streams) == "LimitExceededException"
    assert client.list_streams()["StreamNames"] == ["orders"]
    client.close()
