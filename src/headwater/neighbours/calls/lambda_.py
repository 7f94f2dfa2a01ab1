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
from typing import Any, TypeAlias, TypeVar

from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.model.caller import Caller
from headwater.neighbours.calls.waiting import wait_for

ANSWER_TIMEOUT_S = 120.0
"""Code may be fetched from a bucket, and an interpreter looked for."""

Document = dict[str, Any]
Ask: TypeAlias = Callable[[Caller, str, Mapping[str, Any]], Coroutine[Any, Any, Document]]
"""Takes a caller, an operation's name and its members; gives the answer, or raises `CallRefused`."""

T = TypeVar("T")


class CallRefused(Exception):
    """An operation's error: `code` is the name that a client sees."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LambdaCalls:
    """The operations of one server's Lambda. Call it from any thread but the loop's."""

    def __init__(
        self, ask: Ask, metrics: Callable[[], MetricReader | None], loop: asyncio.AbstractEventLoop
    ) -> None:
        """`ask` is run on `loop`; `metrics` gives what is counted of functions, once there are any."""
        self._ask = ask
        self._metrics = metrics
        self._loop = loop

    def call(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> Document:
        """An operation's answer. Raises `CallRefused`."""
        answer = asyncio.run_coroutine_threadsafe(self._ask(caller, operation, members), self._loop)
        return answer.result(ANSWER_TIMEOUT_S)

    def ask_metrics(self, question: Callable[[MetricReader], T]) -> T | None:
        """The answer of a quick question about the metrics; `None` without functions."""

        async def find_out() -> T | None:
            reader = self._metrics()
            return None if reader is None else question(reader)

        return asyncio.run_coroutine_threadsafe(find_out(), self._loop).result(ANSWER_TIMEOUT_S)


def at_rest(what: str, look: Callable[[], Document | None]) -> Document:
    """The first document that `look` finds. Raises `CallRefused` if that takes too long."""
    found = wait_for(look)
    if found is None:
        raise CallRefused("ServiceException", f"{what} did not come to rest.")
    return found
