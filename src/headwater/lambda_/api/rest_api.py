"""The Lambda API over HTTP: a neighbouring service.

Rules:
- an operation is a coroutine function that takes the caller and the checked members, and gives
  the document of its answer, or an `Answer` where the document is not all;
- errors are named below and become answers here, in the form of AWS: the name in a header, a
  document with `Type` and `message`;
- an operation of the API that Headwater does not offer is refused by its name.

Refuses to know what an operation does.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

import msgspec

from headwater.lambda_.api.errors import LambdaError, ServiceException
from headwater.lambda_.api.lambda_model import lambda_model
from headwater.lambda_.api.rest_request import RestCall, checked_members, find_call, read_members
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError, SerializationException
from headwater.model.instant import Instant
from headwater.server.asyncio_bridge import free_frames
from headwater.server.http.exchange import Answer, Fields, HttpRequest

JSON: Fields = (("Content-Type", "application/json"),)
SERVICE = "lambda"

Handler: TypeAlias = Callable[[Caller, dict[str, Any]], Coroutine[Any, Any, dict[str, Any] | Answer]]
"""Takes the caller and the members of a request; gives the answer's document, or all of the answer."""

STATUSES = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
}
"""Of errors that are found before the request comes here, where they are not 400."""
NOT_OFFERED_STATUS = 501
UNKNOWN_STATUS = 404


class LambdaApi:
    """Answers the requests to Lambda of one server."""

    def __init__(
        self,
        operations: Mapping[str, Handler],
        *,
        on_reset: Callable[[], Coroutine[Any, Any, None]],
        on_close: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """`operations` are those that are offered, by name."""
        self._operations = operations
        self._on_reset = on_reset
        self._on_close = on_close

    def takes(self, request: HttpRequest, service: str) -> bool:
        """Whether the request is for Lambda: it is signed for it, or its path is one of Lambda's."""
        if service:
            return service == SERVICE
        return _call_of(request) is not None

    def call_name(self, request: HttpRequest) -> str:
        """What the log calls the request."""
        call = _call_of(request)
        return f"AWS lambda.{call.name}" if call else "AWS lambda"

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request."""
        call = _call_of(request)
        if call is None:
            place = f"{request.method.decode('latin-1')} {request.path.decode('latin-1')}"
            return _error(UNKNOWN_STATUS, "UnknownOperationException", f"There is no {place} in Lambda.")
        handler = self._operations.get(call.name)
        if handler is None:
            return _error(
                NOT_OFFERED_STATUS,
                "NotImplementedException",
                f"Headwater does not offer Lambda's {call.name}.",
            )
        try:
            answer = await handler(caller, read_members(call, request))
        except LambdaError as error:
            free_frames(error)
            return _error(
                error.status, error.code, error.message, error.fault, error.message_member, error.reason
            )
        except KinesisError as error:
            free_frames(error)
            return self.refuse(request, error)
        if isinstance(answer, Answer):
            return answer
        status = call.operation.status
        body = b"" if status == 204 else msgspec.json.encode(answer, enc_hook=_printable)
        return Answer(status, JSON, body)

    async def document(self, caller: Caller, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """What an operation answers to somebody in this process, its members checked as a client's.

        An answer without a document is an empty one. Raises `LambdaError` and `KinesisError`.
        """
        checked = checked_members(lambda_model().operations[operation], members)
        answer = await self._operations[operation](caller, checked)
        return {} if isinstance(answer, Answer) else answer

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:  # noqa: ARG002 - all alike
        """Word an error that is not one of Lambda's own."""
        status = 400 if isinstance(error, SerializationException) else STATUSES.get(error.code, 400)
        if status == ServiceException.status:
            return _error(status, ServiceException.code, error.message or "", ServiceException.fault)
        return _error(status, error.code, error.message or "")

    async def reset(self) -> None:
        """Forget every function and mapping."""
        await self._on_reset()

    async def close(self) -> None:
        """End what is under way."""
        await self._on_close()


def _call_of(request: HttpRequest) -> RestCall | None:
    return find_call(request.method.decode("latin-1"), request.path.decode("latin-1"))


def _error(
    status: int,
    code: str,
    message: str,
    fault: str = "User",
    message_member: str = "message",
    reason: str | None = None,
) -> Answer:
    document = {"Type": fault, message_member: message}
    if reason is not None:
        document["Reason"] = reason
    return Answer(status, (*JSON, ("X-Amzn-ErrorType", code)), msgspec.json.encode(document))


def _printable(value: Any) -> Any:
    """Values of an answer that JSON does not have: moments are seconds since 1970."""
    if isinstance(value, Instant):
        return value.ms / 1000
    raise TypeError(type(value).__name__)
