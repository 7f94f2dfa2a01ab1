"""From an HTTP request to an operation of the Lambda API and the members of its request.

Rules:
- an operation is told by method and path; a part of the path is percent-decoded after
  the path was cut at its slashes, so an ARN may have any form that a client gives it;
- members come from the path, the query, the headers and the body, as the model says;
- types are checked first, then the model's constraints, with the texts that AWS has.

Refuses to know what an operation does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from headwater.api.validation.constraint_failures import validation_text
from headwater.api.validation.type_checks import typed_structure
from headwater.lambda_.api.errors import InvalidRequestContentException, ValidationException
from headwater.lambda_.api.lambda_model import LAMBDA, RestOperation, lambda_model
from headwater.server.http.exchange import HttpRequest
from headwater.wire.json_format import UNREADABLE

TRUE_AND_FALSE = {"true": True, "false": False}


class RestCall(NamedTuple):
    """An operation, and what the path of the request says to it."""

    name: str
    operation: RestOperation
    parts: dict[str, str]


class _Route(NamedTuple):
    pattern: re.Pattern[str]
    name: str
    operation: RestOperation


def find_call(method: str, path: str) -> RestCall | None:
    """The operation at this place; `None` where the API has none."""
    for pattern, name, operation in _routes().get(method, ()):
        found = pattern.fullmatch(path)
        if found is not None:
            parts = dict(zip(_names(operation), map(unquote, found.groups()), strict=True))
            return RestCall(name, operation, parts)
    return None


def read_members(call: RestCall, request: HttpRequest) -> dict[str, Any]:
    """The members of the request, checked.

    Raises `InvalidRequestContentException` for a body that does not parse, `SerializationException`
    for a wrong type, and `ValidationException` for a broken constraint.
    """
    operation = call.operation
    members = _body_members(operation, request.body)
    query = parse_qs(request.target.partition(b"?")[2].decode("latin-1"), keep_blank_values=True)
    for member, name in operation.query.items():
        if name in query:
            members[member] = _from_text(operation, member, query[name])
    for member, name in operation.headers.items():
        value = request.headers.get(name.lower().encode())
        if value is not None:
            members[member] = _from_text(operation, member, [value.decode("latin-1")])
    for member, name in operation.uri.items():
        members[member] = call.parts[name]
    return checked_members(operation, members)


def checked_members(operation: RestOperation, members: dict[str, Any]) -> dict[str, Any]:
    """The members in the model's types.

    Raises `SerializationException` for a wrong type, and `ValidationException` for a broken constraint.
    """
    checked: dict[str, Any] = typed_structure(LAMBDA, operation.input, members)
    text = validation_text(LAMBDA, operation.input, checked)
    if text is not None:
        raise ValidationException(text)
    return checked


def _body_members(operation: RestOperation, body: bytes) -> dict[str, Any]:
    if operation.payload is not None:
        return {operation.payload: body}
    if not body:
        return {}
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise InvalidRequestContentException(f"Could not parse request body into json: {error}") from None
    if not isinstance(document, dict):
        raise InvalidRequestContentException("Could not parse request body into json: it is not an object")
    elsewhere = operation.uri.keys() | operation.query.keys() | operation.headers.keys()
    return {name: value for name, value in document.items() if name not in elsewhere}


def _from_text(operation: RestOperation, member: str, texts: list[str]) -> Any:
    """The value that a member has as text, as its type wants it; what is not of the type stays as it is."""
    shapes = lambda_model().shapes
    kind = shapes[shapes[operation.input].members[member]].type
    text = texts[-1]
    if kind == "list":
        return texts
    if kind in {"integer", "long"} and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind == "boolean":
        return TRUE_AND_FALSE.get(text, text)
    return text


@lru_cache(maxsize=1)
def _routes() -> dict[str, list[_Route]]:
    """The places of all operations, by method; those with fewer variable parts first."""
    routes: dict[str, list[_Route]] = {}
    for name, operation in lambda_model().operations.items():
        pattern = re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(operation.path)) + "/?")
        routes.setdefault(operation.method, []).append(_Route(pattern, name, operation))
    for rows in routes.values():
        rows.sort(key=lambda route: route.operation.path.count("{"))
    return routes


def _names(operation: RestOperation) -> list[str]:
    return re.findall(r"\{(\w+)\}", operation.path)
