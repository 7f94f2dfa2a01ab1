"""Delivery to an HTTP endpoint: the request, the answer that counts, and what becomes of the rest."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from headwater.testing import Headwater
from tests.delivery.firehose.conftest import ROLE, Bucket, Put, processing
from tests.waiting import awaited

Answer = Callable[[str, int], tuple[int, bytes]]
"""Takes a request's id and how many came before it; gives a status and a body."""


def taken(request_id: str, _before: int) -> tuple[int, bytes]:
    return 200, json.dumps({"requestId": request_id, "timestamp": 1578090903599}).encode()


class Endpoint:
    """An endpoint on this machine, which remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: Answer = taken
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = endpoint.answer(headers["x-amz-firehose-request-id"], len(endpoint.requests))
                endpoint.requests.append((headers | {":path": self.path}, body))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/in?tenant=1"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    running = Endpoint()
    yield running
    running.close()


CreateHttp = Callable[..., str]


@pytest.fixture
def create_http(firehose: Any, bucket: Bucket, endpoint: Endpoint) -> CreateHttp:
    """Makes a delivery stream to the endpoint; gives its name."""

    def create(access_key: str | None = None, **members: Any) -> str:
        name = bucket.name.replace("bucket", "to-endpoint")
        reached = {"Url": endpoint.url, "Name": "mine"}
        if access_key is not None:
            reached["AccessKey"] = access_key
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            HttpEndpointDestinationConfiguration={
                "EndpointConfiguration": reached,
                "S3Configuration": {"RoleARN": ROLE, "BucketARN": bucket.arn},
                **members,
            },
        )
        return name

    return create


def asked(headwater: Headwater, endpoint: Endpoint, times: int = 1) -> list[tuple[dict[str, str], bytes]]:
    def look() -> bool:
        headwater.clock.advance(minutes=6)
        return len(endpoint.requests) >= times

    awaited(look, "the request")
    return endpoint.requests


def test_a_batch_is_one_request_of_the_documented_form(
    create_http: CreateHttp, put: Put, headwater: Headwater, endpoint: Endpoint, firehose: Any, bucket: Bucket
) -> None:
    attributes = [{"AttributeName": "team", "AttributeValue": "blue"}]
    name = create_http("secret", RequestConfiguration={"CommonAttributes": attributes})
    put(name, b"one", b"two")
    ((headers, body),) = asked(headwater, endpoint)
    arn = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"][
        "DeliveryStreamARN"
    ]
    assert headers[":path"] == "/in?tenant=1"
    assert headers["content-type"] == "application/json"
    assert headers["x-amz-firehose-protocol-version"] == "1.0"
    assert headers["x-amz-firehose-source-arn"] == arn
    assert headers["x-amz-firehose-access-key"] == "secret"
    assert json.loads(headers["x-amz-firehose-common-attributes"]) == {"commonAttributes": {"team": "blue"}}
    assert "content-encoding" not in headers
    document = json.loads(body)
    assert set(document) == {"requestId", "timestamp", "records"}
    assert document["requestId"] == headers["x-amz-firehose-request-id"]
    assert [base64.b64decode(each["data"]) for each in document["records"]] == [b"one", b"two"]
    assert bucket.keys() == []


def test_a_body_may_be_compressed_and_the_access_key_is_not_shown(
    create_http: CreateHttp, put: Put, headwater: Headwater, endpoint: Endpoint, firehose: Any
) -> None:
    name = create_http(
        "secret",
        RequestConfiguration={"ContentEncoding": "GZIP"},
        ProcessingConfiguration=processing(("AppendDelimiterToRecord", {"Delimiter": "\\n"})),
    )
    put(name, b"one")
    ((headers, body),) = asked(headwater, endpoint)
    assert headers["content-encoding"] == "gzip"
    (record,) = json.loads(gzip.decompress(body))["records"]
    assert base64.b64decode(record["data"]) == b"one\n"
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)
    assert "secret" not in json.dumps(described, default=str)


def test_a_request_is_tried_again_under_the_same_id(
    create_http: CreateHttp, put: Put, headwater: Headwater, endpoint: Endpoint, bucket: Bucket
) -> None:
    def second_time(request_id: str, before: int) -> tuple[int, bytes]:
        return (500, b'{"errorMessage": "busy"}') if before == 0 else taken(request_id, before)

    endpoint.answer = second_time
    put(create_http(RetryOptions={"DurationInSeconds": 7200}), b"one")
    first, second = asked(headwater, endpoint, 2)
    assert first[0]["x-amz-firehose-request-id"] == second[0]["x-amz-firehose-request-id"]
    assert first[1] == second[1]
    assert bucket.keys() == []


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"errorMessage": "not mine"}', "HttpEndpoint.DestinationException"),
        (413, b"", "HttpEndpoint.DestinationException"),
        (200, b"fine", "HttpEndpoint.InvalidResponseFromDestination"),
        (200, b'{"requestId": "another", "timestamp": 1}', "HttpEndpoint.InvalidResponseFromDestination"),
    ],
)
def test_what_is_not_taken_in_time_is_in_the_bucket(
    create_http: CreateHttp,
    put: Put,
    endpoint: Endpoint,
    bucket: Bucket,
    status: int,
    body: bytes,
    code: str,
) -> None:
    endpoint.answer = lambda _id, _before: (status, body)
    put(create_http(RetryOptions={"DurationInSeconds": 0}), b"one", b"two")
    ((key, lines),) = bucket.arrived().items()
    assert key.startswith("http-endpoint-failed/20")
    documents = [json.loads(line) for line in lines.splitlines()]
    assert [base64.b64decode(each["rawData"]) for each in documents] == [b"one", b"two"]
    assert {(each["errorCode"], each["attemptsMade"]) for each in documents} == {(code, 1)}


def test_all_data_is_backed_up_if_asked_for(
    create_http: CreateHttp, put: Put, headwater: Headwater, endpoint: Endpoint, bucket: Bucket
) -> None:
    put(create_http(S3BackupMode="AllData"), b"one", b"two")
    assert list(bucket.arrived().values()) == [b"onetwo"]
    assert len(asked(headwater, endpoint)) == 1
