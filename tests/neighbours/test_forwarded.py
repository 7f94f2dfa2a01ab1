"""`--forward-to`: other services by another server; here that is a second Headwater."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from headwater.model.caller import Caller
from headwater.neighbours.forwarded import ForwardedServices
from headwater.server.http.exchange import HttpRequest
from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf, clients_for
from tests.neighbours.test_moto import LISTS


@pytest.fixture(scope="module")
def behind() -> Iterator[Headwater]:
    with Headwater() as running:
        yield running


@pytest.fixture(scope="module")
def client_of(behind: Headwater) -> Iterator[ClientOf]:
    with Headwater(forward_to=f"{behind.endpoint_url}/") as headwater:
        yield clients_for(headwater.endpoint_url)


@pytest.mark.parametrize("service", LISTS)
def test_every_service_is_the_other_servers(client_of: ClientOf, service: str) -> None:
    answer = getattr(client_of(service), LISTS[service])()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_what_is_put_here_is_there(client_of: ClientOf, behind: Headwater) -> None:
    here, there = client_of("s3"), clients_for(behind.endpoint_url)("s3")
    here.create_bucket(Bucket="bucket")
    here.put_object(Bucket="bucket", Key="a b", Body=b"hello", Metadata={"a_b": "c"})
    kept = there.head_object(Bucket="bucket", Key="a b")
    assert (kept["ContentLength"], kept["Metadata"]) == (5, {"a_b": "c"})
    assert here.head_object(Bucket="bucket", Key="a b")["ContentLength"] == 5
    assert here.get_object(Bucket="bucket", Key="a b")["Body"].read() == b"hello"


def test_streams_stay_here(client_of: ClientOf, behind: Headwater) -> None:
    client_of("kinesis").create_stream(StreamName="here", ShardCount=1)
    assert behind.client().list_streams()["StreamNames"] == []


def test_many_ask_at_once(client_of: ClientOf) -> None:
    sqs = client_of("sqs")
    with ThreadPoolExecutor(8) as threads:
        names = [f"queue-{number}" for number in range(24)]
        list(threads.map(lambda name: sqs.create_queue(QueueName=name), names))
    assert len(sqs.list_queues(QueueNamePrefix="queue-")["QueueUrls"]) == 24


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sts"])
def test_a_server_that_does_not_answer_is_a_bad_gateway(service: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with Headwater(forward_to=url) as headwater, pytest.raises(ClientError) as refused:
            getattr(clients_for(headwater.endpoint_url)(service), LISTS[service])()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    assert url in str(refused.value)


def test_an_answer_is_passed_on_but_for_what_is_of_one_connection() -> None:
    said = (
        b"HTTP/1.1 599 Own Words\r\nContent-Length: 5\r\nX-Own: yes\r\nDate: then\r\n"
        b"Connection: close\r\nx-amzn-RequestId: theirs\r\n\r\nhello"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:

        def serve() -> bytes:
            connection, _ = listener.accept()
            with connection:
                asked = connection.recv(65536)
                connection.sendall(said)
            return asked

        asked = threads.submit(serve)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/below"
        with Headwater(forward_to=url) as headwater:
            target = f"{headwater.endpoint_url}/bucket/a%20b?x=1"
            request = urllib.request.Request(target, headers={"Host": "s3.example.localhost"})
            with pytest.raises(urllib.error.HTTPError) as answered:
                urllib.request.urlopen(request)
    assert asked.result().startswith(b"GET /below/bucket/a%20b?x=1 HTTP/1.1\r\n")
    assert b"host: s3.example.localhost\r\n" in asked.result().lower()
    with answered.value as answer:
        assert (answer.code, answer.headers["X-Own"], answer.read()) == (599, "yes", b"hello")
    for name in ("Date", "Content-Length", "x-amzn-RequestId", "Connection"):
        assert len(answer.headers.get_all(name) or []) == 1
    assert "theirs" not in str(answer.headers)


def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    with (
        Headwater(idle_timeout_s=0.0) as impatient,
        Headwater(forward_to=impatient.endpoint_url) as headwater,
    ):
        sts = clients_for(headwater.endpoint_url)("sts")
        for _ in range(3):
            assert sts.get_caller_identity()["Account"] == "000000000000"


def test_a_server_that_ends_waits_for_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        async def history() -> int:
            services = ForwardedServices(url)
            request = HttpRequest(b"GET", b"/bucket", {b"host": b"here"}, b"")
            asked = asyncio.create_task(services.answer(request, "s3", Caller("123456789012", "us-east-1")))
            accepted, _ = await asyncio.to_thread(silent.accept)
            with accepted:
                assert await asyncio.to_thread(accepted.recv, 4) == b"GET "
                await services.close()
                return (await asked).status

        assert asyncio.run(history()) == 502
