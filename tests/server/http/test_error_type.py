"""Errors carry their name in a header, whatever the version of HTTP and the format."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from headwater.testing import Headwater
from tests.server.http.http2_peer import Http2Peer

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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/", BODIES[content_type], headers_of(content_type))
    answer = connection.getresponse()
    assert answer.status == 400
    assert answer.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert answer.headers["Content-Type"] == content_type
    connection.close()


@pytest.mark.parametrize("content_type", BODIES)
def test_on_http_2(port: int, content_type: str) -> None:
    peer = Http2Peer(socket.create_connection(("127.0.0.1", port)))
    asked = peer.ask("/", BODIES[content_type], headers=tuple(headers_of(content_type).items()))
    heard = peer.answer(asked)
    assert heard.status == 400
    assert heard.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert heard.headers["content-type"] == content_type
    peer.close()
