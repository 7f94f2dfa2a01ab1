"""Calls to the server under test, other than those that wrk makes.

Each call has a connection of its own: some servers close one that is idle for a few seconds.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

HEADERS = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/us-east-1/kinesis/aws4_request, "
    f"SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0123456789abcdef' * 4}",
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Date": "20250101T000000Z",
}
"""As `ready_requests.lua` has them."""

CALL_TIMEOUT_S = 60.0
ACTIVE_TIMEOUT_S = 60.0


class CallFailed(Exception):
    """The server's answer was not what a caller wants."""


CALL_ERRORS = (CallFailed, OSError, http.client.HTTPException)
"""What a call may come to instead of a good answer."""


class Kinesis:
    """A caller of the server at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, operation: str, **members: Any) -> Any:
        """The answer. Raises one of CALL_ERRORS."""
        text = self.send(operation, json.dumps(members))
        return json.loads(text) if text else {}

    def send(self, operation: str, body: str) -> bytes:
        """The text of the answer to a body that is ready; that records failed is not a good answer."""
        text = self.send_bytes(operation, body.encode())
        if operation == "PutRecords" and json.loads(text).get("FailedRecordCount"):
            raise CallFailed(f"{operation}: records failed: {text[:200].decode(errors='replace')}")
        return text

    def send_bytes(self, operation: str, body: bytes, content_type: str = HEADERS["Content-Type"]) -> bytes:
        """The body of the answer to a body of any kind."""
        connection = self.connect()
        try:
            fields = HEADERS | {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": content_type}
            connection.request("POST", "/", body, fields)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise CallFailed(f"{operation}: {answer.status} {content[:200].decode(errors='replace')}")
        return content

    def connect(self) -> http.client.HTTPConnection:
        """A connection, for a caller who keeps it."""
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=CALL_TIMEOUT_S)

    def create_stream(self, stream: str, shards: int) -> None:
        """Return when the stream is ACTIVE."""
        self.call("CreateStream", StreamName=stream, ShardCount=shards)
        deadline = time.monotonic() + ACTIVE_TIMEOUT_S
        while self.summary(stream)["StreamStatus"] != "ACTIVE":
            if time.monotonic() > deadline:
                raise CallFailed(f"{stream} did not become ACTIVE")
            time.sleep(0.02)

    def summary(self, stream: str) -> Any:
        """What DescribeStreamSummary tells."""
        return self.call("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]

    def first_iterator(self, stream: str) -> str:
        """An iterator at the beginning of the stream's first shard."""
        shard = self.call("ListShards", StreamName=stream)["Shards"][0]["ShardId"]
        answer = self.call(
            "GetShardIterator", StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])


def list_streams(port: int) -> object:
    """A call that every server answers once it is ready. Raises one of CALL_ERRORS."""
    return Kinesis(port).send("ListStreams", "{}")


def ask(connection: http.client.HTTPConnection, operation: str, body: str) -> None:
    """Send a call over a connection; the answer is still to be read."""
    connection.request("POST", "/", body, HEADERS | {"X-Amz-Target": f"Kinesis_20131202.{operation}"})
