"""Code that is given to one server and run by another one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from headwater.engine.engine import Engine
from headwater.engine.large_values import MAKING_MS, LargeValues
from headwater.engine.settings import Settings
from headwater.lambda_.functions.code import CodeFolder
from headwater.lambda_.functions.invocation import FunctionUnavailable
from headwater.lambda_.functions.shared_code import CODE_KEY, SharedCode
from headwater.model.clock import ManualClock
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import IN_TIME_S
from headwater.storage.memory_store import MemoryStore
from tests.lambda_.function_server import zipped
from tests.lambda_.mapped_stream import in_loop, post
from tests.storage.shared_memory_store import SharedMemoryStore

ZIP = zipped({"app.py": "def handler(event, context): return 1"})
OTHER_ZIP = zipped({"app.py": "def handler(event, context): return 2"})


class Server:
    """A server with a folder of its own."""

    def __init__(self, store: MemoryStore, folder: Path, clock: ManualClock) -> None:
        self.engine = Engine(store, clock, Settings(), Random(str(folder)).randbytes)
        self.engine.open()
        self.folder = CodeFolder(folder)
        self.code = SharedCode(self.engine, self.folder)

    async def engine_call(self, call: Coroutine[Any, Any, None]) -> None:
        await self.tick()  # by which it has the lease
        await finished(call)

    async def tick(self) -> None:
        self.engine.tick()
        for _ in range(10):
            await asyncio.sleep(0)


def shared(tmp_path: Path, clock: ManualClock) -> tuple[Server, Server]:
    store = SharedMemoryStore(post())
    return (
        Server(store, tmp_path / "one", clock),
        Server(SharedMemoryStore(post(), store), tmp_path / "other", clock),
    )


@in_loop
async def test_code_is_fetched_where_it_is_run(tmp_path: Path) -> None:
    one, other = shared(tmp_path, ManualClock())
    code = await one.code.keep(ZIP, ())
    assert not other.folder.has(code)
    await asyncio.gather(*(other.code.fetch(code) for _ in range(3)))
    assert other.folder.zip_of(code.digest) == ZIP
    assert (other.folder.folder_of(code) / "app.py").exists()


@in_loop
async def test_code_that_is_used_already_is_not_kept_twice(tmp_path: Path) -> None:
    one, other = shared(tmp_path, ManualClock())
    code = await one.code.keep(ZIP, ())
    assert await other.code.keep(ZIP, [code]) == code
    assert (await other.code.keep(OTHER_ZIP, [code])).log_id not in (0, code.log_id)


@in_loop
async def test_code_that_is_used_and_gone_is_kept_anew(tmp_path: Path) -> None:
    one, other = shared(tmp_path, ManualClock())
    gone = await one.code.keep(ZIP, ())
    await one.engine_call(LargeValues(one.engine, CODE_KEY).remove(gone.log_id))
    again = await other.code.keep(ZIP, [gone])
    assert again.log_id not in (0, gone.log_id)
    other.code.hold([again], [gone])


@in_loop
async def test_code_that_was_removed_from_the_folder_is_fetched_again(tmp_path: Path) -> None:
    one, other = shared(tmp_path, ManualClock())
    code = await one.code.keep(ZIP, ())
    await other.code.fetch(code)
    other.folder.remove_unused(())
    other.code.look_again()
    await other.code.fetch(code)
    assert other.folder.has(code)


@in_loop
async def test_code_that_nothing_uses_goes_from_the_shared_data(tmp_path: Path) -> None:
    clock = ManualClock()
    one, other = shared(tmp_path, clock)
    used, unused = await one.code.keep(ZIP, ()), await one.code.keep(OTHER_ZIP, ())
    clock.advance_ms(MAKING_MS + 1)
    await one.tick()
    await one.code.remove_unused(lambda: [used])
    await other.code.fetch(used)
    with pytest.raises(FunctionUnavailable, match="deploy it anew"):
        await other.code.fetch(unused)


@in_loop
async def test_a_server_alone_has_the_folder_only(tmp_path: Path) -> None:
    alone = Server(MemoryStore(post()), tmp_path / "alone", ManualClock())
    code = await alone.code.keep(ZIP, ())
    assert code.log_id == 0
    await alone.code.fetch(code)
    assert list(alone.engine.metadata_of("lambda-code")) == []


@in_loop
async def test_a_request_waits_for_code_no_longer_than_its_time_and_the_next_one_finds_it(
    tmp_path: Path,
) -> None:
    one, other = shared(tmp_path, ManualClock())
    code = await one.code.keep(ZIP, ())
    with pytest.raises(FunctionUnavailable):
        await other.code.fetch(code, other.engine.stopwatch() - IN_TIME_S)
    await other.code.fetch(code, other.engine.stopwatch())
    assert other.folder.has(code)
