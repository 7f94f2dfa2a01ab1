"""The neighbouring services by moto, in this process.

Rules:
- nothing of moto is imported before the first request for a service;
- requests run in threads, those of one service one after another: moto looks first and changes
  then, so that of two conditional writes at the same time both would win. Only a long poll of
  SQS does not keep its service to itself;
- the caller's account and region are those that Headwater found, but for keys that the
  neighbouring STS or IAM has given out;
- what moto keeps is in memory.

Refuses to know Kinesis, and what CloudFormation does with streams.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from headwater.engine.encryption_key import KeyState
from headwater.model.caller import Caller
from headwater.model.errors import SerializationException
from headwater.neighbours.legacy_conditions import RequestInvalid, with_expressions
from headwater.neighbours.request_bodies import BodyUnreadable, inflated
from headwater.neighbours.requests import FORM, S3, operation_of, refusal
from headwater.neighbours.rpc_v2_cbor import ModelShape, answer_of, as_json, error_name, operation_name
from headwater.server.http.exchange import Answer, HttpRequest

THREADS_MAX = 8
POLLING_THREADS_MAX = 64
"""A long poll of SQS holds a thread for up to 20 s."""
POLLED = "sqs"
DYNAMODB = "dynamodb"
TARGETED = (DYNAMODB,)
"""Services whose requests moto cannot tell without a target."""
SAME_STATE = {"streams.dynamodb": "dynamodb", "s3-object-lambda": "s3"}
SERVICE_KEY = "headwater.service"

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class FunctionLine(NamedTuple):
    """A line of a function's log."""

    function: str
    number: int
    time_ms: int
    text: str


LinesAfter = Callable[[Caller, int], list[FunctionLine]]
"""The lines of the functions of an account and region with numbers above one."""


class LoadedMoto(Protocol):
    """Moto once it is imported."""

    def application(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application of all its services."""

    def output_shape(self, service: str, operation: str) -> ModelShape | None:
        """The answer of an operation, in the service's model; `None` for nothing."""

    def error_shape(self, service: str, operation: str, name: str) -> ModelShape | None:
        """The error of an operation that has a name, or a code; `None` when the model has no such error."""

    def account_of(self, access_key_id: str) -> str | None:
        """The account of a key that it has given out."""

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of its KMS is; `None` where it has no keys at all."""

    def reset(self) -> None:
        """Forget everything."""


class MotoServices:
    """A provider that has the services itself."""

    def __init__(self, load: Callable[[], LoadedMoto]) -> None:
        """`load` imports it; called once, from a thread."""
        self._load = load
        self._loaded: LoadedMoto | None = None
        self._loading = asyncio.Lock()
        self._threads = ThreadPoolExecutor(THREADS_MAX, "neighbours")
        self._polling = ThreadPoolExecutor(POLLING_THREADS_MAX, "polls")
        self._turns: dict[str, asyncio.Lock] = {}

    async def answer(self, request: HttpRequest, service: str, caller: Caller) -> Answer:
        """The answer of the service."""
        if service in TARGETED and b"." not in request.headers.get(b"x-amz-target", b""):
            return refusal(request, service, 400, "UnknownOperationException", "The request has no target.")
        loaded = await self._moto()
        run = asyncio.get_running_loop().run_in_executor
        state = SAME_STATE.get(service, service)
        turn: Any = nullcontext() if state == POLLED else self._turns.setdefault(state, asyncio.Lock())
        threads = self._polling if state == POLLED else self._threads
        async with turn:
            return await run(threads, _answered_in_protocol, loaded, request, service, caller)

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of the neighbouring KMS is, by a look into a table; `None`: it has no keys there."""
        return None if self._loaded is None else self._loaded.key_state(caller, key_id)

    async def reset(self) -> None:
        """Forget everything; what was never used has nothing to forget."""
        if self._loaded is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._loaded.reset)

    async def close(self) -> None:
        """Wait for no answer any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._polling.shutdown(wait=False, cancel_futures=True)

    async def _moto(self) -> LoadedMoto:
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.get_running_loop().run_in_executor(self._threads, self._load)
        return self._loaded


def _answered_in_protocol(loaded: LoadedMoto, request: HttpRequest, service: str, caller: Caller) -> Answer:
    """The answer in the protocol of the request, one that moto does not speak included."""
    try:
        request = inflated(request, service)
        request = with_expressions(request) if service == DYNAMODB else request
    except BodyUnreadable as error:
        return refusal(request, service, 400, "InvalidRequest", str(error))
    except RequestInvalid as error:
        return refusal(request, service, 400, "ValidationException", str(error))
    name = operation_name(request)
    if name is None:
        return _answered(loaded, request, service, caller)
    operation = name.operation.decode()
    try:
        asked = as_json(request, name)
    except SerializationException as error:
        return refusal(request, service, 400, error.code, "The body cannot be read.")
    answer = _answered(loaded, asked, service, caller)
    if answer.status >= 400:
        return answer_of(answer, loaded.error_shape(service, operation, error_name(answer)))
    return answer_of(answer, loaded.output_shape(service, operation))


def _answered(loaded: LoadedMoto, request: HttpRequest, service: str, caller: Caller) -> Answer:
    responses: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, fields: list[tuple[str, str]], *_: object) -> None:
        responses.append((int(status.split(maxsplit=1)[0]), fields))

    environ = environ_of(request, service, _in_account_of_key(loaded, request, caller))
    try:
        parts = loaded.application(environ, start_response)
        try:
            body = b"".join(parts)
        finally:
            getattr(parts, "close", _nothing)()
    except NotImplementedError as error:
        text = f"The neighbouring {service} cannot do {operation_of(request)}: {error}"
        return refusal(request, service, 501, "NotImplemented", text)
    except Exception as error:  # noqa: BLE001 - moto checks little, and fails on what it does not expect
        text = f"The neighbouring {service} cannot read this request: {type(error).__name__}: {error}"
        return refusal(request, service, 400, "InvalidRequest", text)
    status, fields = responses[-1]
    return Answer(status, tuple(fields), body)


def environ_of(request: HttpRequest, service: str, caller: Caller) -> Environ:
    """The request as WSGI has it, with the names of headers that have underscores as moto keeps them."""
    path, _, query = request.target.partition(b"?")
    host = request.headers.get(b"host", b"localhost").decode("latin-1")
    environ: Environ = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": request.target.decode("latin-1"),
        "SERVER_NAME": host.rpartition(":")[0] or host,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        SERVICE_KEY: (service, caller.region),
    }
    spelled: dict[str, str] = {}
    # Those with underscores last: the two spellings are one in WSGI, and must not stand in for each other.
    for name, value in sorted(request.headers.items(), key=lambda header: b"_" in header[0]):
        text = name.decode("latin-1")
        key = f"HTTP_{text.upper().replace('-', '_')}"
        if name.startswith(b":") or name == b"transfer-encoding" or ("_" in text and key in environ):
            continue
        environ[key] = value.decode("latin-1")
        if text.startswith("x-amz-meta-") and "_" in text:
            spelled[key] = text
    kind = environ.pop("HTTP_CONTENT_TYPE", "")
    if service == S3 and request.method == b"PUT" and kind.startswith(FORM.decode()):
        kind = "binary/octet-stream"  # what some clients say of any body; moto would take it for a form
    environ["CONTENT_TYPE"] = kind
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = caller.account_id
    environ["moto.preserved_header_names"] = spelled
    environ.pop("HTTP_CONTENT_LENGTH", None)
    return environ


def _in_account_of_key(loaded: LoadedMoto, request: HttpRequest, caller: Caller) -> Caller:
    """The caller, in the account in which its key was given out, if that was done here."""
    header = request.headers.get(b"authorization", b"") + request.target
    credential = header.partition(b"Credential=")[2].decode("latin-1")
    key = credential.partition("/")[0].partition("%2F")[0]
    return caller._replace(account_id=loaded.account_of(key) or caller.account_id)


def _nothing() -> None:
    """For an answer that needs no closing."""
