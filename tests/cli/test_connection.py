from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from headwater.cli.client_environment import ClientEnvironment
from headwater.cli.connection import (
    ApiError,
    ClientFailure,
    NoServer,
    ServerConnection,
    stream_reference,
)
from headwater.cli.table import iso_time, printable
from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import TRANSIENT_CODES
from tests.waiting import RETRY_FOR_S


class Answers:
    """An HTTP server that gives prepared answers and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, bytes], closes: bool = False) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections = 0
        self.closed = threading.Event()
        """Once it has closed a connection."""
        left = iter(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, answer = next(left)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.close_connection = closes  # without a word about it in the answer

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            def shutdown_request(self, request: Any) -> None:
                super().shutdown_request(request)
                outer.closed.set()

        self._http = Server(("127.0.0.1", 0), Handler)
        self.endpoint_url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@contextmanager
def connected(endpoint_url: str, access_key_id: str = "test") -> Iterator[ServerConnection]:
    connection = ServerConnection(ClientEnvironment(endpoint_url, "eu-west-1", access_key_id))
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def instantly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sleeping takes no time."""
    monkeypatch.setattr(Backoff, "delay_s", lambda _: 0.0)


def test_a_call_is_one_request_in_aws_json() -> None:
    with Answers((200, b'{"ShardId": "s"}')) as answers, connected(answers.endpoint_url) as connection:
        assert connection.call("PutRecord", StreamName="orders", Data="aGk=", ExplicitHashKey=None) == {
            "ShardId": "s"
        }
    headers, body = answers.requests[0]
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert headers["x-amz-target"] == "Kinesis_20131202.PutRecord"
    assert json.loads(body) == {"StreamName": "orders", "Data": "aGk="}


def test_an_operation_without_output_answers_with_nothing() -> None:
    with Answers((200, b"")) as answers, connected(answers.endpoint_url) as connection:
        assert connection.call("DeleteStream", StreamName="orders") == {}


def test_calls_share_a_connection() -> None:
    with Answers((200, b"{}"), (200, b"{}")) as answers, connected(answers.endpoint_url) as connection:
        connection.call("ListStreams")
        connection.call("ListStreams")
    assert answers.connections == 1


def test_a_connection_that_the_server_closed_is_opened_again_and_nothing_is_sent_twice() -> None:
    with (
        Answers((200, b"{}"), (200, b"{}"), closes=True) as answers,
        connected(answers.endpoint_url) as connection,
    ):
        connection.call("ListStreams")
        assert answers.closed.wait(RETRY_FOR_S)
        connection.call("ListStreams")
    assert (answers.connections, len(answers.requests)) == (2, 2)


def test_a_call_is_signed_with_the_key_of_the_environment() -> None:
    with Answers((200, b"{}")) as answers:
        environment = ClientEnvironment(
            answers.endpoint_url, "eu-west-1", "123456789012", "secret", session_token="token"
        )
        connection = ServerConnection(environment)
        connection.call("ListStreams", Limit=1)
        connection.close()
    ((headers, body),) = answers.requests
    signed = AWSRequest(
        "POST",
        f"{answers.endpoint_url}/",
        {name: headers[name] for name in ("content-type", "host", "x-amz-target")},
        body,
    )
    signed.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("123456789012", "secret", "token"), "kinesis", "eu-west-1")
    signed.headers["x-amz-date"] = headers["x-amz-date"]
    signed.headers["x-amz-security-token"] = "token"
    expected = signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
    assert headers["x-amz-security-token"] == "token"
    assert headers["authorization"].endswith(f"Signature={expected}")
    assert "Credential=123456789012/" in headers["authorization"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"__type": "ResourceNotFoundException", "message": "Stream a not found."}',
        b'{"__type": "com.amazonaws.kinesis#ResourceNotFoundException", "Message": "Stream a not found."}',
    ],
)
def test_an_error_of_the_api_has_its_code_and_text(body: bytes) -> None:
    with (
        Answers((400, body)) as answers,
        connected(answers.endpoint_url) as connection,
        pytest.raises(ApiError) as caught,
    ):
        connection.call("DescribeStream", StreamName="a")
    assert caught.value.code == "ResourceNotFoundException"
    assert caught.value.message == "ResourceNotFoundException: Stream a not found."


def test_an_error_cannot_drive_the_terminal() -> None:
    body = json.dumps({"__type": "ValidationException", "message": "Value '\x1b[2J' failed"}).encode()
    with (
        Answers((400, body)) as answers,
        connected(answers.endpoint_url) as connection,
        pytest.raises(ApiError, match=r"Value '\\x1b\[2J' failed"),
    ):
        connection.call("DescribeStream", StreamName="a")


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html>"), (200, b"hello"), (200, b"[]"), (500, b""), (403, b"{}")]
)
def test_something_else_that_answers_is_not_taken_for_a_kinesis_server(status: int, body: bytes) -> None:
    with (
        Answers((status, body)) as answers,
        connected(answers.endpoint_url) as connection,
        pytest.raises(NoServer, match="is not a Kinesis server"),
    ):
        connection.call("ListStreams")


@pytest.mark.usefixtures("instantly")
def test_a_transient_error_is_waited_out() -> None:
    throttled = (400, b'{"__type": "ProvisionedThroughputExceededException"}')
    with (
        Answers(throttled, throttled, (200, b"{}")) as answers,
        connected(answers.endpoint_url) as connection,
    ):
        assert connection.call_retrying("GetRecords") == {}
    assert len(answers.requests) == 3


@pytest.mark.usefixtures("instantly")
@pytest.mark.parametrize(
    "refusal",
    [*((400, code) for code in sorted(TRANSIENT_CODES)), (500, "SomethingNew"), (503, "SomethingNew")],
    ids=str,
)
def test_every_error_that_the_library_tries_again_is_waited_out(refusal: tuple[int, str]) -> None:
    status, code = refusal
    with (
        Answers((status, json.dumps({"__type": code}).encode()), (200, b"{}")) as answers,
        connected(answers.endpoint_url) as connection,
    ):
        assert connection.call_retrying("ListShards") == {}
    assert len(answers.requests) == 2


def test_a_command_loads_neither_the_clients_http_nor_an_sdk() -> None:
    program = (
        "import sys, headwater.cli.put, headwater.cli.tail; "
        "print([name for name in ('aiohttp', 'asyncio', 'botocore') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


@pytest.mark.usefixtures("instantly")
def test_another_error_is_not_waited_out() -> None:
    with (
        Answers((400, b'{"__type": "ValidationException"}')) as answers,
        connected(answers.endpoint_url) as connection,
        pytest.raises(ApiError, match="ValidationException"),
    ):
        connection.call_retrying("GetRecords")


def test_without_a_server_the_error_says_how_to_start_one(headwater: Callable[..., Any]) -> None:
    ended = headwater("stream", "list", "--endpoint-url", "http://127.0.0.1:1")
    assert ended.exit_code == 1
    assert (
        ended.err == "headwater: no server answers at http://127.0.0.1:1; start one with `headwater start`\n"
    )


@pytest.mark.parametrize(
    "endpoint_url", ["localhost:4566", "ftp://localhost", "http://", "http://localhost:port", "http://["]
)
def test_an_endpoint_that_is_none_is_refused(headwater: Callable[..., Any], endpoint_url: str) -> None:
    ended = headwater("stream", "list", "--endpoint-url", endpoint_url)
    assert ended.exit_code == 1
    assert "is not an endpoint" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("access_key_id", ["key\n\n", "ключ"])
def test_an_access_key_that_cannot_be_sent_is_refused_without_printing_it(
    headwater: Callable[..., Any], access_key_id: str
) -> None:
    ended = headwater("stream", "list", more={"AWS_ACCESS_KEY_ID": access_key_id})
    assert ended.exit_code == 1
    assert ended.err == "headwater: the region or the access key holds what no header may hold\n"


def test_the_region_option_chooses_the_region(headwater: Callable[..., Any], stream: str) -> None:
    assert headwater("stream", "describe", stream).exit_code == 0
    ended = headwater("stream", "describe", stream, "--region", "eu-west-3")
    assert "ResourceNotFoundException" in ended.err


def test_commands_load_neither_an_sdk_nor_rich_before_they_draw() -> None:
    modules = ["aws", "env", "stream", "put", "tail"]
    script = "; ".join(f"import headwater.cli.{module}" for module in modules)
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys; {script}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"boto3", "botocore", "rich"}.isdisjoint(loaded.stdout.split())


def test_a_client_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    ClientFailure("no way").show()
    assert capsys.readouterr().err == "headwater: no way\n"


def test_a_stream_is_named_by_its_name_or_its_arn() -> None:
    assert stream_reference("orders") == {"StreamName": "orders"}
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
    assert stream_reference(arn) == {"StreamARN": arn}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 北", "plain ünïcode 北"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\tb\r\n", "a\\tb\\r\\n"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("[bold]", "[bold]"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_time_for_a_program_is_utc_to_the_millisecond() -> None:
    assert iso_time(1_777_636_800.5) == "2026-05-01T12:00:00.500Z"
