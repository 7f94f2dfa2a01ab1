"""Operations where several engines serve the same data: each answer knows what anybody was told before.

An engine is told of others' changes soon, but not at once. What describes or changes streams waits until
the engine knows all that was acknowledged before the request. Records do not wait: only before such an
operation says no, the engine looks whether it has missed something, and if so it is asked once more.

A call of the store ends in time by itself. But a request may make several, one after another: to learn what
others have done, to apply what is due, to be made again of what another one has changed. So all of them
together have a time, and who has no answer then is told that it is not known whether anything was done.
What such a request has begun goes to its end, so that the engine holds what its store does.

Refuses to know how engines hear of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from headwater.api.held_answer import HeldAnswer
from headwater.api.operation import Answered, Handler, Operation
from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.completion import Completion, drive
from headwater.model.errors import (
    AccessDeniedException,
    InvalidArgumentException,
    KinesisError,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.storage.interface import ANSWER_WITHIN_S, IN_TIME_S, StoreInDoubt, StoreUnavailable

RECORD_OPERATIONS = {"GetRecords", "GetShardIterator", "PutRecord", "PutRecords", "SubscribeToShard"}
"""Those that do not wait."""
_NO = (
    AccessDeniedException,
    InvalidArgumentException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
"""What may be said only because something was missed."""


def in_step(operations: Mapping[str, Operation], engine: Engine) -> dict[str, Operation]:
    """The operations of an engine, each in step with what other engines have done."""
    waiting = WaitingRequests(engine)

    def wrapped(name: str, handler: Handler) -> Handler:
        return waiting.answered((_asked_again if name in RECORD_OPERATIONS else _caught_up)(handler))

    return {name: operation.wrapped(partial(wrapped, name)) for name, operation in operations.items()}


def _caught_up(handler: Handler) -> Handler:
    async def handle(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
        await engine.store.catch_up()
        return await handler(engine, caller, request)

    return handle


def _asked_again(handler: Handler) -> Handler:
    async def handle(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
        began_s = engine.stopwatch()
        try:
            return await handler(engine, caller, request)
        except _NO:
            await engine.store.catch_up()
            if engine.stopwatch() - began_s > ANSWER_WITHIN_S:
                raise  # nobody waits for it any more
            return await handler(engine, caller, request)

    return handle


class WaitingRequests:
    """The requests of one engine that have no answer yet, in the order in which they came."""

    def __init__(self, engine: Engine) -> None:
        self._stopwatch = engine.stopwatch
        self._since_s: dict[Completion[Answered], float] = {}
        engine.watch_time(self._tell_the_late)

    def answered(self, handler: Handler) -> Handler:
        """A handler whose calls raise `StoreInDoubt` when they take too long."""
        since_s, stopwatch, end = self._since_s, self._stopwatch, self._end

        async def handle(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
            answer: Completion[Answered] = Completion()
            since_s[answer] = stopwatch()
            drive(handler(engine, caller, request), partial(end, answer))
            return await answer

        return handle

    def _end(self, answer: Completion[Answered], document: Answered, error: BaseException | None) -> None:
        if self._since_s.pop(answer, None) is None:
            _drop(document, error)
        elif error is not None:
            answer.fail(error)
        else:
            answer.resolve(document)

    def _tell_the_late(self, _now_ms: int) -> None:
        late_s = self._stopwatch() - IN_TIME_S
        while self._since_s:
            answer, since_s = next(iter(self._since_s.items()))
            if since_s > late_s:
                return
            del self._since_s[answer]
            answer.fail(StoreInDoubt("the store has not answered in time"))


def _drop(document: Answered, error: BaseException | None) -> None:
    """End what nobody waits for any more. Raises what is a fault of the server."""
    if isinstance(document, HeldAnswer):
        document.leave()
    elif isinstance(document, StreamedAnswer):
        document.subscription.release()
    if isinstance(error, KinesisError | StoreUnavailable):
        error.__traceback__ = None  # else it and the request would keep each other
    elif error is not None:
        raise error
