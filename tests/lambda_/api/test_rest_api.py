"""The Lambda API through boto3 and a real port, with operations of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from headwater.lambda_.api.errors import ResourceNotFoundException
from headwater.lambda_.api.rest_api import Handler, LambdaApi
from headwater.model.caller import Caller
from headwater.model.instant import Instant
from headwater.server.http.exchange import Answer
from tests.server.test_dispatch import Api

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:orders"


async def get_function(caller: Caller, members: dict[str, Any]) -> dict[str, Any]:
    if members["FunctionName"] == "missing":
        raise ResourceNotFoundException(f"Function not found: {FUNCTION_ARN}")
    return {"Configuration": {"FunctionName": members["FunctionName"], "Description": caller.region}}


async def list_event_source_mappings(caller: Caller, members: dict[str, Any]) -> dict[str, Any]:
    return {"EventSourceMappings": [{"LastModified": Instant(1_893_456_000_000)}]}


async def invoke(caller: Caller, members: dict[str, Any]) -> Answer:
    return Answer(200, (("X-Amz-Executed-Version", "7"),), members["Payload"])


async def delete_alias(caller: Caller, members: dict[str, Any]) -> dict[str, Any]:
    return {}


async def get_policy(caller: Caller, members: dict[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError("a fault")


async def nothing() -> None:
    """What there is to do when the tests' server is reset or closed."""


@pytest.fixture
def api(loopback: Any) -> Api:
    operations: dict[str, Handler] = {
        "GetFunction": get_function,
        "ListEventSourceMappings": list_event_source_mappings,
        "Invoke": invoke,
        "DeleteAlias": delete_alias,
        "GetPolicy": get_policy,
    }
    return Api(loopback, neighbours=(LambdaApi(operations, on_reset=nothing, on_close=nothing),))


@pytest.fixture
def functions(api: Api) -> Iterator[Any]:
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{api.server.port}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_an_operation_is_answered_with_its_document(functions: Any) -> None:
    answer = functions.get_function(FunctionName="orders")
    assert answer["Configuration"] == {"FunctionName": "orders", "Description": "eu-west-1"}


def test_moments_are_told_in_seconds(functions: Any) -> None:
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["LastModified"] == datetime(2030, 1, 1, tzinfo=UTC)


def test_an_operation_may_give_the_whole_answer(functions: Any) -> None:
    answer = functions.invoke(FunctionName="orders", Payload=b"[1, 2]")
    assert (answer["ExecutedVersion"], answer["Payload"].read()) == ("7", b"[1, 2]")


def test_an_answer_without_content_has_no_body(functions: Any) -> None:
    answer = functions.delete_alias(FunctionName="orders", Name="live")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "content-length" not in answer["ResponseMetadata"]["HTTPHeaders"]


def test_an_error_has_its_name_its_status_and_its_text(functions: Any) -> None:
    with pytest.raises(functions.exceptions.ResourceNotFoundException) as error:
        functions.get_function(FunctionName="missing")
    assert refused(error) == (404, "ResourceNotFoundException", f"Function not found: {FUNCTION_ARN}")
    assert error.value.response["Type"] == "User"


def test_a_broken_constraint_is_named(functions: Any) -> None:
    with pytest.raises(ClientError) as error:
        functions.get_function(FunctionName="no function")
    status, code, message = refused(error)
    assert (status, code) == (400, "ValidationException")
    assert message.startswith("1 validation error detected: Value 'no function' at 'functionName' failed")


def test_what_is_not_offered_is_refused_by_its_name(functions: Any) -> None:
    with pytest.raises(ClientError) as error:
        functions.list_layers()
    assert refused(error) == (501, "NotImplementedException", "Headwater does not offer Lambda's ListLayers.")


def test_a_fault_is_lambdas_service_exception(functions: Any, api: Api) -> None:
    with pytest.raises(functions.exceptions.ServiceException):
        functions.get_policy(FunctionName="orders")
    assert "ZeroDivisionError" in api.log


def test_a_place_that_lambda_does_not_have_is_unknown(api: Api) -> None:
    credential = "test/20250101/eu-west-1/lambda/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}
    reply = api.ask(headers, method="GET", target="/nowhere")
    assert (reply.status, reply.headers["X-Amzn-ErrorType"]) == (404, "UnknownOperationException")


def test_a_call_without_a_signature_is_told_by_its_path(api: Api) -> None:
    reply = api.ask({}, method="GET", target="/2015-03-31/functions/orders")
    assert reply.status == 200
    assert "AWS lambda.GetFunction" in api.log
