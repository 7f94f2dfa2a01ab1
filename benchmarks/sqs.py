"""Calls to SQS, for the peer of the queues. Each call has a connection of its own, as in `kinesis.py`."""

from __future__ import annotations

import http.client
import json
from typing import Any

from benchmarks.kinesis import CALL_TIMEOUT_S, HEADERS, CallFailed


class Sqs:
    """A caller of the server at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, operation: str, **members: Any) -> Any:
        """The answer. Raises one of CALL_ERRORS."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=CALL_TIMEOUT_S)
        fields = HEADERS | {
            "Authorization": HEADERS["Authorization"].replace("/kinesis/", "/sqs/"),
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{operation}",
        }
        try:
            connection.request("POST", "/", json.dumps(members), fields)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise CallFailed(f"{operation}: {answer.status} {content[:200].decode(errors='replace')}")
        return json.loads(content) if content else {}
