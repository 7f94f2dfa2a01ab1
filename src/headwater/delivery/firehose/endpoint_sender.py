"""Requests to HTTP endpoints, over a connection of their own each.

Refuses to know what is in them.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import httptools

from headwater.delivery.firehose.endpoint import (
    ANSWER_BYTES_MAX,
    ANSWER_TIMEOUT_S,
    EndpointAnswer,
    EndpointRefusal,
    EndpointRequest,
)

READ_BYTES = 64 * 1024
PORTS = {"http": 80, "https": 443}
CONNECTION_FAILED = "HttpEndpoint.ConnectionFailed"


class _Response:
    """What a parser of an answer tells."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_complete = False

    def on_body(self, part: bytes) -> None:
        """A part of the body has arrived."""
        self.body += part

    def on_message_complete(self) -> None:
        """The answer is there."""
        self.is_complete = True


async def send(request: EndpointRequest) -> EndpointAnswer | EndpointRefusal:
    """The answer of an endpoint, or why there is none."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await _exchange(request)
    except TimeoutError:
        text = f"The endpoint did not answer within {ANSWER_TIMEOUT_S} seconds."
        return EndpointRefusal("HttpEndpoint.RequestTimeout", text)
    except (OSError, ValueError, httptools.HttpParserError) as error:
        return EndpointRefusal(CONNECTION_FAILED, f"The endpoint cannot be reached: {error}")


async def _exchange(request: EndpointRequest) -> EndpointAnswer | EndpointRefusal:
    url = urlsplit(request.url)
    is_secure = url.scheme == "https"
    reader, writer = await asyncio.open_connection(
        url.hostname,
        url.port or PORTS[url.scheme],
        ssl=ssl.create_default_context() if is_secure else None,
    )
    try:
        writer.write(_head(request, url.netloc.rpartition("@")[2], _target(request.url)) + request.body)
        await writer.drain()
        return await _answer(reader)
    finally:
        writer.transport.abort()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _head(request: EndpointRequest, host: str, target: str) -> bytes:
    fields = {
        "Host": host,
        **request.headers,
        "Content-Length": str(len(request.body)),
        "Connection": "close",
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any(end in line for line in lines for end in "\r\n\0"):
        raise ValueError("a header has a line break in it")
    return "\r\n".join([*lines, "", ""]).encode()


async def _answer(reader: asyncio.StreamReader) -> EndpointAnswer | EndpointRefusal:
    response = _Response()
    parser = httptools.HttpResponseParser(response)
    while not response.is_complete:
        part = await reader.read(READ_BYTES)
        if not part:
            if response.body or parser.get_status_code():
                break
            return EndpointRefusal(CONNECTION_FAILED, "The endpoint closed the connection without an answer.")
        parser.feed_data(part)
        if len(response.body) > ANSWER_BYTES_MAX:
            text = "The response received from the endpoint is too large."
            return EndpointRefusal("HttpEndpoint.ResponseTooLarge", text)
    return EndpointAnswer(parser.get_status_code(), bytes(response.body))
