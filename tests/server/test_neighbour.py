"""A neighbour gets what is for it, and nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.server.http.exchange import Answer, HttpRequest
from headwater.server.neighbour import error_of, service_of
from tests.server.test_dispatch import Api


class Echo:
    """Takes what is signed for `echo` or goes to its path, and says who called."""

    def __init__(self) -> None:
        self.fault: Exception | None = None

    def takes(self, request: HttpRequest, service: str) -> bool:
        return service == "echo" or request.path == b"/echo"

    def call_name(self, request: HttpRequest) -> str:
        return f"AWS echo.{request.method.decode().title()}"

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        document = [caller.account_id, caller.region, request.body.decode()]
        return Answer(202, (("X-Echo", "yes"),), json.dumps(document).encode())

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        return Answer(500, (), error.code.encode())

    async def reset(self) -> None:
        """There is nothing to forget."""

    async def close(self) -> None:
        """There is nothing to end."""


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def api(loopback: Any, echo: Echo) -> Api:
    return Api(loopback, neighbours=(echo,))


def signed_for(service: str) -> dict[str, str]:
    credential = f"111122223333/20250101/eu-west-1/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00",
        "X-Amz-Date": "20250101T000000Z",
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_is_signed_for_a_neighbour_is_answered_by_it(api: Api, method: str) -> None:
    reply = api.ask(signed_for("echo"), b"hello", method=method, target="/any/path")
    assert (reply.status, reply.headers["X-Echo"]) == (202, "yes")
    assert json.loads(reply.body) == ["111122223333", "eu-west-1", "hello"]
    assert f"AWS echo.{method.title()}" in api.log


def test_a_caller_who_does_not_sign_is_whom_the_settings_name(api: Api) -> None:
    reply = api.ask({}, b"hello", target="/echo")
    assert json.loads(reply.body) == ["000000000000", "us-east-1", "hello"]


def test_an_operation_of_kinesis_never_goes_to_a_neighbour(api: Api) -> None:
    reply = api.call("WhoAmI", b"{}", Authorization=signed_for("echo")["Authorization"])
    assert json.loads(reply.body)["Request"] == {}


def test_what_no_neighbour_takes_is_answered_as_without_any(api: Api, loopback: Any) -> None:
    alone = Api(loopback)
    for headers in ({}, signed_for("kinesis"), signed_for("other")):
        replies = [each.ask(headers, b"{}", method="PUT") for each in (api, alone)]
        assert [reply.status for reply in replies] == [403, 403]
        assert replies[0].body == replies[1].body


def test_a_fault_of_a_neighbour_is_answered_in_its_own_words_and_logged(api: Api, echo: Echo) -> None:
    echo.fault = ZeroDivisionError("a fault")
    reply = api.ask(signed_for("echo"), b"hello")
    assert (reply.status, reply.body) == (500, b"InternalFailure")
    assert "ZeroDivisionError" in api.log


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        (signed_for("s3"), "/"),
        ({}, "/?X-Amz-Credential=AKID%2F20250101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=x"),
        ({}, "/?X-Amz-Credential=AKID/20250101/us-east-1/s3/aws4_request"),
    ],
)
def test_the_service_is_that_of_the_signature(headers: dict[str, str], target: str) -> None:
    fields = {name.lower().encode(): value.encode() for name, value in headers.items()}
    assert service_of(HttpRequest(b"GET", target.encode(), fields, b"")) == "s3"


def test_a_request_without_a_signature_has_no_service() -> None:
    assert service_of(HttpRequest(b"GET", b"/", {b"authorization": b"Basic abc"}, b"")) == ""


@pytest.mark.parametrize(
    ("fields", "body", "named"),
    [
        ((), b'{"__type": "com.amazonaws.dynamodb#ConditionalCheckFailedException", "message": "No"}', "No"),
        ((), b"<Error><Code>ConditionalCheckFailedException</Code><Message>No</Message></Error>", "No"),
        ((("X-Amzn-ErrorType", "ConditionalCheckFailedException:http://x"),), b"", None),
    ],
)
def test_an_error_is_named(fields: tuple[tuple[str, str], ...], body: bytes, named: str | None) -> None:
    assert error_of(Answer(400, fields, body)) == ("ConditionalCheckFailedException", named)
    assert error_of(Answer(200, fields, body)) == ("", None)


def test_what_names_no_error_has_none() -> None:
    assert error_of(Answer(400, (("x-amzn-errortype", "a b"),), b"\xff")) == ("", None)
