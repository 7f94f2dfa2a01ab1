"""HTTP endpoints: the request that Firehose makes of a batch, and what of the answer means that it was taken.

Rules, of the developer guide ("HTTP endpoint delivery request and response specifications"):
- a POST of JSON with the request's id, which stays the same over all attempts, and the records in base64;
- the answer has status 200, and a JSON document with the same request id and a timestamp; anything else is
  a failure, whose `errorMessage` is told;
- a request that failed is tried again for as long as the destination says, but for one that 413 refuses.

Refuses to know sockets.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from pybase64 import b64encode_as_string

PROTOCOL_VERSION = "1.0"
ANSWER_TIMEOUT_S = 180
ANSWER_BYTES_MAX = 1024 * 1024
OK, TOO_LARGE = 200, 413
INVALID = "The response received from the specified endpoint is invalid:"
ERROR_SHOWN_MAX = 8_192
"""Characters of an endpoint's own message."""


class EndpointSettings(NamedTuple):
    """An endpoint, and how it is spoken to."""

    url: str
    name: str
    access_key: str | None
    compresses: bool
    attributes: Mapping[str, str]
    """What each request says beside the records."""
    retry_ms: int
    """For how long after its first attempt a request is tried again."""
    delivery_stream_arn: str


class EndpointRequest(NamedTuple):
    """A request for an endpoint."""

    url: str
    id: str
    headers: Mapping[str, str]
    body: bytes


class EndpointAnswer(NamedTuple):
    """What an endpoint answered."""

    status: int
    body: bytes


class EndpointRefusal(NamedTuple):
    """Why a request counts as not taken."""

    code: str
    message: str
    is_final: bool = False
    """Whether it makes no sense to try again."""


def read_endpoint(delivery_stream_arn: str, document: Mapping[str, Any]) -> EndpointSettings:
    """The endpoint of a destination that has been checked."""
    endpoint, request = document["EndpointConfiguration"], document["RequestConfiguration"]
    return EndpointSettings(
        endpoint["Url"],
        endpoint.get("Name") or endpoint["Url"],
        endpoint.get("AccessKey"),
        request["ContentEncoding"] == "GZIP",
        {each["AttributeName"]: each["AttributeValue"] for each in request.get("CommonAttributes") or ()},
        document["RetryOptions"]["DurationInSeconds"] * 1000,
        delivery_stream_arn,
    )


def request_for(
    settings: EndpointSettings, datas: Sequence[bytes], request_id: str, now_ms: int
) -> EndpointRequest:
    """The request that delivers records."""
    body = msgspec.json.encode(
        {
            "requestId": request_id,
            "timestamp": now_ms,
            "records": [{"data": b64encode_as_string(data)} for data in datas],
        }
    )
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Amazon Kinesis Data Firehose Agent/1.0",
        "X-Amz-Firehose-Protocol-Version": PROTOCOL_VERSION,
        "X-Amz-Firehose-Request-Id": request_id,
        "X-Amz-Firehose-Source-Arn": settings.delivery_stream_arn,
    }
    if settings.access_key is not None:
        headers["X-Amz-Firehose-Access-Key"] = settings.access_key
    if settings.attributes:
        common = {"commonAttributes": dict(settings.attributes)}
        headers["X-Amz-Firehose-Common-Attributes"] = msgspec.json.encode(common).decode()
    if settings.compresses:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, mtime=0)
    return EndpointRequest(settings.url, request_id, headers, body)


def refusal(request_id: str, answer: EndpointAnswer) -> EndpointRefusal | None:
    """Why an answer does not acknowledge a request; `None`: it does."""
    document = _document(answer.body)
    if answer.status != OK:
        message = document.get("errorMessage")
        text = message if isinstance(message, str) else f"The endpoint answered {answer.status}."
        return EndpointRefusal(
            "HttpEndpoint.DestinationException",
            f"Received response status code {answer.status}: {text[:ERROR_SHOWN_MAX]}",
            answer.status == TOO_LARGE,
        )
    if document.get("requestId") != request_id:
        return EndpointRefusal(
            "HttpEndpoint.InvalidResponseFromDestination",
            f"{INVALID} its requestId is not the request's.",
        )
    if isinstance(document.get("timestamp"), bool) or not isinstance(document.get("timestamp"), int):
        return EndpointRefusal(
            "HttpEndpoint.InvalidResponseFromDestination",
            f"{INVALID} it has no timestamp.",
        )
    return None


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
