"""An execution environment: a process of a function's version, and one invocation of it at a time.

Its life: `start` (the init phase, at most 10 s; what takes longer is tried once more, within the
function's time-out), then `invoke` again and again, then `end`. What a function does wrong is an
`Ended` invocation with the document that Lambda has for it; after a time-out, an exit or a failed
start the environment is spent.

Lines that Lambda writes (START, END, REPORT and the like) are written here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple

import msgspec

from headwater.lambda_.functions.function import Version, lambda_time
from headwater.lambda_.functions.invocation import InvocationRefused
from headwater.lambda_.functions.log import Output
from headwater.lambda_.functions.process import FunctionProcess
from headwater.lambda_.functions.process_keeper import ProcessKeeper
from headwater.lambda_.functions.runtime_api import RESPONSE_BYTES_MAX, InvocationEvent, RuntimeApiServer
from headwater.model.clock import Clock
from headwater.wire.json_format import UNREADABLE

INIT_S = 10.0
TOO_LARGE = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
DOCUMENT_BYTES_MAX = 256 * 1024
"""Of an error that a function describes."""


class Ended(NamedTuple):
    """The outcome of an invocation."""

    payload: bytes
    is_error: bool
    log_tail: bytes
    duration_ms: float
    """Without the init phase."""


Kind = Literal[
    "ready",  # the process asks for an event
    "response",
    "error",
    "too_large",
    "init_error",
    "exit",
    "timeout",
    "invalid",  # there is no such program
]


class _ProcessEvent(NamedTuple):
    """An event of the process, or a time-out."""

    kind: Kind
    data: bytes = b""
    text: str = ""


@dataclass(frozen=True)
class EnvironmentContext:
    """The context that all environments of a server share."""

    clock: Clock
    """The machine's: deadlines are for the function's eyes."""
    keeper: ProcessKeeper


class ExecutionEnvironment:
    """See the module's text."""

    def __init__(
        self,
        context: EnvironmentContext,
        version: Version,
        command: tuple[str, ...],
        variables: Mapping[str, str],
        folder: Path,
        on_line: Callable[[str], None],
        on_spent: Callable[[ExecutionEnvironment], None],
    ) -> None:
        """`on_spent` is called when the process ends while nothing is under way."""
        self._context = context
        self._version = version
        self._command = command
        self._variables = variables
        self._folder = folder
        self._on_spent = on_spent
        self._output = Output(on_line)
        self._loop = asyncio.get_running_loop()
        self._api = RuntimeApiServer(self, context.clock)
        self._process: FunctionProcess | None = None
        self._waiter: asyncio.Future[_ProcessEvent] | None = None
        self._init_ms: float | None = None
        self._is_started = False
        self._exit_text = ""
        self.is_spent = False
        """Nothing can be invoked here any more."""
        self.idle_since_s = 0.0

    async def invoke(self, event: InvocationEvent, timeout_s: float) -> Ended | None:
        """Run one event, after starting the process if it is the first.

        `None`: the process ended, or did nothing any more, before it could be given the event. Raises
        InvocationRefused when the event may not begin any more.
        """
        self._output.begin()
        failure = None
        if self._process is not None:
            self._process.resume_output()
        if not self._is_started:
            failure = await self._start(timeout_s)
        elif not self._api.is_asked:
            await self._next_event(timeout_s)
        if failure is None and (self._exit_text or not self._api.is_asked):
            self.is_spent = True
            return None
        if not event.may_begin():
            raise InvocationRefused("it may not begin any more")
        self._output.say(f"START RequestId: {event.request_id} Version: {self._version.version}")
        if failure is not None:
            return self._conclude(event, failure, 0.0)
        began_s = perf_counter()
        deadline_ms = self._context.clock.now_ms() + round(timeout_s * 1000)
        self._api.give(event._replace(deadline_ms=deadline_ms))
        outcome = await self._next_event(timeout_s)
        return self._conclude(event, outcome, (perf_counter() - began_s) * 1000)

    async def end(self) -> None:
        """Kill the process and what it has started."""
        self.is_spent = True
        if self._process is not None:
            self._process.kill()
            await self._process.wait_exited()
        await self._api.close()

    @property
    def is_ready(self) -> bool:
        """Whether it can be invoked once more."""
        return self._is_started and not self.is_spent and not self._exit_text

    # The init phase

    async def _start(self, timeout_s: float) -> _ProcessEvent | None:
        """Get the process to ask for its first event; what went wrong, if it does not."""
        await self._api.open()
        began_s = perf_counter()
        outcome = await self._launch(INIT_S)
        if outcome.kind == "timeout":
            spent_ms = (perf_counter() - began_s) * 1000
            self._output.say(f"INIT_REPORT Init Duration: {spent_ms:.2f} ms\tPhase: init\tStatus: timeout")
            await self._stop_process()
            outcome = await self._launch(timeout_s)
        if outcome.kind == "ready":
            self._is_started = True
            self._init_ms = (perf_counter() - began_s) * 1000
            return None
        self.is_spent = True
        return outcome

    async def _launch(self, limit_s: float) -> _ProcessEvent:
        self._exit_text = ""
        variables = {**self._variables, "AWS_LAMBDA_RUNTIME_API": self._api.address}
        try:
            self._process = FunctionProcess(
                self._command,
                variables,
                self._folder,
                self._context.keeper,
                self._output.write,
                self._on_exit,
            )
        except OSError as error:
            text = f"fork/exec {self._command[0]}: {(error.strerror or str(error)).lower()}"
            return _ProcessEvent("invalid", text=text)
        return await self._next_event(limit_s)

    async def _stop_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait_exited()

    # What the process does

    async def _next_event(self, limit_s: float) -> _ProcessEvent:
        """The next thing that the process does, within `limit_s`."""
        if self._exit_text:
            return _ProcessEvent("exit", text=self._exit_text)
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(limit_s, self._tell, _ProcessEvent("timeout"))
        try:
            return await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _tell(self, outcome: _ProcessEvent) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(outcome)

    def on_ready(self) -> None:
        """The process asks for an event."""
        self._tell(_ProcessEvent("ready"))

    def on_response(self, payload: bytes) -> None:
        """The function has answered."""
        self._tell(_ProcessEvent("response", payload))

    def on_error(self, document: bytes) -> None:
        """The function has failed."""
        self._tell(_ProcessEvent("error", document))

    def on_too_large(self, size: int) -> None:
        """The function has answered too much."""
        self._tell(_ProcessEvent("too_large", text=str(size)))

    def on_init_error(self, document: bytes) -> None:
        """The function cannot start."""
        self._tell(_ProcessEvent("init_error", document))

    def _on_exit(self, text: str) -> None:
        self._exit_text = text
        if self._waiter is not None and not self._waiter.done():
            self._tell(_ProcessEvent("exit", text=text))
        elif self._is_started and not self.is_spent:
            self.is_spent = True
            self._on_spent(self)

    # What is said of it

    def _conclude(self, event: InvocationEvent, outcome: _ProcessEvent, duration_ms: float) -> Ended:
        if self._process is not None:
            self._process.drain()
        document, error_type = self._result_of(event, outcome)
        if outcome.kind in ("exit", "timeout", "invalid"):
            self.is_spent = True
            if self._process is not None:
                self._process.kill()
        self._output.say(f"END RequestId: {event.request_id}")
        self._output.say(self._report(event.request_id, duration_ms, error_type, outcome.kind))
        self._output.finish()
        if self._process is not None:
            self._process.pause_output()  # at AWS it would stand still; here it cannot flood the server
        return Ended(document, bool(error_type), self._output.tail, duration_ms)

    def _result_of(self, event: InvocationEvent, outcome: _ProcessEvent) -> tuple[bytes, str]:
        """The document of an invocation, and the type of its error."""
        request_id = event.request_id
        if outcome.kind == "response":
            return outcome.data, ""
        if outcome.kind in ("error", "init_error"):
            return _error_document(outcome.data)
        if outcome.kind == "timeout":
            text = f"Task timed out after {self._version.timeout_s:.2f} seconds"
            now = lambda_time(self._context.clock.now_ms()).removesuffix("+0000")
            self._output.say(f"{now}Z {request_id} {text}")
            return _described("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}")
        if outcome.kind == "too_large":
            return _described("Function.ResponseSizeTooLarge", TOO_LARGE)
        error_type = "Runtime.InvalidEntrypoint" if outcome.kind == "invalid" else "Runtime.ExitError"
        text = f"RequestId: {request_id} Error: {outcome.text}"
        self._output.say(f"{text}\n{error_type}")
        return _described(error_type, text)

    def _report(self, request_id: str, duration_ms: float, error_type: str, kind: Kind) -> str:
        memory_mb = self._process.peak_memory_mb() if self._process else None
        used = [] if memory_mb is None else [f"Max Memory Used: {memory_mb} MB"]
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(duration_ms)} ms",
            f"Memory Size: {self._version.memory_mb} MB",
            *used,
        ]
        if self._init_ms is not None:
            parts.append(f"Init Duration: {self._init_ms:.2f} ms")
            self._init_ms = None
        if kind == "timeout":
            parts.append("Status: timeout")
        elif error_type and kind != "error":
            parts += ["Status: error", f"Error Type: {error_type}"]
        return "\t".join(parts)


def _error_document(document_bytes: bytes) -> tuple[bytes, str]:
    """What a function says of its error, as it is when it is a document, and the type of the error."""
    try:
        document: Any = msgspec.json.decode(document_bytes)
    except UNREADABLE:
        document = None
    if not isinstance(document, dict) or len(document_bytes) > DOCUMENT_BYTES_MAX:
        return _described("Runtime.Unknown", document_bytes[:DOCUMENT_BYTES_MAX].decode("utf-8", "replace"))
    return document_bytes, str(document.get("errorType") or "Unhandled")


def _described(error_type: str, text: str) -> tuple[bytes, str]:
    return msgspec.json.encode({"errorType": error_type, "errorMessage": text}), error_type
