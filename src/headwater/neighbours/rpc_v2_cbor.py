"""Smithy RPC v2 CBOR, which today's SDKs speak to CloudWatch, by way of the JSON that moto speaks.

Rules:
- the operation is in the path: `POST /service/<service>/operation/<operation>`, and the header
  `smithy-protocol` says `rpc-v2-cbor`; every answer, an error too, says it again;
- a request without a body has no members;
- a time is tag 1 around seconds, in answers a double; a blob is a byte string;
- an answer's members have the types of the service's model: what JSON has as a number is a time,
  a double or a whole number;
- an error names its shape in `__type`, and not the code that the older protocols have for it, which
  goes on in `x-amzn-query-error`.

Refuses to know operations, and who answers.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.server.http.exchange import Answer, Fields, HttpRequest
from headwater.wire import cbor_format
from headwater.wire.cbor_format import Seconds

PROTOCOL = b"rpc-v2-cbor"
CONTENT_TYPE = "application/cbor"
FIELDS: Fields = (("Content-Type", CONTENT_TYPE), ("smithy-protocol", PROTOCOL.decode()))
JSON = b"application/x-amz-json-1.0"
MS_PER_S = 1000
QUERY_ERROR = "x-amzn-query-error"
ERROR_NAMESPACE = "com.amazonaws.cloudwatch"

_PATH = re.compile(rb"/service/([A-Za-z0-9_.]{1,128})/operation/([A-Za-z0-9]{1,128})")

Document = dict[str, Any]


class ModelShape(Protocol):
    """A type of a service's model, as botocore has it."""

    @property
    def name(self) -> str:
        """As the model has it."""

    @property
    def type_name(self) -> str:
        """`structure`, `list`, `map`, or a simple type."""

    @property
    def members(self) -> Mapping[str, ModelShape]:
        """Of a structure."""

    @property
    def member(self) -> ModelShape:
        """Of a list."""

    @property
    def value(self) -> ModelShape:
        """Of a map."""


class OperationName(NamedTuple):
    """What a path names."""

    service: bytes
    """As in the target of AWS JSON, before its point."""
    operation: bytes

    @property
    def target(self) -> bytes:
        """The target that AWS JSON has for it."""
        return self.service + b"." + self.operation


def operation_name(request: HttpRequest) -> OperationName | None:
    """What a request asks for in this protocol; `None` when it speaks another."""
    if request.headers.get(b"smithy-protocol") != PROTOCOL or request.method != b"POST":
        return None
    found = _PATH.fullmatch(request.path)
    return None if found is None else OperationName(found[1], found[2])


def as_json(request: HttpRequest, name: OperationName) -> HttpRequest:
    """The same request in AWS JSON 1.0. Raises SerializationException."""
    document = cbor_format.decode(request.body, MS_PER_S) if request.body else {}
    try:
        body = msgspec.json.encode(document, enc_hook=_json_time)
    except (TypeError, ValueError, OverflowError) as error:
        raise SerializationException from error
    headers = {**request.headers, b"x-amz-target": name.target, b"content-type": JSON}
    del headers[b"smithy-protocol"]
    return HttpRequest(b"POST", b"/", headers, body)


def answer_of(answer: Answer, shape: ModelShape | None) -> Answer:
    """An answer in AWS JSON, as a success or an error in this protocol.

    `shape` is that of the operation's output, or of the error; without one only what every error
    has is told.
    """
    content = _document(answer)
    if answer.status >= 400:
        document = _error(content, shape.name if shape else error_name(answer), shape)
        query_error = tuple(field for field in answer.fields if field[0].lower() == QUERY_ERROR)
        return Answer(answer.status, FIELDS + query_error, cbor_format.encode(document))
    return Answer(answer.status, FIELDS, cbor_format.encode(_typed(content, shape) if shape else {}))


def error_name(answer: Answer) -> str:
    """The name of an error in AWS JSON: that of its shape, or its code."""
    return str(_document(answer).get("__type", "InternalFailure")).rpartition("#")[2]


def error_answer(status: int, name: str, message: str) -> Answer:
    """An error that is in no model."""
    document = _error({"message": message}, name, None)
    return Answer(status, (*FIELDS, ("x-amzn-ErrorType", name)), cbor_format.encode(document))


def _document(answer: Answer) -> Document:
    try:
        document = json.loads(answer.body or b"{}")
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"message": answer.body.decode("utf-8", "replace")}


def _error(content: Document, name: str, shape: ModelShape | None) -> Document:
    """With the message under the name that the model has for it, and under the usual one."""
    message = str(content.get("message") or content.get("Message") or "")
    members = {} if shape is None else _typed({**content, "Message": message, "message": message}, shape)
    return {"__type": f"{ERROR_NAMESPACE}#{name}", "message": message, **members}


def _json_time(value: object) -> float:
    if not isinstance(value, Instant):
        raise TypeError
    return value.ms / MS_PER_S


def _typed(value: Any, shape: ModelShape) -> Any:
    """A value of JSON in the type of its shape; members that are null are left out."""
    if shape.type_name == "structure":
        return {
            name: _typed(value[name], member)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_typed(item, shape.member) for item in value]
    if shape.type_name == "map":
        return {name: _typed(item, shape.value) for name, item in value.items()}
    return _SIMPLE[shape.type_name](value)


_SIMPLE: dict[str, Callable[[Any], Any]] = {
    "blob": b64decode,
    "boolean": bool,
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
    "string": str,
    "timestamp": Seconds,
}
"""What makes a value of a simple type."""
