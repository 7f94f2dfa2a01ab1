"""Lambda for what runs in a thread of a neighbour: its operations, called as a client would.

Rules:
- an operation runs on the loop's thread: it is handed over and waited for here, in the
  neighbour's thread; the loop never waits for a neighbour;
- requests are checked as those of any client;
- what an operation refuses is a `CallRefused`, whatever Lambda itself raises.

Refuses to know who needs it, and how Lambda is made: the builder of a server passes it in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.model.caller import Caller
from headwater.neighbours.calls.waiting import wait_for

IN_TRANSITION = ("ResourceConflictException", "ResourceInUseException")
"""What a mapping says that is on its way to another state, or to its end."""
INVOCATION_TIMEOUT_S = 1_000.0
"""Longer than any function may run."""
ANSWER_TIMEOUT_S = 120.0
"""Code may be fetched from a bucket, and an interpreter looked for."""

Document = dict[str, Any]
Ask: TypeAlias = Callable[[Caller, str, Mapping[str, Any]], Coroutine[Any, Any, Document]]
"""Takes a caller, an operation's name and its members; gives the answer, or raises `CallRefused`."""

T = TypeVar("T")


class FunctionSaid(NamedTuple):
    """What came of an invocation."""

    payload: bytes
    error: str | None
    """The kind of an error; `None` when the function succeeded."""


Invoke: TypeAlias = Callable[[Caller, str, bytes], Coroutine[Any, Any, FunctionSaid]]
"""Takes a caller, a function and its event, and waits for its end; what was not run has an error, too."""


class CallRefused(Exception):
    """An operation's error: `code` is the name that a client sees."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LambdaCalls:
    """The operations of one server's Lambda. Call it from any thread but the loop's."""

    def __init__(
        self,
        ask: Ask,
        ask_mappings: Ask,
        invoke: Invoke,
        metrics: Callable[[], MetricReader | None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`ask`, `ask_mappings` and `invoke` are run on `loop`.

        `ask_mappings` is about event source mappings whose function may be a pipe; `metrics` gives what is
        counted of functions, once there are any.
        """
        self._ask = ask
        self._ask_mappings = ask_mappings
        self._invoke = invoke
        self._metrics = metrics
        self._loop = loop

    def call(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> Document:
        """An operation's answer. Raises `CallRefused`."""
        answer = asyncio.run_coroutine_threadsafe(self._ask(caller, operation, members), self._loop)
        return answer.result(ANSWER_TIMEOUT_S)

    def ask_mappings(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> Document:
        """What an operation on mappings answers once the mapping is at rest. Raises `CallRefused`."""

        def ask() -> Document | None:
            asked = self._ask_mappings(caller, operation, members)
            try:
                return asyncio.run_coroutine_threadsafe(asked, self._loop).result(ANSWER_TIMEOUT_S)
            except CallRefused as error:
                if error.code in IN_TRANSITION:
                    return None
                raise

        return at_rest("The event source mapping", ask)

    def invoke(self, caller: Caller, function: str, payload: bytes) -> FunctionSaid:
        """Run a function, and wait for its end."""
        return asyncio.run_coroutine_threadsafe(self._invoke(caller, function, payload), self._loop).result(
            INVOCATION_TIMEOUT_S
        )

    def ask_metrics(self, question: Callable[[MetricReader], T]) -> T | None:
        """The answer of a quick question about the metrics; `None` without functions."""
        return ask_reader(self._metrics, question, self._loop)


def ask_reader(
    metrics: Callable[[], MetricReader | None],
    question: Callable[[MetricReader], T],
    loop: asyncio.AbstractEventLoop,
) -> T | None:
    """The answer, found on the loop; `None` while nothing is counted."""

    async def find_out() -> T | None:
        reader = metrics()
        return None if reader is None else question(reader)

    return asyncio.run_coroutine_threadsafe(find_out(), loop).result(ANSWER_TIMEOUT_S)


def at_rest(what: str, look: Callable[[], Document | None]) -> Document:
    """The first document that `look` finds. Raises `CallRefused` if that takes too long."""
    found = wait_for(look)
    if found is None:
        raise CallRefused("ServiceException", f"{what} did not come to rest.")
    return found
