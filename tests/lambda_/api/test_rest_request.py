from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from headwater.lambda_.api.errors import InvalidRequestContentException, ValidationException
from headwater.lambda_.api.rest_request import RestCall, find_call, read_members
from headwater.model.errors import SerializationException
from headwater.server.http.exchange import HttpRequest

FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:orders"
FUNCTIONS = "/2015-03-31/functions"
MAPPINGS = "/2015-03-31/event-source-mappings"


def read(
    method: str, target: str, body: bytes = b"", headers: dict[bytes, bytes] | None = None
) -> tuple[str, dict[str, Any]]:
    call = called(method, target)
    request = HttpRequest(method.encode(), target.encode(), headers or {}, body)
    return call.name, read_members(call, request)


def called(method: str, target: str) -> RestCall:
    call = find_call(method, target.partition("?")[0])
    assert call is not None
    return call


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", FUNCTIONS, "CreateFunction"),
        ("GET", FUNCTIONS, "ListFunctions"),
        ("GET", f"{FUNCTIONS}/", "ListFunctions"),
        ("GET", f"{FUNCTIONS}/orders", "GetFunction"),
        ("GET", f"{FUNCTIONS}/orders/configuration", "GetFunctionConfiguration"),
        ("PUT", f"{FUNCTIONS}/orders/code", "UpdateFunctionCode"),
        ("POST", f"{FUNCTIONS}/orders/invocations", "Invoke"),
        ("DELETE", f"{FUNCTIONS}/orders/policy/allow", "RemovePermission"),
        ("POST", MAPPINGS, "CreateEventSourceMapping"),
        ("PUT", f"{MAPPINGS}/14e0db71-5d35-4eb5-b481-8945cf9d10c2", "UpdateEventSourceMapping"),
        ("GET", f"/2017-03-31/tags/{quote(FUNCTION_ARN, safe='')}", "ListTags"),
        ("PUT", "/2021-10-31/functions/orders/url", "UpdateFunctionUrlConfig"),
    ],
)
def test_an_operation_is_told_by_method_and_path(method: str, path: str, name: str) -> None:
    assert called(method, path).name == name


@pytest.mark.parametrize(("method", "path"), [("PATCH", FUNCTIONS), ("GET", "/"), ("GET", "/functions")])
def test_other_places_have_no_operation(method: str, path: str) -> None:
    assert find_call(method, path) is None


def test_members_come_from_the_path_the_query_the_headers_and_the_body() -> None:
    name, members = read(
        "POST",
        f"{FUNCTIONS}/{quote(FUNCTION_ARN, safe='')}/invocations?Qualifier=live",
        b'{"hello": 1}',
        {b"x-amz-invocation-type": b"Event", b"x-amz-log-type": b"Tail"},
    )
    assert name == "Invoke"
    assert members == {
        "FunctionName": FUNCTION_ARN,
        "Qualifier": "live",
        "InvocationType": "Event",
        "LogType": "Tail",
        "Payload": b'{"hello": 1}',
    }


def test_a_document_is_read_with_its_blobs_and_its_numbers() -> None:
    document = {"FunctionName": "orders", "Role": "arn:aws:iam::000000000000:role/r", "Timeout": 7}
    body = json.dumps(document | {"Code": {"ZipFile": "AAEC"}, "Unknown": 1, "Description": None}).encode()
    assert read("POST", FUNCTIONS, body) == (
        "CreateFunction",
        document | {"Code": {"ZipFile": b"\0\1\2"}},
    )


def test_the_query_has_lists_and_numbers() -> None:
    _, members = read("DELETE", f"/2017-03-31/tags/{FUNCTION_ARN}?tagKeys=a&tagKeys=b")
    assert members["TagKeys"] == ["a", "b"]
    assert read("GET", f"{FUNCTIONS}?MaxItems=5")[1] == {"MaxItems": 5}


def test_the_body_cannot_say_what_belongs_to_the_path() -> None:
    _, members = read("PUT", f"{FUNCTIONS}/orders/configuration", b'{"FunctionName": "other", "Timeout": 3}')
    assert members == {"FunctionName": "orders", "Timeout": 3}


@pytest.mark.parametrize(
    ("method", "target", "body", "text"),
    [
        (
            "GET",
            f"{FUNCTIONS}?MaxItems=0",
            b"",
            (
                "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ),
        ),
        (
            "POST",
            MAPPINGS,
            b'{"BatchSize": 10001}',
            (
                "2 validation errors detected: Value null at 'functionName' failed to satisfy constraint: "
                "Member must not be null; Value '10001' at 'batchSize' failed to satisfy constraint: "
                "Member must have value less than or equal to 10000"
            ),
        ),
        (
            "POST",
            MAPPINGS,
            b'{"FunctionName": "orders", "StartingPosition": "FIRST"}',
            (
                "1 validation error detected: Value 'FIRST' at 'startingPosition' failed to satisfy "
                "constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"
            ),
        ),
    ],
)
def test_broken_constraints_are_named(method: str, target: str, body: bytes, text: str) -> None:
    with pytest.raises(ValidationException) as refused:
        read(method, target, body)
    assert refused.value.message == text


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'"text"'])
def test_a_body_that_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestContentException, match=r"^Could not parse request body into json: "):
        read("POST", MAPPINGS, body)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", MAPPINGS, b'{"FunctionName": 1}'),
        ("POST", MAPPINGS, b'{"FunctionName": "orders", "BatchSize": "ten"}'),
        ("GET", f"{FUNCTIONS}?MaxItems=ten", b""),
    ],
)
def test_a_wrong_type_is_refused(method: str, target: str, body: bytes) -> None:
    with pytest.raises(SerializationException):
        read(method, target, body)
