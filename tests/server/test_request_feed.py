"""Requests with their answers, while somebody listens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.server.routes.asking import get, lines
from tests.waiting import RETRY_FOR_S


@pytest.fixture(scope="module")
def server() -> Iterator[Headwater]:
    with Headwater(transition_ms=0) as running:
        yield running


@pytest.fixture
def kinesis(server: Headwater) -> Iterator[Any]:
    client = server.client()
    yield client
    client.close()


def test_a_call_is_told_with_its_answer_and_nothing_that_signs_it(server: Headwater, kinesis: Any) -> None:
    with lines(server, "requests") as found:
        assert next(found) == {"listening": True}
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples")
        created, put = next(found), next(found)
    assert (created["target"], created["status"]) == ("Kinesis_20131202.CreateStream", 200)
    assert json.loads(put["asked"])["PartitionKey"] == "alice"
    assert json.loads(put["answer"])["ShardId"] == "shardId-000000000000"
    assert put["duration_ms"] > 0
    assert put["answer_bytes"] > 0
    assert "Credential" not in json.dumps(put)


def test_a_call_that_failed_is_told_with_its_error(server: Headwater, kinesis: Any) -> None:
    with lines(server, "requests") as found:
        next(found)
        with pytest.raises(ClientError):
            kinesis.describe_stream(StreamName="missing")
        told = next(found)
    assert (told["status"], told["error"]) == (400, "ResourceNotFoundException")


def test_a_call_in_cbor_is_told_in_json(server: Headwater) -> None:
    body = b"\xa1jStreamNamefbroken"
    with lines(server, "requests") as found:
        next(found)
        headers = {"content-type": "application/x-amz-cbor-1.1"}
        get(server, "health")
        post(server, body, headers | {"x-amz-target": "Kinesis_20131202.DescribeStream"})
        health, told = next(found), next(found)
    assert health["path"] == "/_headwater/health"
    assert json.loads(told["asked"]) == {"StreamName": "broken"}
    assert "__type" in json.loads(told["answer"])


def test_a_long_body_is_told_in_part(server: Headwater, kinesis: Any) -> None:
    with lines(server, "requests") as found:
        next(found)
        with pytest.raises(ClientError):
            kinesis.put_record(StreamName="missing", PartitionKey="alice", Data=b"x" * 100_000)
        told = next(found)
    assert len(told["asked"]) == 16 * 1024
    assert told["asked_bytes"] > 100_000


def test_an_answer_that_was_cut_off_has_no_status(server: Headwater, kinesis: Any) -> None:
    with server.faults.cut("ListStreams", times=1), lines(server, "requests") as found:
        next(found)
        kinesis.list_streams()  # the SDK tries again
        told = next(found)
    assert (told["target"], told["status"]) == ("Kinesis_20131202.ListStreams", None)


def test_requests_of_the_servers_own_pages_are_marked(server: Headwater) -> None:
    with lines(server, "requests") as found:
        next(found)
        get(server, "health", {"Sec-Fetch-Site": "same-origin"})
        get(server, "health")
        assert [next(found)["of_console"], next(found)["of_console"]] == [True, False]


def post(server: Headwater, body: bytes, headers: dict[str, str]) -> None:

    connection = HTTPConnection(urlsplit(server.endpoint_url).netloc, timeout=RETRY_FOR_S)
    connection.request("POST", "/", body, headers)
    connection.getresponse().read()
    connection.close()
