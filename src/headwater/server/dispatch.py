"""From a request to its answer: the checks in AWS's order, then the operation.

The order, as seen at AWS, with what a local server adds (own routes, foreign pages):

    foreign page → preflight → own route → method → empty body → content type
    → body parses → `application/json` goes no further → operation known
    → authentication → types and constraints → the operation itself

The body is parsed once when all is well, by `accept`, which comes last. So the
checks that stand after "body parses" run before it; only when one of them fails is
it found out whether the body parses, which would have been the answer.

Rules:
- every request gets one answer, with ids and a line in the log;
- a `KinesisError` becomes an answer in `wire.error_format` alone;
- any other exception is a fault of the server: 500, logged with its traceback, and
  the connection goes on.

Refuses to know sockets, and what an operation means.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from headwater.engine.caller import Caller
from headwater.model.errors import (
    AccessDeniedException,
    KinesisError,
    SerializationException,
    UnknownOperationException,
)
from headwater.server import admin, cross_origin
from headwater.server.admin import Admin, AdminEngine
from headwater.server.authentication import Authentication
from headwater.server.cross_origin import OriginPolicy
from headwater.server.exchange import Answer, Fields, HttpRequest, HttpResponse, Refusal, RequestIds, Respond
from headwater.server.request_log import RequestLog
from headwater.storage.completion import drive
from headwater.storage.interface import StoreUnavailable
from headwater.wire import error_format, json_format

TARGET_PREFIX = b"Kinesis_20131202."
AMZ_JSON = b"application/x-amz-json-1.1"
PLAIN_JSON = b"application/json"
CONTENT_TYPES = frozenset({AMZ_JSON, PLAIN_JSON})
"""What a body may be. `application/x-amz-cbor-1.1` has its place here, with a format of its own."""

AMZ_JSON_FIELDS: Fields = (("Content-Type", AMZ_JSON.decode()),)
NO_FIELDS: Fields = ()


class ErrorForm(NamedTuple):
    """One of the ways in which AWS words an error."""

    write: Callable[[KinesisError], error_format.BodyAnswer]
    fields: Fields


AS_AMZ_JSON = ErrorForm(error_format.error_json, AMZ_JSON_FIELDS)
AS_PLAIN_JSON = ErrorForm(error_format.error_plain_json, (("Content-Type", PLAIN_JSON.decode()),))
AS_XML = ErrorForm(error_format.error_xml, NO_FIELDS)

Handler = Callable[[Any, Caller, Any], Coroutine[Any, None, dict[str, Any] | None]]


class OperationRow(Protocol):
    """A row of the operation table."""

    @property
    def name(self) -> str:
        """The operation's name."""

    @property
    def handler(self) -> Handler | None:
        """What runs it; `None` when the API has the operation and this server does not."""


class Dispatch:
    """Answers the requests of all front ends of one server."""

    def __init__(
        self,
        engine: AdminEngine,
        operations: Mapping[str, OperationRow],
        accept: Callable[[str, bytes], Any],
        *,
        authentication: Authentication,
        origins: OriginPolicy,
        log: RequestLog,
    ) -> None:
        self._engine = engine
        self._operations = {TARGET_PREFIX + name.encode(): row for name, row in operations.items()}
        self._call_names = {target: f"AWS kinesis.{row.name}" for target, row in self._operations.items()}
        self._accept = accept
        self._authentication = authentication
        self._origins = origins
        self._log = log
        self._admin = Admin(engine)
        self._ids = RequestIds()

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """Answer `request`. See the module's text for the order of checks."""
        headers = request.headers
        target = headers.get(b"x-amz-target", b"")
        call = Call(self._call_names.get(target) or _plain_name(request), self._ids, self._log, respond)
        if b"origin" in headers and not self._admit_origin(request, call):
            return
        if request.target.startswith(admin.PREFIX):
            self._run_admin(request, call)
            return
        operation = self._operations.get(target)
        fault = _fault_of_form(request, operation)
        if fault is not None:
            call.fail(*fault)
        elif operation is None or operation.handler is None:
            call.fail(_unreadable(request.body) or UnknownOperationException())
        else:
            self._run(operation.name, operation.handler, request, call)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        """Answer what is not a request."""
        call = Call("HTTP", self._ids, self._log, respond)
        body = json_format.encode({"__type": refusal.code, "message": refusal.message})
        call.answer(Answer(refusal.status, AMZ_JSON_FIELDS, body), refusal.code, refusal.message)

    def _admit_origin(self, request: HttpRequest, call: Call) -> bool:
        """Whether the request goes on; otherwise it has been answered."""
        origin = request.headers[b"origin"]
        if not self._origins.trusts(origin):
            call.answer(cross_origin.foreign(origin), "ForeignOrigin", origin.decode("latin-1"))
        elif request.method == b"OPTIONS":
            call.extended_id = None
            call.answer(cross_origin.preflight(request.headers))
        else:
            call.cross_origin_fields = cross_origin.EXPOSED
            return True
        return False

    def _run_admin(self, request: HttpRequest, call: Call) -> None:
        call.level = "info" if request.method == b"POST" else "debug"
        drive(self._admin.answer(request.method, request.path), call.finish_admin)

    def _run(self, name: str, handler: Handler, request: HttpRequest, call: Call) -> None:
        try:
            caller = self._authentication.caller(request)
        except KinesisError as error:
            call.fail(_unreadable(request.body) or error)
            return
        try:
            accepted = self._accept(name, request.body)
        except Exception as error:  # noqa: BLE001 - `finish` tells a refusal from a fault, and logs that
            call.finish(None, error)
            return
        drive(handler(self._engine, caller, accepted), call.finish)


class Call:
    """One request's way to its answer and its line in the log."""

    __slots__ = (
        "_log",
        "_respond",
        "_started_s",
        "cross_origin_fields",
        "extended_id",
        "level",
        "name",
        "request_id",
    )

    def __init__(self, name: str, ids: RequestIds, log: RequestLog, respond: Respond) -> None:
        self._started_s = perf_counter()
        self._log = log
        self._respond = respond
        self.name = name
        self.level = "info"
        self.request_id: str
        self.extended_id: str | None
        self.request_id, self.extended_id = ids.next()
        self.cross_origin_fields = NO_FIELDS

    def finish(self, document: dict[str, Any] | None, error: BaseException | None) -> None:
        """The operation has ended: answer what it gave or raised."""
        if error is not None:
            self.fail(self._as_kinesis_error(error))
            return
        try:
            body = json_format.encode(document)
        except Exception as fault:  # noqa: BLE001 - a document of the wrong kind is a fault of the operation
            self.fail(self._as_kinesis_error(fault))
            return
        self.answer(Answer(200, AMZ_JSON_FIELDS, body))

    def finish_admin(self, answer: Answer | None, error: BaseException | None) -> None:
        """A route of the server's own has ended."""
        if answer is None:
            self.fail(self._as_kinesis_error(error or RuntimeError("a route gave no answer")))
        else:
            self.answer(answer)

    def fail(self, error: KinesisError, form: ErrorForm = AS_AMZ_JSON) -> None:
        """Answer with an error."""
        status, body = form.write(error)
        self.answer(Answer(status, form.fields, body), error.code, error.message)

    def answer(self, answer: Answer, error_code: str = "", error_message: str | None = None) -> None:
        """Send the answer and log the call."""
        status, fields, body = answer
        fields += self.cross_origin_fields
        self._respond(HttpResponse(status, fields, body, self.request_id, self.extended_id))
        duration_s = perf_counter() - self._started_s
        self._log.call(
            self.name,
            status,
            duration_s,
            self.request_id,
            self.level,
            error_code=error_code,
            error_message=error_message,
        )

    def _as_kinesis_error(self, error: BaseException) -> KinesisError:
        """The error that the client sees; what is not its own fault is logged in full."""
        if isinstance(error, KinesisError):
            return error
        if isinstance(error, StoreUnavailable):
            self._log.note("error", f"{self.name}: the store is unavailable: {error}")
            return KinesisError("The store is unavailable: nothing was changed.")
        self._log.note("error", f"{self.name}: a fault of the server", error)
        return KinesisError()


def _fault_of_form(
    request: HttpRequest, operation: OperationRow | None
) -> tuple[KinesisError, ErrorForm] | None:
    """What is wrong with the request before its body counts, or with a body that goes nowhere."""
    if request.method != b"POST":
        return _access_denied(), AS_XML
    if not request.body:
        error = UnknownOperationException() if operation is None else SerializationException()
        return error, AS_AMZ_JSON
    content_type = request.headers.get(b"content-type", b"")
    if content_type == AMZ_JSON:
        return None
    content_type = content_type.partition(b";")[0].strip()
    if content_type not in CONTENT_TYPES:
        service, _, name = request.headers.get(b"x-amz-target", b"").partition(b".")
        return UnknownOperationException() if service and name else _access_denied(), AS_XML
    if content_type == PLAIN_JSON:
        return _unreadable(request.body) or UnknownOperationException(), AS_PLAIN_JSON
    return None


def _access_denied() -> AccessDeniedException:
    return AccessDeniedException("Unable to determine service/operation name to be authorized")


def _unreadable(body: bytes) -> SerializationException | None:
    """The error that wins over one found later in AWS's order, if the body does not parse."""
    try:
        json_format.decode(body)
    except SerializationException as error:
        return error
    return None


def _plain_name(request: HttpRequest) -> str:
    return f"{request.method.decode('latin-1')} {request.path.decode('latin-1')}"
