"""A call that may meet faults: asked for once, before the operation runs.

Rules, for what comes together:
- delays come first, or last, whatever else happens; their times add up;
- what ends the call (an error, an expired iterator, a cut before) spares the operation;
- throttled records, a cut after, and a subscription's end leave it to do its work;
- a call whose client goes while it is held back before the operation is not carried out.

What waits is held back by the loop's own time: the clock that tests move is the streams'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from headwater.api.fault_subject import subject_of
from headwater.api.held_answer import HeldAnswer, Unanswered
from headwater.api.operation import Answered, Handler
from headwater.api.streamed_answer import StreamedAnswer
from headwater.api.throttled_records import put_unless_throttled
from headwater.engine.engine import Engine
from headwater.engine.fan_out import BrokenOff
from headwater.engine.faults.faults import (
    CutConnection,
    Delay,
    EndOpenSubscriptions,
    EndSubscription,
    Error,
    ExpireIterator,
    Faults,
    Fired,
    Moment,
    Piece,
    Rule,
    Subject,
    Throttle,
)
from headwater.engine.limits.limits import ITERATOR_LIFE_MS
from headwater.engine.limits.throughput_limits import rate_exceeded
from headwater.engine.reading import iterator_expired
from headwater.model.caller import Caller
from headwater.model.completion import Completion
from headwater.model.errors import KinesisError, NamedError, ProvisionedThroughputExceededException
from headwater.model.shard import shard_id_of
from headwater.storage.interface import StoreError

Hold = Callable[[Callable[[], None]], Callable[[], None]]
"""Tells a call's connection that its answer is held back: `Respond.hold`."""


class FaultInjection:
    """The faults of one server, and what they do to its calls and subscriptions."""

    def __init__(self, faults: Faults, engine: Engine) -> None:
        self.faults = faults
        self._engine = engine

    async def run(self, name: str, handler: Handler, caller: Caller, request: Any, hold: Hold) -> Answered:
        """The operation's answer, if the faults let it through.

        Raises what the operation raises, an error that was asked for, and `Unanswered`.
        """
        if not self.faults.concern(name):
            return await handler(self._engine, caller, request)
        subject = await subject_of(self._engine, caller, name, request)
        met = self.faults.met_by(subject)
        early_ms = _delay_ms(met, "before")
        late_ms = _delay_ms(met, "after")
        if early_ms:
            await held_back(hold, early_ms)
        answer: Answered = None
        error: Exception | None = None
        try:
            for fired in met:
                self._stop_before(fired, subject)
            answer = await self._carry_out(handler, caller, request, subject, met)
            if isinstance(answer, HeldAnswer):
                answer = await _awaited(answer, hold)
        except (KinesisError, StoreError, Unanswered) as refusal:
            error = refusal  # what is to come late, or never, may be an error, too
        if late_ms:
            await held_back(hold, late_ms)
        if any(isinstance(fault, CutConnection) for _, fault, _ in met):
            raise Unanswered("cut off by a fault")
        if error is not None:
            raise error
        return answer

    def end_open_subscriptions(self, fault: EndOpenSubscriptions, operations: frozenset[str]) -> int:
        """End what is open and matches, in the order in which it was opened; how many there were."""
        rule = Rule(0, fault, operations)
        for key, subscription in tuple(self._engine.subscriptions.items()):
            piece = Piece(shard_id_of(key.shard_index))
            if rule.meets(Subject("SubscribeToShard", key.stream, key.consumer_name, (piece,))):
                subscription.end_after(fault.after_events, _ending_error(fault))
        return rule.fired

    def _stop_before(self, fired: Fired, subject: Subject) -> None:
        """Raise what comes in place of the operation, if the fault is of that kind."""
        match fired.fault:
            case Error(error=code, message=message):
                if message is None and code == ProvisionedThroughputExceededException.code:
                    message = self._rate_exceeded(subject, fired.pieces)
                raise NamedError(code, message or f"Asked for by fault {fired.number}.")
            case ExpireIterator():
                now_ms = self._engine.now_ms()
                raise iterator_expired(now_ms - ITERATOR_LIFE_MS - 1000, now_ms)
            case CutConnection(when="before"):
                raise Unanswered("cut off by a fault")

    def _rate_exceeded(self, subject: Subject, pieces: list[int]) -> str | None:
        """AWS's text, when the call is about a shard of a stream that is there."""
        live = None if subject.stream is None else self._engine.settled(subject.stream)
        shard_id = subject.pieces[pieces[0]].shard_id if pieces else None
        return None if live is None or shard_id is None else rate_exceeded(live.stream, shard_id)

    async def _carry_out(
        self, handler: Handler, caller: Caller, request: Any, subject: Subject, met: list[Fired]
    ) -> Answered:
        throttled: dict[int, Throttle] = {}
        for _, fault, pieces in met:
            if isinstance(fault, Throttle):
                throttled |= {at: fault for at in pieces[: fault.records] if at not in throttled}
        if throttled:
            return await put_unless_throttled(handler, self._engine, caller, request, throttled, subject)
        answer = await handler(self._engine, caller, request)
        if isinstance(answer, StreamedAnswer):
            for _, fault, _ in met:
                if isinstance(fault, EndSubscription):
                    answer.subscription.end_after(fault.after_events, _ending_error(fault))
        return answer


async def _awaited(answer: HeldAnswer, hold: Hold) -> Answered:
    """What an answer comes to that waits, while the client does."""
    release = hold(answer.leave)
    try:
        return await answer.answered()
    finally:
        release()


def held_back(hold: Hold, delay_ms: int) -> Completion[None]:
    """Wait, while the client does; then it fails with `Unanswered`."""
    done = Completion[None]()

    def give_up() -> None:
        timer.cancel()
        done.fail(Unanswered("the client went while it was held back"))

    def go_on() -> None:
        release()
        done.resolve(None)

    timer = asyncio.get_running_loop().call_later(delay_ms / 1000, go_on)
    release = hold(give_up)
    return done


def _delay_ms(met: list[Fired], when: Moment) -> int:
    return sum(fault.delay_ms for _, fault, _ in met if isinstance(fault, Delay) and fault.when == when)


def _ending_error(fault: EndSubscription | EndOpenSubscriptions) -> KinesisError | None:
    if fault.cut:
        return BrokenOff("cut off by a fault")
    if fault.error is None:
        return None
    return NamedError(fault.error, fault.message or "Asked for by a fault.")
