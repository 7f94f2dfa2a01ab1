"""Coroutines that are waited for: in time, to their ends, and without being kept afterwards."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from headwater.delivery.firehose.errors import InvalidArgument
from headwater.delivery.firehose.json_api import FirehoseApi
from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.api.rest_api import LambdaApi
from headwater.model.caller import Caller
from headwater.model.completion import Completion
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.server.asyncio_bridge import finished, in_time
from headwater.server.http.exchange import HttpRequest
from headwater.storage.interface import IN_TIME_S, StoreInDoubt, StoreUnavailable
from tests.engine.running_engine import CALLER
from tests.storage.kafka.simulated_kafka import VirtualTimeLoop


class Refusal(Exception):
    """Of some service."""


class Asked:
    """Something that only a request has."""


def in_virtual_time(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def test() -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(scenario())

    test.__name__ = scenario.__name__
    return test


async def later(delay_s: float, outcome: object = None) -> object:
    await asyncio.sleep(delay_s)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@in_virtual_time
async def test_what_is_there_in_time_is_given_and_what_is_raised_is_raised() -> None:
    assert await in_time(later(IN_TIME_S - 1, "value"), Refusal) == "value"
    for error in (Refusal("no"), StoreUnavailable("disk full"), ZeroDivisionError("a fault")):
        with pytest.raises(type(error)):
            await in_time(later(1, error), Refusal)


@in_virtual_time
async def test_what_takes_longer_is_in_doubt_and_goes_to_its_end() -> None:
    ends = []

    async def act() -> None:
        await asyncio.sleep(2 * IN_TIME_S)
        ends.append("done")

    began_s = asyncio.get_running_loop().time()
    with pytest.raises(StoreInDoubt):
        await in_time(act(), Refusal)
    assert asyncio.get_running_loop().time() - began_s == IN_TIME_S
    assert not ends
    await asyncio.sleep(2 * IN_TIME_S)
    assert ends == ["done"]


@in_virtual_time
async def test_of_what_fails_too_late_only_faults_are_reported() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    fault = ZeroDivisionError("a fault")
    for error in (Refusal("no"), ResourceNotFoundException(), StoreUnavailable("disk full"), fault):
        with pytest.raises(StoreInDoubt):
            await in_time(later(IN_TIME_S + 1, error), Refusal)
        await asyncio.sleep(2)
    gc.collect()
    assert [context["exception"] for context in reported] == [fault]


@in_virtual_time
async def test_what_is_waited_for_ends_with_whoever_waits() -> None:
    ended = asyncio.Event()

    async def act() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            ended.set()

    waiting = asyncio.create_task(in_time(act(), Refusal))
    await asyncio.sleep(0.5)
    waiting.cancel()
    await asyncio.wait_for(ended.wait(), 0.1)


class Holder:
    """A handler that waits for a store, and is refused."""

    def __init__(self, refusal: Exception) -> None:
        self.held: list[weakref.ref[Asked]] = []
        self._refusal = refusal

    async def __call__(self, _caller: Caller, _members: Any) -> dict[str, Any]:
        return await in_time(self._handle(), Refusal)

    async def _handle(self) -> dict[str, Any]:
        return await finished(self._refused())

    async def _refused(self) -> dict[str, Any]:
        asked = Asked()
        self.held.append(weakref.ref(asked))
        stored: Completion[None] = Completion()
        asyncio.get_running_loop().call_soon(stored.fail, self._refusal)
        await stored
        return {"Asked": asked}


@in_virtual_time
async def test_what_was_refused_is_freed_without_the_collector() -> None:
    get = HttpRequest(b"GET", b"/2015-03-31/functions/a", {}, b"")
    target = {b"x-amz-target": b"Firehose_20150804.ListDeliveryStreams"}
    listed = HttpRequest(b"POST", b"/", target, b"{}")

    async def nothing() -> None:
        """Nobody resets or closes anything here."""

    gc.disable()
    try:
        for refusal in (InvalidArgument("no"), KinesisError("no")):
            holder = Holder(refusal)
            answer = await FirehoseApi({"ListDeliveryStreams": holder}).answer(listed, CALLER)
            assert (answer.status >= 400, [each() for each in holder.held]) == (True, [None])
        for refused in (InvalidParameterValueException("no"), KinesisError("no")):
            holder = Holder(refused)
            functions = LambdaApi({"GetFunction": holder}, on_reset=nothing, on_close=nothing)
            answer = await functions.answer(get, CALLER)
            assert (answer.status >= 400, [each() for each in holder.held]) == (True, [None])
    finally:
        gc.enable()
