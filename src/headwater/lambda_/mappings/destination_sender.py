"""Delivering messages to on-failure destinations.

A stream of this server is written to as it is; queues, topics and buckets are in other
services, which are called over HTTP at one endpoint: that of the neighbouring SQS, SNS and S3.

The table `_REQUESTS` has the request that each service wants.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from headwater.engine.appending import append_one
from headwater.engine.engine import Engine
from headwater.lambda_.functions.destination import DestinationFailed, DestinationMessage
from headwater.model.arn import parse_stream_arn
from headwater.model.clock import Clock
from headwater.model.errors import KinesisError
from headwater.model.record import record_size
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreError
from headwater.wire import signature_v4
from headwater.wire.signature_v4 import CONTENT_HASH, Key, sign

TIMEOUT_S = 10.0


class Request(NamedTuple):
    """The request for a service."""

    service: str
    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes


class DestinationSender:
    """A `Sender`. `endpoint_url` says where the other services are."""

    def __init__(self, engine: Engine, clock: Clock, endpoint_url: Callable[[], str], key: Key) -> None:
        """`clock` is the machine's, by which requests are signed, with `key`."""
        self._engine = engine
        self._clock = clock
        self._endpoint_url = endpoint_url
        self._key = key

    async def send(self, message: DestinationMessage) -> None:
        """Deliver a message. Raises `DestinationFailed`."""
        _, _, service, region, account_id, resource = message.destination_arn.split(":", 5)
        if service == "kinesis":
            await self._put(message)
            return
        endpoint_url = self._endpoint_url()
        request = _REQUESTS[service](message, endpoint_url, account_id, resource)
        status, answer = await asyncio.to_thread(self._exchange, endpoint_url, region or "us-east-1", request)
        if status >= 300:
            where = f"{service.upper()} at {endpoint_url}"
            raise DestinationFailed(f"{where} answered {status}: {answer[:200]!r}")

    async def _put(self, message: DestinationMessage) -> None:
        name = parse_stream_arn(message.destination_arn)
        if name is None:
            raise DestinationFailed("that is no stream")
        try:
            began_s = self._engine.stopwatch()
            live = await finished(self._engine.serving(name))
            size = record_size(message.body, message.partition_key)
            record = (message.body, message.partition_key, None)
            placement = await finished(append_one(self._engine, live, record, size, began_s))
        except (KinesisError, StoreError) as error:
            raise DestinationFailed(str(error)) from error
        if placement[1] is None:
            raise DestinationFailed("the rate of the shard is used up")

    def _exchange(self, endpoint_url: str, region: str, request: Request) -> tuple[int, bytes]:
        """Send the request and read the answer. Runs in a thread of its own."""
        url = urlsplit(endpoint_url)
        headers = {b"host": url.netloc.encode(), **request.headers}
        signed = signature_v4.SignedRequest(
            request.method.encode(), request.path.encode(), headers, request.body
        )
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        headers |= sign(signed, self._key, f"{now:%Y%m%dT%H%M%SZ}", region, request.service)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(url.hostname or "", url.port, timeout=TIMEOUT_S)
            try:
                fields = {name.decode(): value.decode() for name, value in headers.items()}
                connection.request(request.method, request.path, request.body, fields)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise DestinationFailed(f"{endpoint_url} does not answer: {error}") from error


def _to_queue(message: DestinationMessage, endpoint_url: str, account_id: str, resource: str) -> Request:
    headers = {
        b"content-type": b"application/x-amz-json-1.0",
        b"x-amz-target": b"AmazonSQS.SendMessage",
    }
    queue_url = f"{endpoint_url.rstrip('/')}/{account_id}/{resource}"
    body = msgspec.json.encode({"QueueUrl": queue_url, "MessageBody": message.body.decode()})
    return Request("sqs", "POST", "/", headers, body)


def _to_topic(message: DestinationMessage, _endpoint_url: str, _account_id: str, _resource: str) -> Request:
    form = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": message.destination_arn,
        "Message": message.body.decode(),
    }
    headers = {b"content-type": b"application/x-www-form-urlencoded; charset=utf-8"}
    return Request("sns", "POST", "/", headers, urlencode(form).encode())


def _to_bucket(message: DestinationMessage, _endpoint_url: str, _account_id: str, resource: str) -> Request:
    headers = {
        b"content-type": b"application/json",
        CONTENT_HASH: sha256(message.body).hexdigest().encode(),
    }
    return Request("s3", "PUT", f"/{quote(resource)}/{quote(message.object_key)}", headers, message.body)


_REQUESTS: dict[str, Callable[[DestinationMessage, str, str, str], Request]] = {
    "sqs": _to_queue,
    "sns": _to_topic,
    "s3": _to_bucket,
}
