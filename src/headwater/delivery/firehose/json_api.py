"""The Firehose API over HTTP: a neighbouring service in JSON 1.1, told by its target.

Rules:
- types are checked first, then the model's constraints, with the texts that AWS has;
- errors are named below and become answers here, in the form of AWS: a document with `__type` and `message`;
- an operation that the API does not have is refused by its name.

Refuses to know what an operation does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.api.validation.constraint_failures import validation_text
from headwater.api.validation.type_checks import typed_structure
from headwater.delivery.firehose import put_requests
from headwater.delivery.firehose.errors import FirehoseError, InvalidRequest
from headwater.delivery.firehose.firehose_model import FIREHOSE, firehose_model
from headwater.delivery.firehose.lazy import TARGET_PREFIX
from headwater.delivery.firehose.operations import Handler
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError, SerializationException, UnknownOperationException
from headwater.server.asyncio_bridge import free_frames
from headwater.server.http.exchange import Answer, Fields, HttpRequest
from headwater.wire.error_format import error_document
from headwater.wire.json_format import UNREADABLE

JSON: Fields = (("Content-Type", "application/x-amz-json-1.1"),)


class FirehoseApi:
    """Answers the requests to Firehose of one server."""

    def __init__(self, operations: Mapping[str, Handler]) -> None:
        """`operations` are all of the API's, by name."""
        self._operations = operations

    def call_name(self, request: HttpRequest) -> str:
        """What the log calls the request."""
        operation = _operation(request)
        return f"AWS firehose.{operation}" if operation in self._operations else "AWS firehose"

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request."""
        operation = _operation(request)
        try:
            handler = self._handler(operation)
            document = await handler(caller, _members(operation, request.body))
        except FirehoseError as error:
            free_frames(error)
            return _error(error.status, {"__type": error.code, "message": error.message})
        except KinesisError as error:
            free_frames(error)
            return self.refuse(request, error)
        return Answer(200, JSON, msgspec.json.encode(document))

    def _handler(self, operation: str) -> Handler:
        """What does an operation. Raises `UnknownOperationException`."""
        if operation not in self._operations:
            raise UnknownOperationException
        return self._operations[operation]

    async def document(self, caller: Caller, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """What an operation answers to somebody in this process, its members checked as a client's.

        Raises `FirehoseError` and `KinesisError`.
        """
        checked = checked_members(operation, members)
        asked = put_requests.converted(operation, checked) if put_requests.is_put(operation) else checked
        return await self._operations[operation](caller, asked)

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:  # noqa: ARG002 - all alike
        """Word an error that is not one of Firehose's own."""
        return _error(*error_document(error))


def _operation(request: HttpRequest) -> str:
    target = request.headers.get(b"x-amz-target", b"")
    return target.removeprefix(TARGET_PREFIX).decode("latin-1") if target.startswith(TARGET_PREFIX) else ""


def _members(operation: str, body: bytes) -> Any:
    """The members of a request, checked. Raises `SerializationException` and `InvalidRequest`."""
    if put_requests.is_put(operation):
        put = put_requests.quick(operation, body)
        if put is not None:
            return put
    try:
        document = msgspec.json.decode(body or b"{}")
    except UNREADABLE:
        raise SerializationException from None
    checked = checked_members(operation, document)
    return put_requests.converted(operation, checked) if put_requests.is_put(operation) else checked


def checked_members(operation: str, document: Any) -> dict[str, Any]:
    """The members in the model's types.

    Raises `SerializationException` for a wrong type, and `InvalidRequest` for a broken constraint.
    """
    shape = firehose_model().operations[operation].input
    checked: dict[str, Any] = typed_structure(FIREHOSE, shape, document)
    text = validation_text(FIREHOSE, shape, checked)
    if text is not None:
        raise InvalidRequest(text)
    return checked


def _error(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, (*JSON, ("x-amzn-ErrorType", document["__type"])), msgspec.json.encode(document))
