"""The neighbouring services by moto, in this process.

Rules:
- nothing of moto is imported before the first request for a service;
- requests run in threads, those of one service one after another: moto looks first and changes
  then, so that of two conditional writes at the same time both would win. Only a long poll of
  SQS does not keep its service to itself;
- the caller's account and region are those that Headwater found, but for keys that the
  neighbouring STS or IAM has given out;
- what moto keeps is in memory; with a `KeptState`, snapshots of it are there, and each write of DynamoDB is
  before its answer leaves.

Refuses to know Kinesis, and what CloudFormation does with streams.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from random import getrandbits
from time import time
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

import msgspec

from headwater.engine.encryption_key import KeyState
from headwater.model.caller import Caller
from headwater.model.errors import SerializationException
from headwater.neighbours.delivery.outbox import RecordOutbox
from headwater.neighbours.keeping.bodies import Bodies
from headwater.neighbours.keeping.kept_state import KeptState, Warn
from headwater.neighbours.keeping.snapshots import Snapshots, restore
from headwater.neighbours.keeping.turns import Turns
from headwater.neighbours.keeping.write_log import LogBroken, WriteCall, Written
from headwater.neighbours.legacy_conditions import RequestInvalid, with_expressions
from headwater.neighbours.refused_calls import refused_reason
from headwater.neighbours.request_bodies import BodyUnreadable, inflated
from headwater.neighbours.requests import FORM, S3, changes_something, operation_of, refusal
from headwater.neighbours.rpc_v2_cbor import ModelShape, answer_of, as_json, error_name, operation_name
from headwater.server.http.exchange import Answer, HttpRequest

THREADS_MAX = 8
POLLING_THREADS_MAX = 64
"""A long poll of SQS holds a thread for up to 20 s."""
POLLED = "sqs"
DYNAMODB = "dynamodb"
LOGS = "logs"
MAKE_FILTERS = (LOGS, "cloudformation")
"""Services by which a filter may come to be on a function's log."""
FOLLOW_AGAIN_S = 0.5
"""After so long filters on functions' logs have what functions wrote."""
TARGETED = (DYNAMODB,)
"""Services whose requests moto cannot tell without a target."""
SAME_STATE = {"streams.dynamodb": "dynamodb", "s3-object-lambda": "s3"}
SAFE_AT_ONCE = ("cloudformation", "pipes")
"""Services whose changes are in a snapshot before they are acknowledged: what they made elsewhere stays."""
SERVICE_KEY = "headwater.service"
MOMENT_KEY = "headwater.moment"
ERROR_STATUS = 400
NO_TARGET = b""
"""Of a note in the log that is no call."""
ALGORITHM = "AWS4-HMAC-SHA256"
JSON_1_0 = b"application/x-amz-json-1.0"

Moment = tuple[float, int, bool]
"""When a request is made, in seconds; the seed of its random values; whether it was made before."""

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

    def show_followed_functions(self) -> bool:
        """Let subscription filters have what functions wrote; whether there are any such filters."""

    def run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool] | None:
        """See `MotoServices.run_pipe`."""

    @property
    def outbox(self) -> RecordOutbox:
        """What is on its way to the server's streams."""

    @property
    def is_kept(self) -> bool:
        """Whether its state is this server's alone, and may be kept."""

    def take_for_itself(self, warn: Warn) -> bool:
        """Forget what earlier servers of the process left; a no, with a warning, while one still runs."""

    def dump(self, bodies: Bodies, warn: Warn) -> bytes:
        """All that it keeps."""

    def restore(self, state: bytes, bodies: Bodies) -> None:
        """Have what was dumped. Raises `StateRefused`."""

    def close(self) -> None:
        """The server that it belongs to ends."""


class MotoServices:
    """A provider that has the services itself."""

    def __init__(self, load: Callable[[], LoadedMoto], kept: KeptState | None, warn: Warn) -> None:
        """`load` imports it; once, from a thread. What it has comes from `kept`, and goes there."""
        self._load = load
        self._loaded: LoadedMoto | None = None
        self._loading = asyncio.Lock()
        self._opening: asyncio.Task[LoadedMoto] | None = None
        self._threads = ThreadPoolExecutor(THREADS_MAX, "neighbours")
        self._polling = ThreadPoolExecutor(POLLING_THREADS_MAX, "polls")
        self._syncing = ThreadPoolExecutor(1, "write-log")
        self._turns = Turns()
        self._kept = kept
        self._warn = warn
        self._snapshots: Snapshots | None = None
        self._following: asyncio.Task[None] | None = None

    def open_if_kept(self) -> None:
        """Load what is kept at once, as others ask for it without a request. Call in the running loop."""
        if self._kept is not None and not self._kept.is_empty:
            self._opening = asyncio.create_task(self._moto())

    async def answer(self, request: HttpRequest, service: str, caller: Caller) -> Answer:
        """The answer of the service."""
        if service in TARGETED and b"." not in request.headers.get(b"x-amz-target", b""):
            return refusal(request, service, 400, "UnknownOperationException", "The request has no target.")
        loaded = await self._moto()
        run = asyncio.get_running_loop().run_in_executor
        state = SAME_STATE.get(service, service)
        writes = None if self._snapshots is None else self._kept
        if state == POLLED:
            done = await run(self._polling, _written_answer, loaded, writes, request, service, caller)
        else:
            async with self._turns.of(state):
                done = await run(self._threads, _written_answer, loaded, writes, request, service, caller)
        if service in MAKE_FILTERS and done.answer.status < ERROR_STATUS:
            self._follow_functions(loaded)
        if self._snapshots is not None and changes_something(request, service):
            try:
                await self._keep(self._snapshots, done, service)
            except OSError as error:
                text = f"The change is made, and it is not known whether it is safe: {error}"
                return refusal(request, service, 500, "InternalServerError", text)
        return done.answer

    async def _keep(self, snapshots: Snapshots, done: WrittenAnswer, service: str) -> None:
        """Let a change be as safe as it must be before its answer leaves. Raises OSError."""
        snapshots.note_change()
        if done.answer.status >= ERROR_STATUS:
            return
        if service in SAFE_AT_ONCE:
            await snapshots.save()
        if done.is_unwritten:
            snapshots.hasten()
            raise LogBroken("an earlier write has failed")
        if done.written is not None:
            await asyncio.get_running_loop().run_in_executor(self._syncing, done.written.sync)

    def _follow_functions(self, loaded: LoadedMoto) -> None:
        if self._following is None:
            self._following = asyncio.create_task(self._show_functions(loaded))

    async def _show_functions(self, loaded: LoadedMoto) -> None:
        """Let filters have the lines of functions while there are filters on some."""
        run = asyncio.get_running_loop().run_in_executor
        while True:
            async with self._turns.of(LOGS):
                if not await run(self._threads, loaded.show_followed_functions):
                    self._following = None
                    return
            await asyncio.sleep(FOLLOW_AGAIN_S)

    async def keep(self) -> None:
        """Return once every change so far survives a sudden end, if any is kept. Raises OSError."""
        if self._snapshots is not None:
            await self._snapshots.save()

    async def run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool] | None:
        """Take a batch through a pipe: what came of it, and whether it is an error; `None`: no such pipe."""
        loaded = await self._moto()
        return await asyncio.get_running_loop().run_in_executor(self._polling, loaded.run_pipe, arn, event)

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of the neighbouring KMS is, by a look into a table; `None`: it has no keys there."""
        return None if self._loaded is None else self._loaded.key_state(caller, key_id)

    async def reset(self) -> None:
        """Forget everything; what was never used has nothing to forget."""
        if self._loaded is None and (self._kept is None or self._kept.is_empty):
            return
        loaded = await self._moto()
        await asyncio.get_running_loop().run_in_executor(self._threads, loaded.reset)
        if self._snapshots is not None:
            self._snapshots.note_change()
            await self._snapshots.save()

    async def close(self) -> None:
        """Keep what there is, and wait for no answer any more."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._following is not None:
            self._following.cancel()
        if self._loaded is not None:
            await asyncio.to_thread(self._loaded.outbox.close)
        if self._snapshots is not None:
            await self._snapshots.close()
        if self._loaded is not None:
            self._loaded.close()
        for threads in (self._threads, self._polling, self._syncing):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _moto(self) -> LoadedMoto:
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    loaded = await asyncio.get_running_loop().run_in_executor(self._threads, self._restored)
                    if self._kept is not None and loaded.is_kept:
                        self._snapshots = Snapshots(self._kept, loaded.dump, self._turns, self._warn)
                    self._loaded = loaded
                    if self._snapshots is not None:
                        self._follow_functions(loaded)
        return self._loaded

    def _restored(self) -> LoadedMoto:
        """In a thread: moto, with what was kept."""
        loaded = self._load()
        if self._kept is not None and loaded.take_for_itself(self._warn):
            loaded.outbox.hold()
            restore(self._kept, loaded, lambda call: _make_again(loaded, call))
            loaded.outbox.report = partial(_note_delivery, self._kept)
            loaded.outbox.release()
        return loaded


class WrittenAnswer(NamedTuple):
    """An answer, and where the change that it acknowledges was written down."""

    answer: Answer
    written: Written | None = None
    is_unwritten: bool = False
    """It should have been written down, and could not be."""


def _written_answer(
    loaded: LoadedMoto, kept: KeptState | None, request: HttpRequest, service: str, caller: Caller
) -> WrittenAnswer:
    """In a thread: the answer; what changes tables is also written down, in the order of the changes."""
    target = request.headers.get(b"x-amz-target", b"")
    moment = (time(), getrandbits(63), False)
    if kept is None or service != DYNAMODB or not target or not changes_something(request, service):
        return WrittenAnswer(_answer_in_protocol(loaded, request, service, caller, moment))
    try:
        request = inflated(request, service)
    except BodyUnreadable as error:
        return WrittenAnswer(refusal(request, service, 400, "InvalidRequest", str(error)))
    owner = _in_account_of_key(loaded, request, caller)
    answer = _answer_in_protocol(loaded, request, service, caller, moment)
    try:
        return WrittenAnswer(answer, kept.append(WriteCall(*owner, target, request.body, *moment[:2])))
    except LogBroken:
        return WrittenAnswer(answer, is_unwritten=True)


def _note_delivery(kept: KeptState, sender: str, done: int) -> None:
    """Not synced: at worst it is delivered again."""
    body = msgspec.json.encode((sender, done))
    with suppress(LogBroken):
        kept.append(WriteCall("", "", NO_TARGET, body, 0.0, 0))


def _make_again(loaded: LoadedMoto, call: WriteCall) -> None:
    """In a thread: a write that was made before, at its moment; or a note of what was delivered."""
    if call.target == NO_TARGET:
        loaded.outbox.delivered_before(*msgspec.json.decode(call.body, type=tuple[str, int]))
        return
    request = HttpRequest(b"POST", b"/", {b"x-amz-target": call.target, b"content-type": JSON_1_0}, call.body)
    caller = Caller(call.account_id, call.region)
    _answer_in_protocol(loaded, request, DYNAMODB, caller, (call.time_s, call.seed, True))


def _answer_in_protocol(
    loaded: LoadedMoto, request: HttpRequest, service: str, caller: Caller, moment: Moment
) -> Answer:
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
        return _answer_of_moto(loaded, request, service, caller, moment)
    operation = name.operation.decode()
    try:
        asked = as_json(request, name)
    except SerializationException as error:
        return refusal(request, service, 400, error.code, "The body cannot be read.")
    answer = _answer_of_moto(loaded, asked, service, caller, moment)
    if answer.status >= 400:
        return answer_of(answer, loaded.error_shape(service, operation, error_name(answer)))
    return answer_of(answer, loaded.output_shape(service, operation))


def _answer_of_moto(
    loaded: LoadedMoto, request: HttpRequest, service: str, caller: Caller, moment: Moment
) -> Answer:
    responses: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, fields: list[tuple[str, str]], *_: object) -> None:
        responses.append((int(status.split(maxsplit=1)[0]), fields))

    reason = refused_reason(request, service)
    if reason:
        return refusal(request, service, 501, "NotImplemented", f"Not done here: {reason}")
    environ = environ_of(request, service, _in_account_of_key(loaded, request, caller))
    environ[MOMENT_KEY] = moment
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
    if service != S3 and b"X-Amz-Credential=" not in request.target:
        # Moto knows the region by the signature alone: one that has none is the caller's all the same.
        environ.setdefault(
            "HTTP_AUTHORIZATION", f"{ALGORITHM} Credential=none/0/{caller.region}/{service}/aws4_request"
        )
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
