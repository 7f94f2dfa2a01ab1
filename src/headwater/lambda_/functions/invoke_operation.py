"""Invoke: at once, later, or not at all.

`RequestResponse` waits for the function, `Event` leaves it to the queue of asynchronous
invocations, `DryRun` only looks whether there is a function.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import msgspec

from headwater.engine.held_versions import catch_up
from headwater.lambda_.api.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestTooLargeException,
    ResourceConflictException,
    ServiceException,
    TooManyRequestsException,
)
from headwater.lambda_.api.rest_api import JSON, Handler
from headwater.lambda_.functions.asynchronous_invocations import AsynchronousInvocations, QueueFull
from headwater.lambda_.functions.environments import ReservedConcurrencyReached
from headwater.lambda_.functions.functions import FunctionPending, Functions, NamedVersion
from headwater.lambda_.functions.invocation import FunctionThrottled, FunctionUnavailable, InvocationResult
from headwater.lambda_.functions.name import named_function
from headwater.lambda_.functions.requests import found
from headwater.model.caller import Caller
from headwater.server.asyncio_bridge import finished
from headwater.server.http.exchange import Answer
from headwater.wire.json_format import UNREADABLE

PAYLOAD_BYTES_MAX = {"RequestResponse": 6_291_456, "Event": 1_048_576, "DryRun": 6_291_456}
CLIENT_CONTEXT_BYTES_MAX = 3583
NO_CONTEXT = "Client context must be a valid Base64-encoded JSON object."
PENDING = (
    "The operation cannot be performed at this time. "
    "The function is currently in the following state: Pending"
)


def invoke_operation(functions: Functions, later: AsynchronousInvocations) -> Handler:
    """The operation for the functions of one server."""
    return partial(invoke, functions, later)


async def invoke(
    functions: Functions, later: AsynchronousInvocations, caller: Caller, request: dict[str, Any]
) -> Answer:
    """Run a function, as any server knows it.

    Raises InvalidParameterValueException, ResourceConflictException and `StoreUnavailable`.
    """
    asked_s = functions.engine.stopwatch()
    await finished(catch_up(functions.engine))
    kind = request.get("InvocationType") or "RequestResponse"
    for member in ("DurableExecutionName", "TenantId"):
        if request.get(member):
            raise InvalidParameterValueException(f"Headwater does not offer {member}.")
    named = named_function(request["FunctionName"], caller, request.get("Qualifier"))
    chosen = found(functions, named)
    payload = _checked_payload(request.get("Payload") or b"", kind)
    client_context = _checked_context(request.get("ClientContext"))
    if kind == "DryRun":
        return Answer(204, (), b"")
    if not chosen.version.is_active(functions.now_ms()):
        raise ResourceConflictException(PENDING)
    if kind == "Event":
        try:
            later.add(named, payload, functions.new_uuid())
        except QueueFull:
            raise _throttled("CallerRateLimitExceeded", "Too many events wait for functions.") from None
        return Answer(202, JSON, b"")
    result = await _run(functions, chosen, payload, client_context, asked_s)
    return _answer(result, with_log=request.get("LogType") == "Tail")


async def _run(
    functions: Functions, chosen: NamedVersion, payload: bytes, client_context: str | None, asked_s: float
) -> InvocationResult:
    try:
        return await functions.run(chosen, payload, functions.new_uuid(), client_context, asked_s)
    except ReservedConcurrencyReached:
        raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.") from None
    except FunctionThrottled:
        raise _throttled("ConcurrentInvocationLimitExceeded", "Rate Exceeded.") from None
    except FunctionPending:
        raise ResourceConflictException(PENDING) from None
    except FunctionUnavailable as error:
        raise ServiceException(f"The function cannot be run: {error}") from error


def _throttled(reason: str, text: str) -> TooManyRequestsException:
    return TooManyRequestsException(text, reason)


def _answer(result: InvocationResult, *, with_log: bool) -> Answer:
    fields = [*JSON, ("X-Amz-Executed-Version", result.executed_version)]
    if result.function_error is not None:
        fields.append(("X-Amz-Function-Error", result.function_error))
    if with_log:
        fields.append(("X-Amz-Log-Result", base64.b64encode(result.log_tail).decode()))
    return Answer(200, tuple(fields), result.payload)


def _checked_payload(payload: bytes, kind: str) -> bytes:
    limit = PAYLOAD_BYTES_MAX[kind]
    if len(payload) > limit:
        raise RequestTooLargeException(
            f"{len(payload)} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        )
    if not payload.strip():
        return b"{}"
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
        payload.decode()
    except UNREADABLE as error:
        raise InvalidRequestContentException(f"Could not parse request body into json: {error}") from None
    return payload


def _checked_context(text: str | None) -> str | None:
    """The client's context, as the function gets it: JSON in one line. It comes in base64."""
    if not text:
        return None
    if len(text) > CLIENT_CONTEXT_BYTES_MAX:
        raise InvalidRequestContentException("Client context must be at most 3583 bytes of base64.")
    try:
        document = msgspec.json.decode(base64.b64decode(text, validate=True))
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidRequestContentException(f"{NO_CONTEXT}: {error}") from None
    if not isinstance(document, dict):
        raise InvalidRequestContentException(NO_CONTEXT)
    return json.dumps(document)  # in ASCII, for it becomes a header
