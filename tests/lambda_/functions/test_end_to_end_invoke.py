"""Functions in Python, in Node and with a bootstrap of their own, invoked through boto3."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lambda_.function_server import (
    HAS_NODE,
    NODE,
    PYTHON,
    ROLE,
    FunctionServer,
    awaited_words,
    function_server,
    is_running,
    shared_function_server,
    zipped,
)
from tests.waiting import awaited

ECHO = """
import os
def handler(event, context):
    print("got", event)
    names = ("function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb",
             "log_group_name")
    return {
        "event": event,
        "context": {name: getattr(context, name) for name in names},
        "id": context.aws_request_id,
        "left_ms": context.get_remaining_time_in_millis(),
        "client": context.client_context.custom if context.client_context else None,
        "variables": dict(os.environ),
        "pid": os.getpid(),
        "cwd": os.getcwd(),
    }
"""
BOOTSTRAP = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  head=$(mktemp)
  event=$(curl -sS -D "$head" "$api/next") || exit 1
  id=$(grep -i lambda-runtime-aws-request-id "$head" | tr -d '[:space:]' | cut -d: -f2)
  rm "$head"
  curl -sS -X POST "$api/$id/response" -d "{\\"said\\": $event, \\"handler\\": \\"$_HANDLER\\"}" >/dev/null
done
"""
needs_node = pytest.mark.skipif(not HAS_NODE, reason="there is no Node here")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionServer]:
    with shared_function_server(tmp_path_factory.mktemp("functions")) as running:
        yield running


@pytest.fixture(scope="module")
def echo(server: FunctionServer) -> str:
    server.create_python(
        "echo", ECHO, Environment={"Variables": {"COLOUR": "blue"}}, MemorySize=256, Timeout=200
    )
    return "echo"


def test_a_python_function_gets_its_event_and_its_context(server: FunctionServer, echo: str) -> None:
    invoked = server.invoke(echo, {"order": 7})
    assert (invoked.error, invoked.version) == (None, "$LATEST")
    assert invoked.payload["event"] == {"order": 7}
    assert invoked.payload["context"] == {
        "function_name": "echo",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:echo",
        "memory_limit_in_mb": "256",
        "log_group_name": "/aws/lambda/echo",
    }
    assert 0 < invoked.payload["left_ms"] <= 200_000


def test_the_environment_is_lambdas_and_the_functions_own(server: FunctionServer, echo: str) -> None:
    payload = server.invoke(echo).payload
    variables = payload["variables"]
    assert variables["COLOUR"] == "blue"
    assert variables["AWS_ENDPOINT_URL"] == server.endpoint_url
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{PYTHON}"
    assert variables["_HANDLER"] == "app.handler"
    assert variables["LAMBDA_TASK_ROOT"] == payload["cwd"]
    assert "HOME" not in variables


def test_the_end_of_the_log_comes_with_the_answer(server: FunctionServer, echo: str) -> None:
    invoked = server.invoke(echo, {"a": 1})
    start, *said, end, report = invoked.log.splitlines()
    request_id = invoked.payload["id"]
    assert start == f"START RequestId: {request_id} Version: $LATEST"
    assert said == ["got {'a': 1}"]
    assert end == f"END RequestId: {request_id}"
    assert report.startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "Memory Size: 256 MB" in report


def test_a_process_stays_warm_and_gives_way_to_new_code(server: FunctionServer) -> None:
    server.create_python("warm", "import os\ndef handler(event, context): return ['one', os.getpid()]")
    first, second = server.invoke("warm").payload, server.invoke("warm").payload
    assert first == second
    text = "import os\ndef handler(event, context): return ['two', os.getpid()]"
    server.client.update_function_code(FunctionName="warm", ZipFile=zipped({"app.py": text}))
    server.await_active("warm")
    changed = server.invoke("warm").payload
    assert changed[0] == "two"
    server.client.update_function_configuration(FunctionName="warm", Timeout=99)
    server.await_active("warm")
    assert server.invoke("warm").payload[1] != changed[1]


def test_what_is_busy_when_its_function_changes_answers_and_then_ends(
    server: FunctionServer, tmp_path: Path
) -> None:
    text = """
import os, time
def handler(event, context):
    open(event["begun"], "w").close()
    while not os.path.exists(event["go"]):
        time.sleep(0.01)
    return os.getpid()
"""
    event = {"begun": str(tmp_path / "begun"), "go": str(tmp_path / "go")}
    server.create_python("changing", text)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(server.invoke, "changing", event)
        awaited((tmp_path / "begun").exists)
        server.client.update_function_configuration(FunctionName="changing", Timeout=99)
        (tmp_path / "go").touch()
        pid = waiting.result().payload
    awaited(lambda: not is_running(pid))
    server.await_active("changing")
    assert server.invoke("changing", event).payload != pid


def test_the_context_of_the_client_is_handed_on(server: FunctionServer, echo: str) -> None:
    context = base64.b64encode(json.dumps({"custom": {"city": "Zürich"}}).encode()).decode()
    assert server.invoke(echo, ClientContext=context).payload["client"] == {"city": "Zürich"}


def test_a_dry_run_runs_nothing(server: FunctionServer, echo: str) -> None:
    answer = server.client.invoke(FunctionName=echo, InvocationType="DryRun")
    assert answer["StatusCode"] == 204


def test_an_event_is_left_to_the_queue_and_tried_again_when_it_fails(
    tmp_path: Path,
) -> None:
    text = """
import os
def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(context.aws_request_id + "\\n")
    raise ValueError("never")
"""
    seen = tmp_path / "seen"
    with function_server(tmp_path, "--lambda-retry-delay-ms", "10") as server:
        server.create_python("later", text, Environment={"Variables": {"SEEN": str(seen)}})
        answer = server.client.invoke(FunctionName="later", InvocationType="Event", Payload=b"{}")
        assert answer["StatusCode"] == 202
        ids = awaited_words(seen, 3)
        assert len(set(ids)) == 1
        awaited(lambda: f"the event {ids[0]} is given up" in (tmp_path / "server.log").read_text())


@pytest.mark.parametrize(
    ("text", "error_type", "message"),
    [
        ("def handler(event, context): raise KeyError('gone')", "KeyError", "'gone'"),
        (
            "import nothing_of_this_name",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module",
        ),
        (
            "def other(event, context): pass",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app'",
        ),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("def handler(event, context): return {1, 2}", "Runtime.MarshalError", "Unable to marshal response"),
        (
            "def handler(event, context): return 'x' * 6_300_000",
            "Function.ResponseSizeTooLarge",
            "Response payload",
        ),
        (
            "import os\ndef handler(event, context): os._exit(3)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 3",
        ),
        (
            "import os, signal\ndef handler(event, context): os.kill(os.getpid(), signal.SIGKILL)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: killed",
        ),
        ("import sys\nsys.exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason"),
    ],
)
def test_errors_are_told_in_lambdas_words(
    server: FunctionServer, request: pytest.FixtureRequest, text: str, error_type: str, message: str
) -> None:
    name = f"fails-{abs(hash(text))}"
    server.create_python(name, text)
    invoked = server.invoke(name)
    assert invoked.error == "Unhandled"
    assert invoked.payload["errorType"] == error_type
    assert message in invoked.payload["errorMessage"]


def test_a_function_that_takes_too_long_is_killed_and_the_next_one_is_fresh(server: FunctionServer) -> None:
    text = """
import time
seen = []
def handler(event, context):
    seen.append(event)
    while event.get("forever"):
        time.sleep(0.01)
    return len(seen)
"""
    server.create_python("slow", text, Timeout=1)

    def is_fresh() -> bool:
        """Whether it has seen no other event. On a busy machine an invocation may be too late by itself."""
        return bool(server.invoke("slow").payload == 1)

    awaited(is_fresh)
    late = server.invoke("slow", {"forever": True})
    assert late.error == "Unhandled"
    assert late.payload["errorType"] == "Sandbox.Timedout"
    assert late.payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Status: timeout" in late.log
    awaited(is_fresh)


@needs_node
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("app.js", "exports.handler = async (event, context) => [event, context.functionName]"),
        ("app.cjs", "exports.handler = (event, context, done) => done(null, [event, context.functionName])"),
        ("app.mjs", "export const handler = async (event, context) => [event, context.functionName]"),
    ],
)
def test_a_node_function_may_be_written_in_each_way(server: FunctionServer, file: str, text: str) -> None:
    name = f"node-{file.partition('.')[2]}"
    server.create(name, {file: text}, Runtime=NODE)
    invoked = server.invoke(name, {"n": 1})
    assert (invoked.error, invoked.payload) == (None, [{"n": 1}, name])


@needs_node
@pytest.mark.parametrize(
    ("text", "error_type", "message"),
    [
        ("exports.handler = async () => { throw new RangeError('too far') }", "RangeError", "too far"),
        ("exports.handler = (e, c, done) => done(new TypeError('no'))", "TypeError", "no"),
        ("require('nothing-of-this-name')", "Runtime.ImportModuleError", "Cannot find module"),
        ("exports.other = 1", "Runtime.HandlerNotFound", "app.handler is undefined or not exported"),
        ("exports.handler = async () => process.exit(5)", "Runtime.ExitError", "exit status 5"),
    ],
)
def test_errors_of_node_are_told_in_lambdas_words(
    server: FunctionServer, text: str, error_type: str, message: str
) -> None:
    name = f"fails-{abs(hash(text))}"
    server.create(name, {"app.js": text}, Runtime=NODE)
    invoked = server.invoke(name)
    assert (invoked.error, invoked.payload["errorType"]) == ("Unhandled", error_type)
    assert message in invoked.payload["errorMessage"]


def test_anything_runs_by_its_bootstrap(server: FunctionServer) -> None:
    server.create("shell", {"bootstrap": BOOTSTRAP}, Runtime="provided.al2023", Handler="any.thing")
    assert server.invoke("shell", [1]).payload == {"said": [1], "handler": "any.thing"}
    server.create("empty", {"other": ""}, Runtime="provided.al2023")
    missing = server.invoke("empty")
    assert missing.payload["errorType"] == "Runtime.InvalidEntrypoint"


def test_what_is_reserved_bounds_the_invocations_at_once(server: FunctionServer) -> None:
    server.create_python("closed", "def handler(event, context): return 1")
    server.client.put_function_concurrency(FunctionName="closed", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        server.invoke("closed")
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    server.client.delete_function_concurrency(FunctionName="closed")
    assert server.invoke("closed").payload == 1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{no", "InvalidRequestContentException"),
        (b'"' + b"x" * 6_291_456 + b'"', "RequestTooLargeException"),
    ],
)
def test_payloads_that_no_function_gets(server: FunctionServer, echo: str, payload: bytes, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        server.client.invoke(FunctionName=echo, Payload=payload)
    assert refused.value.response["Error"]["Code"] == code


def test_an_alias_with_weights_shares_the_invocations_out(server: FunctionServer) -> None:
    def text(number: int) -> str:
        return f"def handler(event, context): return [{number}, context.invoked_function_arn]"

    server.create_python("shared", text(1), Publish=True)
    server.client.update_function_code(FunctionName="shared", ZipFile=zipped({"app.py": text(2)}))
    server.await_active("shared")
    server.client.publish_version(FunctionName="shared")
    server.client.create_alias(FunctionName="shared", Name="live", FunctionVersion="1")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:shared:live"
    assert server.invoke("shared", Qualifier="live").payload == [1, arn]
    routing: dict[str, Any] = {"AdditionalVersionWeights": {"2": 1.0}}
    server.client.update_alias(FunctionName="shared", Name="live", RoutingConfig=routing)
    assert server.invoke("shared:live").payload == [2, arn]
    assert server.invoke("shared:1").payload[0] == 1


def test_a_function_calls_the_server_without_a_setting(server: FunctionServer) -> None:
    text = """
import http.client, json, os
from urllib.parse import urlsplit
def handler(event, context):
    connection = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc)
    connection.request("GET", "/_headwater/health")
    return json.loads(connection.getresponse().read())
"""
    server.create_python("caller", text)
    assert server.invoke("caller").payload["status"] == "running"


@pytest.mark.long  # which interpreter is chosen: test_runtimes.py
@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_a_function_runs_with_the_python_that_it_is_for(server: FunctionServer, version: str) -> None:
    name = f"python-{version.replace('.', '-')}"
    text = "import sys\ndef handler(event, context): return [*sys.version_info[:2], context.tenant_id]"
    try:
        server.create_python(name, text, Runtime=f"python{version}")
    except ClientError as error:
        pytest.skip(str(error))
    assert server.invoke(name).payload == [*map(int, version.split(".")), None]


@pytest.mark.long
def test_as_many_processes_run_as_may_and_the_oldest_gives_way(tmp_path: Path) -> None:
    slow = """
import os, time
def handler(event, context):
    open(event["begun"], "w").close()
    while not os.path.exists(event["go"]):
        time.sleep(0.01)
    return os.getpid()
"""
    event = {"begun": str(tmp_path / "begun"), "go": str(tmp_path / "go")}
    with function_server(tmp_path, "--lambda-concurrency", "1") as server:
        server.create_python("slow", slow)
        server.create_python("quick", "def handler(event, context): return 1")
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(server.invoke, "slow", event)
            awaited((tmp_path / "begun").exists)
            with pytest.raises(ClientError) as refused:
                server.invoke("quick")
            assert refused.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
            (tmp_path / "go").touch()
            pid = waiting.result().payload
        assert server.invoke("slow", event).payload == pid
        assert server.invoke("quick").payload == 1
        assert server.invoke("slow", event).payload != pid


@pytest.mark.long
def test_a_zip_of_fifty_megabytes_is_taken_and_a_larger_one_is_not(server: FunctionServer) -> None:
    def code(size: int) -> bytes:
        body = io.BytesIO(zipped({"app.py": "def handler(event, context): return 'large'"}))
        with zipfile.ZipFile(body, "a") as archive:
            archive.writestr("noise", os.urandom(size))
        return body.getvalue()

    members = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
    server.client.create_function(FunctionName="large", Code={"ZipFile": code(52_000_000)}, **members)
    server.await_active("large")
    assert server.invoke("large").payload == "large"
    with pytest.raises(ClientError) as refused:
        server.client.create_function(FunctionName="larger", Code={"ZipFile": code(53_000_000)}, **members)
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"
