"""A console that is read-only, and who is meant by that."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from headwater.testing import Headwater
from tests.waiting import RETRY_FOR_S

CONSOLE = {"Sec-Fetch-Site": "same-origin"}
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=a/20261101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=a"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Headwater]:
    with Headwater(console="read-only", transition_ms=0) as running:
        yield running


def ask(
    server: Headwater, method: str, path: str, target: str = "", body: object = None, page: bool = True
) -> tuple[int, bytes]:
    headers = {"Authorization": AUTHORIZATION, "X-Amz-Date": "20261101T000000Z"} | (CONSOLE if page else {})
    if target:
        headers |= {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc, timeout=RETRY_FOR_S)
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def call(server: Headwater, operation: str, page: bool = True, **members: object) -> int:
    return ask(server, "POST", "/", f"Kinesis_20131202.{operation}", members, page)[0]


def test_the_console_reads_and_changes_nothing_while_programs_do_both(server: Headwater) -> None:
    assert call(server, "CreateStream", StreamName="orders", ShardCount=1) == 403
    assert call(server, "CreateStream", page=False, StreamName="orders", ShardCount=1) == 200
    assert call(server, "DescribeStreamSummary", StreamName="orders") == 200
    assert call(server, "PutRecord", StreamName="orders", PartitionKey="alice", Data="YQ==") == 403
    assert call(server, "DeleteStream", StreamName="orders") == 403
    assert call(server, "ListStreams") == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_headwater/streams", 200),
        ("GET", "/_headwater/faults", 200),
        ("POST", "/_headwater/faults", 403),
        ("DELETE", "/_headwater/faults", 403),
        ("POST", "/_headwater/reset", 403),
        ("POST", "/_headwater/limits", 403),
        ("PUT", "/2015-03-31/event-source-mappings/x", 403),
        ("POST", "/", 403),
        ("GET", "/?Action=DeleteStack&StackName=x", 403),
    ],
)
def test_routes_that_change_something_are_refused(
    server: Headwater, method: str, path: str, status: int
) -> None:
    assert ask(server, method, path, body={} if method != "GET" else None)[0] == status


def test_the_refusal_says_why(server: Headwater) -> None:
    _, body = ask(server, "POST", "/_headwater/reset", body={})
    assert b"read-only" in body
