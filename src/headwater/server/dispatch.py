"""From a request to its answer: the checks in AWS's order, then the operation.

The order, as seen at AWS, with what a local server adds (own routes, foreign pages):

    foreign name → page that is not trusted → preflight → own route → neighbouring service → method
    → empty body → content type → body parses → `application/json` goes no further → operation known
    → authentication → types and constraints → the operation itself

The body is parsed once when all is well, by `accept`, which comes last. So the
checks that stand after "body parses" run before it; only when one of them fails is
it found out whether the body parses, which would have been the answer.

Rules:
- what a head that recurs has been found to say is noted with it, if none of the checks before the body
  can fail: its next request goes to the operation at once;
- every request gets one answer, with ids and a line in the log;
- a `KinesisError` becomes an answer in `wire.error_format` alone;
- any other exception is a fault of the server: 500, logged with its traceback, and
  the connection goes on.

Refuses to know sockets, and what an operation means.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from headwater.api.held_answer import HeldAnswer, Unanswered
from headwater.api.operation import Answered, Handler, Operation
from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.completion import drive
from headwater.model.durations import BOUNDS_S
from headwater.model.errors import (
    AccessDeniedException,
    KinesisError,
    SerializationException,
    UnknownOperationException,
)
from headwater.server.access import cross_origin, host_names, isolation, read_only_pages
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy, Trust
from headwater.server.access.host_names import HostPolicy
from headwater.server.admin import PREFIX as OWN_ROUTES
from headwater.server.admin import REVEALING, Admin, Streamed
from headwater.server.asyncio_bridge import free_frames
from headwater.server.http.exchange import (
    Answer,
    BodySource,
    Fields,
    HttpRequest,
    HttpResponse,
    RecurringHeaders,
    Refusal,
    RequestIds,
    Respond,
)
from headwater.server.late_injection import LateInjection
from headwater.server.neighbour import Neighbour, error_of, service_of
from headwater.server.request_counts import (
    OWN_ROUTE,
    UNKNOWN,
    UNREADABLE,
    OperationCounts,
    RequestCounts,
)
from headwater.server.request_feed import RequestFeed
from headwater.server.request_log import RequestLog
from headwater.server.wire_formats import AMZ_JSON, EMPTY_BODY_FORMATS, WireFormat
from headwater.storage.interface import StoreInDoubt, StoreUnavailable
from headwater.wire import error_format
from headwater.wire.long_body import Body

TARGET_PREFIX = b"Kinesis_20131202."
CHANGING_METHODS = (b"POST", b"DELETE")
"""Of the server's own routes: they must be signed where signatures are verified."""
PLAIN_JSON = b"application/json"
API_PATH = b"/"
"""Where SDKs call the API; with what, a preflight does not tell."""
STREAM_DELAY_S = 0.01
"""A streamed answer begins no sooner. On HTTP/1.1 the SDK for Go closes the connection under an answer
whose head arrives while it is still looking for the end of the body it has sent."""
NO_FIELDS: Fields = ()
COMES_LATER = (StreamedAnswer, HeldAnswer)
"""What an operation gives whose answer is not there yet."""

_new_response = tuple.__new__
"""A third of the time of `HttpResponse(...)`."""


class ErrorForm(msgspec.Struct, frozen=True):
    """A way in which AWS words an error other than in the request's own format."""

    write: Callable[[KinesisError], error_format.BodyAnswer]
    fields: Fields


class CallKind(NamedTuple):
    """What a request's target and content type say of it."""

    name: str
    """In the log."""
    counts: OperationCounts
    operation: Operation | None
    """`None` for a target that names none of the API's."""
    format: WireFormat | None
    """`None` for a content type that the API does not take."""


class UsualCall(NamedTuple):
    """What a head makes of every body that is not empty, because no check before the body's own can fail."""

    name: str
    counts: OperationCounts
    operation_name: str
    handler: Handler
    format: WireFormat
    caller: Caller


UNUSUAL = ()
"""Noted of a head that is looked at each time."""

AS_PLAIN_JSON = ErrorForm(error_format.error_plain_json, (("Content-Type", PLAIN_JSON.decode()),))
AS_XML = ErrorForm(error_format.error_xml, NO_FIELDS)


class Dispatch:
    """Answers the requests of all front ends of one server."""

    def __init__(
        self,
        engine: Engine,
        operations: Mapping[str, Operation],
        formats: Mapping[bytes, WireFormat],
        *,
        authentication: Authentication,
        hosts: HostPolicy,
        origins: OriginPolicy,
        log: RequestLog,
        admin: Admin,
        neighbours: Sequence[Neighbour] = (),
        injection: LateInjection | None = None,
        requests: RequestCounts | None = None,
        feed: RequestFeed | None = None,
        pages_only_read: bool = False,
    ) -> None:
        """`injection` makes the faults that were asked for; `requests` counts what was answered.

        `feed` shows requests to those who listen; `pages_only_read`: the server's own change nothing.
        """
        self._engine = engine
        self._neighbours = neighbours
        self._tasks: set[asyncio.Task[Answer]] = set()
        """Requests that a neighbour is answering; the loop itself does not hold on to them."""
        self._operations = {TARGET_PREFIX + name.encode(): row for name, row in operations.items()}
        counts = (requests or RequestCounts(operations)).by_operation
        self._usual_calls = {
            (target, content_type): CallKind(f"AWS kinesis.{row.name}", counts[row.name], row, wire_format)
            for target, row in self._operations.items()
            for content_type, wire_format in formats.items()
        }
        """By target and content type as SDKs spell it."""
        self._counts = counts
        self._unknown, self._own_route = counts[UNKNOWN], counts[OWN_ROUTE]
        self._unreadable = counts[UNREADABLE]
        self._formats = formats
        self._authentication = authentication
        self._hosts = hosts
        self._known_hosts = hosts.known
        self._origins = origins
        self._log = log
        self._admin = admin
        self._feed = feed or RequestFeed()
        self._listeners = self._feed.listeners
        self._pages_only_read = pages_only_read
        self._injection = injection
        self._fault_rules = {} if injection is None else injection.rules
        self._ids = RequestIds()

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """Answer `request`; its checks are made now, or were for another one with the same head."""
        if self._listeners:
            respond = self._feed.overhear(request, respond)
        _, _, headers, body = request
        if type(headers) is RecurringHeaders and body:
            usual: Any = headers.found
            if usual is None:
                usual = headers.found = self._usual_call(request) or UNUSUAL
            if usual:
                name, counts, operation_name, handler, wire_format, caller = usual
                request_id, extended_id = self._ids.next()  # `_begin`, written out
                call = DispatchedCall(
                    name, counts, self._log, respond, request_id, extended_id, perf_counter(), wire_format
                )
                self._perform(operation_name, handler, caller, body, call)
                return
        self._check(request, respond)

    def _usual_call(self, request: HttpRequest) -> UsualCall | None:
        """The call that `_check` lets pass whatever its body, and whenever it comes; else `None`."""
        method, target, headers, _ = request
        kind = self._usual_calls.get((headers.get(b"x-amz-target", b""), headers.get(b"content-type", b"")))
        if kind is None or kind.operation is None or kind.format is None:
            return None
        host, handler = headers.get(b"host"), kind.operation.handler
        if (
            handler is None
            or method != b"POST"
            or target.startswith(OWN_ROUTES)
            or _is_of_page(headers)
            or (host not in self._known_hosts and not self._hosts.admits(host))
            or self._authentication.verifies
        ):
            return None
        try:
            caller = self._authentication.caller(request)
        except KinesisError:
            return None
        return UsualCall(kind.name, kind.counts, kind.operation.name, handler, kind.format, caller)

    def _check(self, request: HttpRequest, respond: Respond) -> None:
        """Make the checks, in the order that the module's text has, and answer."""
        method, target, headers, body = request
        asked = (headers.get(b"x-amz-target", b""), headers.get(b"content-type", b""))
        name, counts, operation, wire_format = self._usual_calls.get(asked) or self._kind_of(request, *asked)
        call = self._begin(name, counts, respond)
        host = headers.get(b"host")
        if host not in self._known_hosts and not self._hosts.admits(host):
            call.answer(host_names.unknown(host or b""), "UnknownHost", (host or b"").decode("latin-1"))
            return
        if _is_of_page(headers) and not self._admit_page(request, call):
            return
        if target.startswith(OWN_ROUTES):
            self._run_admin(request, call)
            return
        if operation is None and self._neighbours and self._run_neighbour(request, call):
            return
        if wire_format is None or not body or method != b"POST":
            self._fail_of_form(request, operation, call)
            return
        call.format = wire_format
        if operation is None or operation.handler is None:
            call.fail(call.unreadable(body) or UnknownOperationException())
        else:
            self._run(operation.name, operation.handler, request, call)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        """Answer what is not a request."""
        call = self._begin("HTTP", self._unreadable, respond)
        body = AMZ_JSON.encode({"__type": refusal.code, "message": refusal.message})
        fields = AMZ_JSON.fields + _error_type(refusal.code)
        call.answer(Answer(refusal.status, fields, body), refusal.code, refusal.message)

    def _begin(self, name: str, counts: OperationCounts, respond: Respond) -> DispatchedCall:
        request_id, extended_id = self._ids.next()
        return DispatchedCall(
            name, counts, self._log, respond, request_id, extended_id, perf_counter(), AMZ_JSON
        )

    def _kind_of(self, request: HttpRequest, target: bytes, content_type: bytes) -> CallKind:
        """The kind of a call that is not in the table of the usual ones."""
        wire_format = self._formats.get(_without_parameters(content_type))
        operation = self._operations.get(target)
        if operation is None:
            return CallKind(_plain_name(request), self._unknown, None, wire_format)
        return CallKind(f"AWS kinesis.{operation.name}", self._counts[operation.name], operation, wire_format)

    def _fail_of_form(self, request: HttpRequest, operation: Operation | None, call: DispatchedCall) -> None:
        """Answer a request of which something is wrong before its body counts."""
        if operation is None:
            call.isolate = isolation.of_own
        content_type = _without_parameters(request.headers.get(b"content-type", b""))
        if request.method != b"POST":
            call.fail_as(AS_XML, _access_denied())
        elif not request.body:
            call.format = EMPTY_BODY_FORMATS.get(content_type, EMPTY_BODY_FORMATS[b""])
            call.fail(UnknownOperationException() if operation is None else SerializationException())
        elif content_type == PLAIN_JSON:
            call.fail_as(AS_PLAIN_JSON, call.unreadable(request.body) or UnknownOperationException())
        else:
            service, _, name = request.headers.get(b"x-amz-target", b"").partition(b".")
            call.fail_as(AS_XML, UnknownOperationException() if service and name else _access_denied())

    def _admit_page(self, request: HttpRequest, call: DispatchedCall) -> bool:
        """Whether a browser's request goes on; otherwise it has been answered."""
        headers = request.headers
        trust = call.trust = self._origins.trust_in(headers)
        is_preflight = b"origin" in headers and request.method == b"OPTIONS"
        if trust is Trust.NONE or (
            trust is Trust.STREAMS and not self._is_for_streams(request, is_preflight)
        ):
            page = cross_origin.page_of(headers)
            answer = cross_origin.refusal_of_page(page)
            answer = answer._replace(fields=isolation.of_own(answer.fields, trust))
            call.answer(answer, "ForeignOrigin", (page or b"").decode("latin-1"))
        elif trust is Trust.WHOLE and self._pages_only_read and not read_only_pages.only_reads(request):
            call.answer(read_only_pages.REFUSED, "AccessDeniedException", "The console is read-only.")
        elif is_preflight:
            call.extended_id = None
            call.answer(cross_origin.preflight(headers))
        else:
            if b"origin" in headers:
                call.cross_origin_fields = cross_origin.EXPOSED
            return True
        return False

    def _is_for_streams(self, request: HttpRequest, is_preflight: bool) -> bool:
        """Whether a request is, or asks for, a call of one of the API's operations and nothing else."""
        if is_preflight:
            return request.path == API_PATH
        is_operation = request.headers.get(b"x-amz-target", b"") in self._operations
        return is_operation and not request.target.startswith(OWN_ROUTES)

    def _run_admin(self, request: HttpRequest, call: DispatchedCall) -> None:
        changes, reveals = request.method in CHANGING_METHODS, request.path in REVEALING
        call.counts = self._own_route
        call.isolate = isolation.of_own
        call.level = "info" if changes or reveals else "debug"
        if (changes or reveals) and self._authentication.verifies:
            try:
                caller = self._authentication.caller(request)
                if reveals and not self._authentication.is_own(caller):
                    raise AccessDeniedException("Only the server's own account may see all accounts.")
            except KinesisError as error:
                call.fail(error)
                return
        asked = request.body if changes else request.target.partition(b"?")[2]
        answered = self._admin.answer(request.method, request.path, asked, request.headers)
        drive(answered, call.finish_admin)

    def _run_neighbour(self, request: HttpRequest, call: DispatchedCall) -> bool:
        """Whether a neighbour answers the request."""
        service = service_of(request)
        neighbour = next((each for each in self._neighbours if each.takes(request, service)), None)
        if neighbour is None:
            return False
        call.name = neighbour.call_name(request)
        call.isolate = isolation.of_neighbour
        try:
            caller = self._authentication.caller_of_neighbour(request, service)
        except KinesisError as error:
            call.answer(neighbour.refuse(request, error), error.code, error.message)
            return True
        task = asyncio.get_running_loop().create_task(neighbour.answer(request, caller))
        self._tasks.add(task)
        task.add_done_callback(partial(self._neighbour_answered, call, neighbour, request))
        return True

    def _neighbour_answered(
        self, call: DispatchedCall, neighbour: Neighbour, request: HttpRequest, task: asyncio.Task[Answer]
    ) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            call.answer(neighbour.refuse(request, KinesisError("The server stops.")))
            return
        error = task.exception()
        if error is None:
            answer = task.result()
            call.answer(answer, *error_of(answer))
        else:
            call.answer(neighbour.refuse(request, call.as_kinesis_error(error)))

    def _run(self, name: str, handler: Handler, request: HttpRequest, call: DispatchedCall) -> None:
        body = request.body
        try:
            body = self._authentication.payload(request)
            caller = self._authentication.caller(request)
        except KinesisError as error:
            call.fail(call.unreadable(body) or error)
            return
        self._perform(name, handler, caller, body, call)

    def _perform(
        self, name: str, handler: Handler, caller: Caller, body: bytes, call: DispatchedCall
    ) -> None:
        try:
            accepted = call.format.accept(name, body)
        except Exception as error:  # noqa: BLE001 - `finish` tells a refusal from a fault, and logs that
            call.finish(None, error)
            return
        if self._fault_rules and self._injection is not None:
            drive(self._injection.run(name, handler, caller, accepted, call.hold), call.finish)
            return
        drive(handler(self._engine, caller, accepted), call.finish)


class DispatchedCall(msgspec.Struct, eq=False):
    """One request's way to its answer and its line in the log."""

    name: str
    counts: OperationCounts
    _log: RequestLog
    _respond: Respond
    request_id: str
    extended_id: str | None
    _started_s: float
    format: WireFormat
    level: str = "info"
    cross_origin_fields: Fields = NO_FIELDS
    trust: Trust = Trust.WHOLE
    isolate: Callable[[Fields, Trust], Fields] | None = None
    """Adds what browsers are told about answers that are not an operation's."""

    def finish(self, document: Answered, error: BaseException | None) -> None:
        """The operation has ended: answer what it gave or raised."""
        if error is not None:
            if isinstance(error, Unanswered):
                self.leave(error)
            else:
                self.fail(self.as_kinesis_error(error))
        elif isinstance(document, COMES_LATER):
            self._await(document)
        else:
            wire_format = self.format
            try:
                body = wire_format.encode_body(document)
            except Exception as fault:  # noqa: BLE001 - a document of the wrong kind is the operation's fault
                self.fail(self.as_kinesis_error(fault))
            else:
                self._send(200, wire_format.fields, body)

    def _await(self, document: StreamedAnswer | HeldAnswer) -> None:
        if isinstance(document, StreamedAnswer):
            self._stream(document)
        else:
            self.hold(document.leave)
            drive(document.answered(), self.finish)

    def _stream(self, document: StreamedAnswer) -> None:
        """Answer with a body that goes on; the call is logged as it begins."""
        from headwater.server.event_source import (  # noqa: PLC0415 - for subscriptions only
            EVENT_STREAM_FIELDS,
            EventSource,
        )

        answer = Answer(200, EVENT_STREAM_FIELDS, b"")
        source = EventSource(document, self.format)
        asyncio.get_running_loop().call_later(STREAM_DELAY_S, lambda: self.answer(answer, source=source))

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back; see `Respond.hold`."""
        return self._respond.hold(on_gone)

    def leave(self, reason: Unanswered) -> None:
        """Give no answer: the connection ends, if it has not."""
        free_frames(reason)
        self._respond.cut()
        self._log.note("warning", f"{self.name} => no answer: {reason} {self.request_id}")

    def finish_admin(self, answer: Answer | Streamed | None, error: BaseException | None) -> None:
        """A route of the server's own has ended, or goes on by itself."""
        if isinstance(answer, Streamed):
            self.answer(Answer(200, answer.fields, b""), source=answer.source)
        elif answer is None:
            self.fail(self.as_kinesis_error(error or RuntimeError("a route gave no answer")))
        else:
            self.answer(answer)

    def fail(self, error: KinesisError) -> None:
        """Answer with an error in the request's format."""
        status, body = self.format.write_error(error)
        fields = self.format.fields + _error_type(error.code)
        self.answer(Answer(status, fields, body), error.code, error.message)

    def fail_as(self, form: ErrorForm, error: KinesisError) -> None:
        """Answer with an error in another form."""
        status, body = form.write(error)
        self.answer(Answer(status, form.fields + _error_type(error.code), body), error.code, error.message)

    def unreadable(self, body: bytes) -> SerializationException | None:
        """The error that wins over one found later in AWS's order, if the body does not parse."""
        try:
            self.format.check(body)
        except SerializationException as error:
            return error
        return None

    def answer(
        self,
        answer: Answer,
        error_code: str = "",
        error_message: str | None = None,
        source: BodySource | None = None,
    ) -> None:
        """Send the answer and log the call."""
        status, fields, body = answer
        self._send(status, fields, body, error_code, error_message, source)

    def _send(
        self,
        status: int,
        fields: Fields,
        body: Body,
        error_code: str = "",
        error_message: str | None = None,
        source: BodySource | None = None,
    ) -> None:
        if self.isolate is not None:
            fields = self.isolate(fields, self.trust)
        if self.cross_origin_fields:
            fields += self.cross_origin_fields
        response = (status, fields, body, self.request_id, self.extended_id, source)
        self._respond.answer(_new_response(HttpResponse, response))
        duration_s = perf_counter() - self._started_s
        durations = self.counts.durations  # `add`, written out
        durations.counts[bisect_left(BOUNDS_S, duration_s)] += 1
        durations.total_s += duration_s
        if error_code:
            self.counts.fail(error_code)
        self._log.call(self.name, status, duration_s, self.request_id, self.level, error_code, error_message)

    def as_kinesis_error(self, error: BaseException) -> KinesisError:
        """The error that the client sees; what is not its own fault is logged in full."""
        if isinstance(error, KinesisError):
            free_frames(error)
            return error
        if isinstance(error, StoreUnavailable):
            free_frames(error)
            self._log.note("error", f"{self.name}: the store is unavailable: {error}")
            if isinstance(error, StoreInDoubt):
                return KinesisError("The store has failed: whether the change was made is not known.")
            return KinesisError("The store is unavailable: nothing was changed.")
        self._log.note("error", f"{self.name}: a fault of the server", error)
        free_frames(error)
        return KinesisError()


def _error_type(code: str) -> Fields:
    """The header that names an error."""
    return (("x-amzn-ErrorType", code),)


def _is_of_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says for which page it asks."""
    return b"origin" in headers or b"sec-fetch-site" in headers or b"referer" in headers


def _without_parameters(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip()


def _access_denied() -> AccessDeniedException:
    return AccessDeniedException("Unable to determine service/operation name to be authorized")


def _plain_name(request: HttpRequest) -> str:
    return f"{request.method.decode('latin-1')} {request.path.decode('latin-1')}"
