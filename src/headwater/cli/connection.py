"""A small Kinesis client for the commands: one kept-alive connection, one call at a time.

It speaks AWS JSON 1.1 and gives answers as plain dicts, so that no command has to
load an SDK. Blobs are base64 text in both directions; the caller decodes them.

Rules:
- everything that can go wrong leaves as a `ClientFailure`, which prints as one
  line, `headwater: …`, and ends the command with exit code 1;
- text that came from the server is escaped before it can reach a terminal;
- a request is never sent twice behind the caller's back: a put that was lost half
  way may have been stored.

Refuses to know what an operation means.
"""

from __future__ import annotations

import functools
import http.client
import json
import select
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

import click

from headwater import config
from headwater.cli.client_environment import ClientEnvironment
from headwater.cli.table import printable
from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import says_not_now
from headwater.wire.signature_v4 import Key, SignedRequest, sign

ANSWER_TIMEOUT_S = 60.0
RETRY_FOR_S = 30.0
"""How long a command goes on trying while the server says "not now"."""
KINESIS = "kinesis"
LAMBDA = "lambda"
"""The services that requests are signed for."""
DOWNLOADED_BYTES = 1024 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


class ClientFailure(click.ClickException):
    """A command cannot go on. The message is one line for a person."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line, to standard error unless told otherwise."""
        click.echo(f"headwater: {self.format_message()}", file=file, err=file is None)


class NoServer(ClientFailure):
    """Nothing answers at the endpoint, or what answers is no Kinesis server."""


class ApiError(ClientFailure):
    """The server answered with an error of the API; `code` is its name, `status` that of HTTP."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(printable(f"{code}: {text}" if text else code))
        self.code = code
        self.status = status
        self.text = printable(text)

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed in a moment."""
        return says_not_now(self.code, self.status)


class HttpAnswer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes
    fields: Mapping[str, str]
    """The headers, by their names in small letters."""

    @property
    def error_name(self) -> str:
        """The name of an error, where the service has it in a header."""
        return self.fields.get("x-amzn-errortype", "").partition(":")[0]


class ServerConnection:
    """One connection to a server, opened at the first call and again when it was lost."""

    def __init__(self, environment: ClientEnvironment) -> None:
        self.environment = environment
        self._http: http.client.HTTPConnection | None = None
        self._path = urlsplit(environment.endpoint_url).path or "/"

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """Call an operation and give its answer; members that are None are left out.

        Raises `ApiError`, or `NoServer` when there is no answer at all.
        """
        body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
        named = {
            b"content-type": b"application/x-amz-json-1.1",
            b"x-amz-target": f"Kinesis_20131202.{operation}".encode(),
        }
        status, answer, _ = self._ask("POST", self._path, named, body)
        return _parsed(status, answer, self.environment.endpoint_url)

    def ask_route(self, method: str, route: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask one of the server's own routes, under `/_headwater/`, and give its answer.

        Raises `ClientFailure` with the server's words when it refuses, and `NoServer`.
        """
        body = b"" if document is None else json.dumps(document).encode()
        named = {b"content-type": b"application/json"}
        status, answer, _ = self._ask(method, f"/_headwater/{route}", named, body)
        return _route_answer(status, answer, self.environment.endpoint_url)

    def call_lambda(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call an operation of Lambda by its place in HTTP, and give its answer.

        Raises `ApiError`, or `NoServer` when there is no answer at all.
        """
        body = b"" if document is None else json.dumps(document).encode()
        named = {b"content-type": b"application/json"}
        return _lambda_answer(self._ask(method, path, named, body, LAMBDA), self.environment.endpoint_url)

    def download(self, path: str) -> Iterator[bytes]:
        """The body of a route of the server's own, in parts as they come.

        Raises `ApiError`, `ClientFailure`.
        """
        try:
            http_connection = self._ready()
            http_connection.request("GET", path, headers=self._headers("GET", path, {}, b"", KINESIS))
            response = http_connection.getresponse()
            if response.status != 200:
                answer = response.read()
                refused = _parsed if b'"__type"' in answer else _route_answer
                refused(response.status, answer, self.environment.endpoint_url)
            while part := response.read1(DOWNLOADED_BYTES):
                yield part
        except (OSError, http.client.HTTPException) as error:
            raise self._no_server(error) from error
        finally:
            self.close()

    def invoke(self, place: str, payload: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Invoke a function of Lambda, and give what it answered; that may be any text.

        Raises `ApiError` when it was not invoked, or `NoServer` when there is no answer at all.
        """
        named = {b"content-type": b"application/json"}
        named |= {name.lower().encode(): value.encode() for name, value in headers.items()}
        http_answer = self._ask("POST", place, named, payload, LAMBDA)
        if http_answer.status >= 300:
            _lambda_answer(http_answer, self.environment.endpoint_url)
        return http_answer

    def call_retrying(self, operation: str, **members: Any) -> dict[str, Any]:
        """Like `call`, but wait out transient errors for up to `RETRY_FOR_S`."""
        backoff = Backoff("command")
        give_up_at = time.monotonic() + RETRY_FOR_S
        while True:
            try:
                return self.call(operation, **members)
            except ApiError as error:
                if not error.is_transient or time.monotonic() >= give_up_at:
                    raise
            time.sleep(backoff.delay_s())

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _ready(self) -> http.client.HTTPConnection:
        """The open connection, or a new one: never one that the server closed while it was idle."""
        if self._http is not None and self._http.sock is not None:
            if not _has_input(self._http):
                return self._http
            self.close()
        self._http = _unconnected(self.environment)
        self._http.connect()
        return self._http

    def _ask(
        self, method: str, path: str, named: dict[bytes, bytes], body: bytes, service: str = KINESIS
    ) -> HttpAnswer:
        """The answer to a request with these headers."""
        try:
            http_connection = self._ready()
            headers = self._headers(method, path, named, body, service)
            http_connection.request(method, path, body, headers)
            response = http_connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return HttpAnswer(response.status, response.read(), fields)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._no_server(error) from error
        except ValueError:  # not shown: its text would hold the header
            self.close()
            raise ClientFailure("the region or the access key holds what no header may hold") from None

    def _headers(
        self, method: str, path: str, named: dict[bytes, bytes], body: bytes, service: str
    ) -> dict[str, str]:
        """All headers of a call, signed with the environment's key."""
        environment = self.environment
        headers = {**named, b"host": urlsplit(environment.endpoint_url).netloc.encode()}
        message = SignedRequest(method.encode(), path.encode(), headers, body)
        key = Key(environment.access_key_id, environment.secret_access_key, environment.session_token)
        timestamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = headers | sign(message, key, timestamp, environment.region, service)
        return {name.decode(): value.decode() for name, value in signed.items()}

    def _no_server(self, error: Exception) -> NoServer:
        endpoint_url = self.environment.endpoint_url
        if isinstance(error, TimeoutError):
            return NoServer(f"no answer from {endpoint_url} within {ANSWER_TIMEOUT_S:.0f} s")
        if isinstance(error, ConnectionRefusedError):
            return NoServer(f"no server answers at {endpoint_url}; start one with `headwater start`")
        return NoServer(f"no server answers at {endpoint_url} ({printable(str(error))})")


def stream_reference(stream: str) -> dict[str, str]:
    """The member that names a stream, given by its name or its ARN."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


def with_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the server is, and pass it the connection first."""

    @click.option(
        "--endpoint-url",
        metavar="URL",
        help="Endpoint of the server. Default: AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, "
        "or http://127.0.0.1:4566.",
    )
    @click.option(
        "--region", help="AWS region of the call. Default: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1."
    )
    @functools.wraps(command)
    def connected(*, endpoint_url: str | None, region: str | None, **arguments: Any) -> None:
        connection = ServerConnection(client_environment(endpoint_url, region))
        try:
            command(connection, **arguments)
        finally:
            connection.close()

    return connected


def client_environment(endpoint_url: str | None, region: str | None) -> ClientEnvironment:
    """The environment's endpoint and region, or those of the command line."""
    default = ClientEnvironment.of(config.environment())
    chosen = replace(
        default, endpoint_url=endpoint_url or default.endpoint_url, region=region or default.region
    )
    _unconnected(chosen)  # a URL that cannot be used is refused before anything is done
    return chosen


def _unconnected(environment: ClientEnvironment) -> http.client.HTTPConnection:
    endpoint_url, ca_bundle = environment.endpoint_url, environment.ca_bundle
    try:
        url = urlsplit(endpoint_url)
        port = url.port or DEFAULT_PORTS[url.scheme]
        if not url.hostname:
            raise ValueError("no host")
    except (KeyError, ValueError):
        raise ClientFailure(
            f"{printable(endpoint_url)!r} is not an endpoint; one looks like http://127.0.0.1:4566"
        ) from None
    if url.scheme == "https":
        try:
            context = ssl.create_default_context(cafile=ca_bundle)
        except OSError as error:
            raise ClientFailure(f"AWS_CA_BUNDLE: cannot read {printable(str(ca_bundle))}: {error}") from None
        return http.client.HTTPSConnection(url.hostname, port, timeout=ANSWER_TIMEOUT_S, context=context)
    return http.client.HTTPConnection(url.hostname, port, timeout=ANSWER_TIMEOUT_S)


def _has_input(http_connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection is readable: then it has been closed by its other end."""
    return bool(select.select([http_connection.sock], [], [], 0)[0])


def _parsed(status: int, answer: bytes, endpoint_url: str) -> dict[str, Any]:
    """The answer of a call, or the error that it carries."""
    try:
        members = json.loads(answer) if answer else {}
    except ValueError:
        members = None
    if not isinstance(members, dict) or (status >= 400 and "__type" not in members):
        raise NoServer(f"what answers at {endpoint_url} is not a Kinesis server (HTTP status {status})")
    if status >= 400:
        code = str(members["__type"]).rpartition("#")[2]
        raise ApiError(code, str(members.get("message") or members.get("Message") or ""), status)
    return members


def _route_answer(status: int, answer: bytes, endpoint_url: str) -> dict[str, Any]:
    """The answer of one of the server's own routes. Raises `ClientFailure`."""
    try:
        members = json.loads(answer)
    except ValueError:
        members = None
    if not isinstance(members, dict) or (status >= 400 and "message" not in members):
        raise NoServer(f"what answers at {endpoint_url} is not Headwater (HTTP status {status})")
    if status >= 400:
        raise ClientFailure(printable(str(members["message"])))
    return members


def _lambda_answer(http_answer: HttpAnswer, endpoint_url: str) -> dict[str, Any]:
    """The answer of a call to Lambda, or the error that it carries."""
    try:
        members = json.loads(http_answer.body) if http_answer.body else {}
    except ValueError:
        members = None
    if not isinstance(members, dict) or (http_answer.status >= 400 and not http_answer.error_name):
        raise NoServer(
            f"what answers at {endpoint_url} does not offer Lambda (HTTP status {http_answer.status})"
        )
    if http_answer.status >= 400:
        text = str(members.get("message") or members.get("Message") or "")
        raise ApiError(http_answer.error_name, text, http_answer.status)
    return members
