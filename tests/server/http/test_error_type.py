"""Errors carry their name in a header, whatever the version of HTTP and the format."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest
from h2.connection import H2Connection
from h2.events import ResponseReceived

from headwater.testing import Headwater
from tests.waiting import RETRY_FOR_S

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=0a0a"
)
BODIES = {
    "application/x-amz-json-1.1": b'{"StreamName": "missing"}',
    "application/x-amz-cbor-1.1": b"\xa1\x6aStreamName\x67missing",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Headwater() as server:
        yield int(server.endpoint_url.rpartition(":")[2])


def headers_of(content_type: str) -> dict[str, str]:
    return {
        "content-type": content_type,
        "x-amz-target": "Kinesis_20131202.DescribeStream",
        "x-amz-date": "20261120T000000Z",
        "authorization": AUTHORIZATION,
    }


@pytest.mark.parametrize("content_type", BODIES)
def test_on_http_1(port: int, content_type: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=RETRY_FOR_S)
    connection.request("POST", "/", BODIES[content_type], headers_of(content_type))
    answer = connection.getresponse()
    assert answer.status == 400
    assert answer.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert answer.headers["Content-Type"] == content_type
    connection.close()


@pytest.mark.parametrize("content_type", BODIES)
def test_on_http_2(port: int, content_type: str) -> None:
    client = H2Connection()
    client.initiate_connection()
    pseudo = {":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": "/"}
    client.send_headers(1, [*pseudo.items(), *headers_of(content_type).items()])
    client.send_data(1, BODIES[content_type], end_stream=True)
    with socket.create_connection(("127.0.0.1", port), timeout=RETRY_FOR_S) as connection:
        connection.sendall(client.data_to_send())
        heard: dict[str, str] = {}
        while not heard:
            for event in client.receive_data(connection.recv(65_536)):
                if isinstance(event, ResponseReceived):
                    heard = {_text(name): _text(value) for name, value in event.headers}
    assert heard[":status"] == "400"
    assert heard["x-amzn-errortype"] == "ResourceNotFoundException"
    assert heard["content-type"] == content_type


def _text(field: bytes | str) -> str:
    return field.decode() if isinstance(field, bytes) else field
