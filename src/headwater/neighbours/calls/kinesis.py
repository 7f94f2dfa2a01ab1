"""Kinesis for what runs in a thread of a neighbour: its operations, called as a client would.

Rules:
- the engine runs on the loop's thread alone: a call is handed over and waited for here, in the
  neighbour's thread; the loop never waits for a neighbour;
- requests are checked as those of any client.

Refuses to know who needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from headwater.api.operation import OPERATIONS
from headwater.api.validation.constraints import accept_document
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.completion import drive
from headwater.model.errors import InternalFailureException
from headwater.neighbours.calls.waiting import wait_for

ANSWER_TIMEOUT_S = 60.0

Document = dict[str, Any]
T = TypeVar("T")


class StreamCalls:
    """The operations of one server's engine. Call it from any thread but the loop's."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._loop = loop

    def call(self, caller: Caller, operation: str, **members: Any) -> Document:
        """An operation's answer; members that are `None` are left out. Raises its error."""
        answer: Future[Document] = Future()
        document = {name: value for name, value in members.items() if value is not None}
        self._loop.call_soon_threadsafe(self._start, caller, operation, document, answer)
        return answer.result(ANSWER_TIMEOUT_S)

    def ask(self, question: Callable[[Engine], T]) -> T:
        """The engine's answer to a quick question."""
        return self.on_loop(lambda: question(self._engine))

    def on_loop(self, question: Callable[[], T]) -> T:
        """The answer of a quick question, asked on the loop's thread."""
        answer: Future[T] = Future()

        def find_out() -> None:
            try:
                answer.set_result(question())
            except Exception as error:  # noqa: BLE001 - it belongs to the thread that waits
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(find_out)
        return answer.result(ANSWER_TIMEOUT_S)

    def stream(self, caller: Caller, stream_arn: str) -> Document:
        """The summary of a stream that has become ACTIVE. Raises ResourceNotFoundException.

        A stream that does not come to rest (its clock stands still, say) is an InternalFailureException.
        """

        def look() -> Document | None:
            answer = self.call(caller, "DescribeStreamSummary", StreamARN=stream_arn)
            summary: Document = answer["StreamDescriptionSummary"]
            return summary if summary["StreamStatus"] == "ACTIVE" else None

        summary = wait_for(look)
        if summary is None:
            raise InternalFailureException(f"{stream_arn} did not become ACTIVE.")
        return summary

    def _start(self, caller: Caller, operation: str, document: Document, answer: Future[Document]) -> None:
        """On the loop's thread."""

        def on_done(value: Any, error: BaseException | None) -> None:
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(value or {})

        handler = OPERATIONS[operation].handler
        assert handler is not None
        try:
            request = accept_document(operation, document)
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that waits
            answer.set_exception(error)
            return
        drive(handler(self._engine, caller, request), on_done)
