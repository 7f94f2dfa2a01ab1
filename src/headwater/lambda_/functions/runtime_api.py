"""The Lambda Runtime API, served to one process of a function on a loopback port of its own.

    GET  /2018-06-01/runtime/invocation/next                   the next event, when there is one
    POST /2018-06-01/runtime/invocation/<request id>/response  its answer
    POST /2018-06-01/runtime/invocation/<request id>/error     or its error
    POST /2018-06-01/runtime/init/error                        the function cannot start

Rules:
- there is at most one event under way: asking for the next one says that the last is done;
- what comes for another request than the one under way is refused, and changes nothing;
- a request that a web page could have sent is refused: the process speaks to this port by
  its address, and says nothing that only browsers say.

Refuses to know processes and time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from headwater.lambda_.functions.invocation import always
from headwater.model.clock import Clock
from headwater.server.access.cross_origin import comes_from_browser
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import (
    Answer,
    HttpRequest,
    HttpResponse,
    Refusal,
    Respond,
)
from headwater.server.http.http1 import Http1Connection
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.listener import Listener

HOST = "127.0.0.1"
PREFIX = "/2018-06-01/runtime/"
RESPONSE_BYTES_MAX = 6_291_556
"""Of a function's answer: 6 MiB and 100 bytes, as AWS says."""
READ_BYTES_MAX = RESPONSE_BYTES_MAX + 1024 * 1024
"""Of a request: what is a little too large is read, so that its sender hears why it is refused."""
JSON = (("Content-Type", "application/json"),)
ACCEPTED = Answer(202, JSON, b'{"status":"OK"}\n')
TOO_LARGE_TEXT = f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."


class InvocationEvent(NamedTuple):
    """The event that a process is given."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    client_context: str | None = None
    may_begin: Callable[[], bool] = always
    """Asked in the moment in which it would be given."""


class RuntimeListener(Protocol):
    """Whoever runs the process. All calls on the loop's thread."""

    def on_ready(self) -> None:
        """The process asks for an event: it has started, or is done with the last one."""

    def on_response(self, payload: bytes) -> None:
        """The answer to the event under way."""

    def on_error(self, document: bytes) -> None:
        """The event under way had an error."""

    def on_too_large(self, size: int) -> None:
        """The answer to the event under way is too large. `size` is 0 when it is not known."""

    def on_init_error(self, document: bytes) -> None:
        """The function cannot start."""


class RuntimeApiServer:
    """The port of one process. `open` it, `close` it."""

    def __init__(self, listener: RuntimeListener, clock: Clock) -> None:
        self._runtime_listener = listener
        self._connections = OpenConnections(clock)
        self._listener: Listener | None = None
        self._asking: Respond | None = None
        self._current: InvocationEvent | None = None
        self.address = ""
        """Host and port, as the process is told them."""

    async def open(self) -> None:
        """Listen. Raises `ListenError`."""
        loop = asyncio.get_running_loop()
        limits = ConnectionLimits(body_bytes=READ_BYTES_MAX, idle_timeout_s=86_400.0)

        def connection() -> asyncio.Protocol:
            return Http1Connection(self, limits, self._connections, loop)

        self._listener = Listener(HOST, (0,), connection, self._connections)
        await self._listener.open()
        self.address = self._listener.endpoints[0].removeprefix("http://")

    async def close(self) -> None:
        """Cut the process off."""
        if self._listener is not None:
            await self._listener.close(0)

    @property
    def is_asked(self) -> bool:
        """Whether the process waits for an event."""
        return self._asking is not None

    def give(self, event: InvocationEvent) -> None:
        """Give the process that waits an event."""
        respond, self._asking = self._asking, None
        assert respond is not None, "events are for processes that ask"
        self._current = event
        fields = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", event.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(event.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", event.function_arn),
            ("Lambda-Runtime-Trace-Id", _trace_id(event.deadline_ms)),
        ]
        if event.client_context is not None:
            fields.append(("Lambda-Runtime-Client-Context", event.client_context))
        respond.answer(HttpResponse(200, tuple(fields), event.payload, event.request_id, None))

    # What the connection calls.

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """Answer a request of the process, or of another program that has found the port."""
        path = request.path.decode("latin-1")
        if not self._is_from_process(request):
            answer = _refused(403, "Forbidden", "This port is for the process of a function.")
        elif not path.startswith(PREFIX):
            answer = _refused(404, "NotOffered", f"Headwater does not offer {path} to functions.")
        elif path == f"{PREFIX}invocation/next":
            if request.method == b"GET":
                self._next(respond)
                return
            answer = _refused(405, "MethodNotAllowed", "Use GET.")
        elif request.method != b"POST":
            answer = _refused(405, "MethodNotAllowed", "Use POST.")
        else:
            answer = self._posted(path.removeprefix(PREFIX), request.body)
        respond.answer(HttpResponse(*answer, "", None))

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        """Answer what is no request, or a far too large one."""
        if refusal.status == 413 and self._current is not None:
            self._end_current(lambda: self._runtime_listener.on_too_large(0))
            refusal = Refusal(413, "RequestEntityTooLarge", TOO_LARGE_TEXT)
        respond.answer(HttpResponse(*_refused(*refusal), "", None))

    def _is_from_process(self, request: HttpRequest) -> bool:
        host = request.headers.get(b"host", self.address.encode())
        return host == self.address.encode() and not comes_from_browser(request.headers)

    def _next(self, respond: Respond) -> None:
        before = self._asking
        if before is not None:  # the process has asked anew, without hearing the answer
            before.answer(
                HttpResponse(*_refused(409, "Replaced", "The next event was asked for again."), "", None)
            )

        def gone() -> None:
            if self._asking is respond:
                self._asking = None

        self._current = None
        self._asking = respond
        respond.hold(gone)
        self._runtime_listener.on_ready()

    def _posted(self, place: str, body: bytes) -> Answer:
        if place == "init/error":
            self._runtime_listener.on_init_error(body)
            return ACCEPTED
        kind, _, rest = place.partition("/")
        request_id, _, what = rest.partition("/")
        if kind != "invocation" or what not in ("response", "error"):
            return _refused(404, "NotOffered", f"Headwater does not offer {PREFIX}{place} to functions.")
        if self._current is None or request_id != self._current.request_id:
            return _refused(400, "InvalidRequestID", "Invalid request ID")
        if len(body) > RESPONSE_BYTES_MAX:
            self._end_current(lambda: self._runtime_listener.on_too_large(len(body)))
            return _refused(413, "RequestEntityTooLarge", TOO_LARGE_TEXT)
        tell = self._runtime_listener.on_response if what == "response" else self._runtime_listener.on_error
        self._end_current(lambda: tell(body))
        return ACCEPTED

    def _end_current(self, tell: Callable[[], None]) -> None:
        self._current = None
        tell()


def _refused(status: int, kind: str, text: str) -> Answer:
    return Answer(status, JSON, msgspec.json.encode({"errorType": kind, "errorMessage": text}))


def _trace_id(time_ms: int) -> str:
    return f"Root=1-{time_ms // 1000:08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
