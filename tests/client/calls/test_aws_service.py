"""Calls over the client library's own transport: signed as AWS wants it, and what can go wrong."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import botocore.session
import pytest
from botocore.credentials import DeferredRefreshableCredentials

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.errors import ConfigurationError, ConnectionFailed, MalformedAnswer, ServiceError
from headwater.client.calls.kinesis_calls import KinesisCalls, PutRecordsEntry
from tests.client.streams import new_stream, stored
from tests.conftest import RunningServer, started_server

T = TypeVar("T")


def run(at: dict[str, Any], work: Callable[[AwsService], Awaitable[T]], **options: Any) -> T:
    async def main() -> T:
        service = AwsService("kinesis", **at, **options)
        try:
            return await work(service)
        finally:
            await service.close()

    return asyncio.run(main())


def answering(answer: bytes) -> str:
    """A server that gives every connection these bytes; its endpoint."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_bytes_in_a_request_are_blobs(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    request = {"StreamName": name, "Data": b"\x00\xff", "PartitionKey": "k"}
    answer = run(at, lambda service: service.call("PutRecord", request))
    assert answer["ShardId"] == "shardId-000000000000"
    assert stored(kinesis, name)[0].data == b"\x00\xff"


def test_an_answer_without_members_is_empty(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    assert run(at, lambda service: service.call("DeleteStream", {"StreamName": name})) == {}


def test_the_services_errors_have_their_names(at: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as raised:
        run(at, lambda service: service.call("DescribeStreamSummary", {"StreamName": "none"}))
    assert raised.value.code == "ResourceNotFoundException"
    assert raised.value.message == "Stream none under account 000000000000 not found."
    assert raised.value.status == 400
    assert not raised.value.is_transient


def test_its_signature_is_accepted_where_signatures_are_verified(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[user]\naws_access_key_id = AKID\naws_secret_access_key = secret\n")
    with started_server(tmp_path / "log", "--credentials", str(credentials)) as server:
        session = botocore.session.Session()
        for secret, code in (("secret", None), ("wrong", "InvalidSignatureException")):
            session.set_credentials("AKID", secret)
            at = {"endpoint_url": server.endpoint_url, "region_name": "eu-west-1", "session": session}
            if code is None:
                assert run(at, lambda service: service.call("ListStreams", {}))["StreamNames"] == []
                continue
            with pytest.raises(ServiceError, match=code):
                run(at, lambda service: service.call("ListStreams", {}))


def test_nobody_answers(at: dict[str, Any]) -> None:
    with pytest.raises(ConnectionFailed):
        run(at | {"endpoint_url": "http://127.0.0.1:9"}, lambda service: service.call("ListStreams", {}))


def test_an_answer_that_breaks_off_is_a_failed_connection(at: dict[str, Any]) -> None:
    url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    with pytest.raises(ConnectionFailed):
        run(at | {"endpoint_url": url}, lambda service: service.call("ListStreams", {}))


def test_an_answer_that_does_not_come_is_a_failed_connection(at: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionFailed, match="in time"):
            run(
                at | {"endpoint_url": url},
                lambda service: service.call("ListStreams", {}),
                answer_timeout_s=0.05,
            )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno {", MalformedAnswer),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", ServiceError),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", ServiceError),
    ],
)
def test_what_is_no_answer_of_kinesis_is_told(
    at: dict[str, Any], answer: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        run(at | {"endpoint_url": answering(answer)}, lambda service: service.call("ListStreams", {}))
    if isinstance(raised.value, ServiceError):
        assert raised.value.code == f"HTTP {raised.value.status}"
        assert raised.value.is_transient == (raised.value.status == 503)


def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    with started_server(tmp_path / "log", "--tls", "--data-dir", str(tmp_path / "data")) as server:
        url = server.endpoint_url.replace("http://", "https://")
        at = {"endpoint_url": url, "region_name": "us-east-1"}
        with pytest.raises(ConnectionFailed):
            run(at, lambda service: service.call("ListStreams", {}))
        assert run(at, lambda service: service.call("ListStreams", {}), verify=False)["StreamNames"] == []
    with pytest.raises(ConfigurationError):
        run(at, lambda service: service.call("ListStreams", {}), verify=str(tmp_path / "none"))


def test_where_nobody_shows_a_certificate_none_is_read(at: dict[str, Any], tmp_path: Path) -> None:
    names = run(at, lambda service: service.call("ListStreams", {}), verify=str(tmp_path / "none"))
    assert isinstance(names["StreamNames"], list)


def test_a_service_of_no_use_is_refused(server: RunningServer) -> None:
    with pytest.raises(ConfigurationError):
        AwsService("kinesis", "ftp://127.0.0.1", "us-east-1")


def test_typed_calls_read_what_was_put(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis, 2)

    async def work(service: AwsService) -> None:
        calls = KinesisCalls(service)
        summary = await calls.describe_stream_summary(name)
        arn = summary["StreamARN"]
        results = await calls.put_records(
            arn, [PutRecordsEntry(b"one", "k", "0"), PutRecordsEntry(b"two", "k", "1")]
        )
        assert [result.shard_id for result in results] == ["shardId-000000000000"] * 2
        listed = await calls.list_shards(name)
        assert [(shard.shard_id, shard.is_open) for shard in listed] == [
            ("shardId-000000000000", True),
            ("shardId-000000000001", True),
        ]
        iterator = await calls.get_shard_iterator(arn, listed[0].shard_id, "TRIM_HORIZON")
        page = await calls.get_records(iterator, 1, arn)
        assert [(record.data, record.partition_key) for record in page.records] == [(b"one", "k")]
        assert page.next_iterator
        after = await calls.get_shard_iterator(
            name, listed[0].shard_id, "AFTER_SEQUENCE_NUMBER", sequence_number=results[0].sequence_number
        )
        assert [record.data for record in (await calls.get_records(after)).records] == [b"two"]
        since = await calls.get_shard_iterator(name, listed[0].shard_id, "AT_TIMESTAMP", timestamp_s=1.0)
        assert len((await calls.get_records(since)).records) == 2

    run(at, work)


def test_the_end_of_a_closed_shard_names_its_children(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))

    async def work(service: AwsService) -> None:
        calls = KinesisCalls(service)
        while (await calls.describe_stream_summary(name))["StreamStatus"] != "ACTIVE":
            pass
        iterator = await calls.get_shard_iterator(name, "shardId-000000000000", "LATEST")
        page = await calls.get_records(iterator)
        assert page.next_iterator is None
        assert [child.shard_id for child in page.child_shards] == [
            "shardId-000000000001",
            "shardId-000000000002",
        ]
        assert not (await calls.list_shards(name))[0].is_open
        assert len(await calls.list_shards(name, {"Type": "AT_LATEST"})) == 2

    run(at, work)


def test_a_subscription_gives_records_as_they_are_put(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    async def work(service: AwsService) -> None:
        calls = KinesisCalls(service)
        arn = (await calls.describe_stream_summary(name))["StreamARN"]
        consumer = await calls.register_stream_consumer(arn, "reader")
        while (await calls.describe_stream_consumer(arn, "reader"))["ConsumerStatus"] != "ACTIVE":
            pass
        events = calls.subscribe_to_shard(
            consumer["ConsumerARN"], "shardId-000000000000", {"Type": "TRIM_HORIZON"}
        )
        await calls.put_records(name, [PutRecordsEntry(b"one", "k")])
        async for event in events:
            if event.records:
                assert event.records[0].data == b"one"
                assert event.continuation_sequence_number
                break
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator
        await calls.service.call("DeregisterStreamConsumer", {"StreamARN": arn, "ConsumerName": "reader"})
        with pytest.raises(ServiceError):
            async for _ in calls.subscribe_to_shard("arn:none", "shardId-000000000000", {"Type": "LATEST"}):
                pass

    run(at, work)


@pytest.mark.parametrize("raised", [StopIteration(), asyncio.CancelledError(), ValueError("none")], ids=repr)
def test_whatever_a_provider_of_credentials_raises_the_call_has_failed_for_now(
    raised: BaseException, at: dict[str, Any]
) -> None:
    def refresh() -> dict[str, str]:
        raise raised

    session = botocore.session.get_session()
    session._credentials = DeferredRefreshableCredentials(refresh, "by the application")
    with pytest.raises(ConnectionFailed, match="no credentials") as failed:
        run(at | {"session": session}, lambda service: service.call("ListStreams", {}))
    assert failed.value.__cause__ is raised
