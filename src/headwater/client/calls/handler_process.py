"""A handler in a process of its own, for work that needs more than one core.

What a handler gets is sent as plain values, and made into an object there; a handler
must be importable by its name.

Rules:
- a process that dies takes nothing with it: the call that it had counts as failed, and
  another process takes its place;
- what a handler raises there is told here, an exit with its code included; what cannot
  be sent is told in words;
- Ctrl-C is the consumer's to act on: the process ends when it is told to.

Refuses to know what a handler gets.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from headwater.client.calls.errors import ClientError, ConfigurationError
from headwater.client.calls.users_code import described, outcome_of, outcome_of_whole

STOP_TIMEOUT_S = 10.0


class ProcessFailed(ClientError):
    """A worker process died, or what its handler raised cannot be sent."""


class HandlerProcess:
    """One process with a handler, and the next one when it dies."""

    def __init__(self, handler: Callable[[Any], Any], made_of: Callable[[Any], Any]) -> None:
        """`made_of`, a function at the top of a module, makes of the values sent what the handler gets.

        Raises `ConfigurationError` for a handler that another process cannot import.
        """
        try:
            self._work = pickle.dumps((made_of, handler))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigurationError(
                f"with processes the handler must be a function at the top of a module: {error}"
            ) from None
        self.in_use = asyncio.Lock()
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._exit_code: int | None = None
        self._pipe: Connection | None = None

    def handle(self, values: Any) -> BaseException | None:
        """What the handler raised, or why it could not be called. Blocks."""
        try:
            pipe = self._ready()
            pipe.send(values)
            answer = pipe.recv_bytes()
        except (EOFError, OSError) as error:
            self.close()
            return ProcessFailed(
                f"a worker process died, with exit code {self._exit_code} ({type(error).__name__})"
            )
        return _read_answer(answer)

    def close(self) -> None:
        """End the process, when its handler has returned."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.join(STOP_TIMEOUT_S)
            if self._process.is_alive():
                self._process.kill()
            self._exit_code = self._process.exitcode
            self._process = None

    def _ready(self) -> Connection:
        if self._pipe is None:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(
                target=_live, args=(theirs, self._work), name="headwater-handler", daemon=True
            )
            process.start()
            theirs.close()
            self._process, self._pipe = process, ours
        return self._pipe


def _live(pipe: Connection, work: bytes) -> None:
    """The life of a process: values in, nothing or an error out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    made_of, handler = pickle.loads(work)  # noqa: S301 - from the consumer that started this process
    while True:
        try:
            values = pipe.recv()
        except EOFError:
            return
        outcome = outcome_of_whole(handler, made_of(values))
        pipe.send_bytes(_answer(outcome.error))


def _answer(error: BaseException | None) -> bytes:
    """What a handler raised, for the other side: empty when it is done."""
    if error is None:
        return b""
    sent = outcome_of(pickle.dumps, error)
    if sent.error is None and _is_as_it_was(sent.value, error):
        return bytes(sent.value)
    if isinstance(error, SystemExit):
        return pickle.dumps(SystemExit(str(error.code)))  # which is what Python does with such a code
    return pickle.dumps(ProcessFailed(described(error)))


def _is_as_it_was(pickled: bytes, error: BaseException) -> bool:
    """Whether the other side will be able to read an error: this one can."""
    return type(outcome_of(pickle.loads, pickled).value) is type(error)


def _read_answer(answer: bytes) -> BaseException | None:
    if not answer:
        return None
    read = outcome_of(pickle.loads, answer)
    if isinstance(read.value, BaseException):
        return read.value
    reason = "it is no exception" if read.error is None else described(read.error)
    return ProcessFailed(f"what the handler raised cannot be read here: {reason}")
