"""Operations that are overtaken by what another server does."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from headwater.engine.engine import Engine
from headwater.engine.held_versions import Overtaken
from headwater.engine.settings import Settings
from headwater.lambda_.api.errors import ResourceConflictException
from headwater.lambda_.api.in_step import in_step
from headwater.model.clock import ManualClock
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import CALLER
from tests.lambda_.mapped_stream import in_loop, post
from tests.storage.shared_memory_store import SharedMemoryStore


def engine(store: MemoryStore) -> Engine:
    found = Engine(store, ManualClock(), Settings(), Random(1).randbytes)
    found.open()
    return found


class Operation:
    """One that is overtaken so many times, and changes its request."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.requests: list[dict[str, object]] = []

    async def handle(self, _caller: object, request: dict[str, object]) -> dict[str, object]:
        self.requests.append(dict(request))
        request.clear()
        if self.left:
            self.left -= 1
            raise Overtaken
        return {"done": True}


@in_loop
async def test_an_operation_that_was_overtaken_is_done_again_of_its_request() -> None:
    operation = Operation(3)
    operations = in_step(engine(MemoryStore(post())), {"Do": operation.handle})
    assert await operations["Do"](CALLER, {"a": 1}) == {"done": True}
    assert operation.requests == [{"a": 1}] * 4


@in_loop
async def test_an_operation_that_is_always_overtaken_ends_in_a_conflict() -> None:
    operations = in_step(engine(MemoryStore(post())), {"Do": Operation(10**9).handle})
    with pytest.raises(ResourceConflictException):
        await operations["Do"](CALLER, {})


@in_loop
async def test_an_operation_knows_what_another_server_was_told_before() -> None:
    store = SharedMemoryStore(post())
    other = engine(store)
    late = engine(SharedMemoryStore(post(), store, is_told_late=True))
    told: list[str] = []
    late.kind_watchers.watch("notes", lambda key, _found: told.append(key))

    async def look(_caller: object, _request: object) -> dict[str, object]:
        return {"told": list(told)}

    written = other.write_metadata({"notes/a": b"1"})
    await asyncio.sleep(0)
    assert written.result()
    assert await in_step(late, {"Look": look})["Look"](CALLER, {}) == {"told": ["notes/a"]}
