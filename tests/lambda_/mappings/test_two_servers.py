"""Mappings of two servers over the same streams: one runs them, the other goes on, and both answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headwater.lambda_.api.errors import ResourceConflictException
from headwater.lambda_.mappings.operations import tag_mapping, tags_of
from headwater.lambda_.mappings.store import ShardProgress, decode_progress
from headwater.model.clock import ManualClock
from tests.held_texts import held_texts
from tests.lambda_.mapped_stream import (
    CALLER,
    STREAM,
    Event,
    Functions,
    MappedStream,
    data_of,
    in_loop,
    post,
    succeed,
)
from tests.storage.shared_memory_store import SharedMemoryStore

SILENT_MS = 4_000
TICK_MS = 100


class Servers:
    """Two servers with one clock; who sleeps does nothing and hears nothing of ticks."""

    def __init__(self) -> None:
        clock, functions = ManualClock(), Functions()
        self.one, self.other = (MappedStream(clock=clock, functions=functions, seed=seed) for seed in (1, 2))
        self.functions = functions
        self.clock = clock
        self.awake = [self.one, self.other]

    async def open(self) -> None:
        store = SharedMemoryStore(post())
        self.one.open(store)
        self.other.open(SharedMemoryStore(post(), store))
        await self.pass_ms(1_000)
        assert [server.engine.lease.is_held for server in (self.one, self.other)] == [True, False]
        await self.one.call("CreateStream", StreamName=STREAM, ShardCount=1)
        await self.pass_ms(TICK_MS)

    async def close(self) -> None:
        for server in (self.one, self.other):
            await server.mappings.close(5)
            server.engine.close()

    async def pass_ms(self, duration_ms: int) -> None:
        for _ in range(0, duration_ms, TICK_MS):
            self.clock.advance_ms(TICK_MS)
            for server in self.awake:
                server.engine.tick()
                await server.settle()

    def stored(self, uuid: str) -> list[ShardProgress]:
        """The progress that the store has of a mapping."""
        found = self.other.engine.metadata_of("lambda-progress")
        return [decode_progress(key, value)[2] for key, value in found if uuid in key]


@asynccontextmanager
async def two_servers() -> AsyncIterator[Servers]:
    servers = Servers()
    await servers.open()
    try:
        yield servers
    finally:
        await servers.close()


def positions(progress: list[ShardProgress]) -> list[int]:
    return [shard.position for shard in progress]


@in_loop
async def test_one_runs_a_mapping_that_was_made_at_the_other() -> None:
    async with two_servers() as servers:
        uuid = await servers.other.map(BatchSize=1)
        await servers.pass_ms(TICK_MS)
        assert (await servers.one.state(uuid))["State"] == "Enabled"
        await servers.one.put("a")
        await servers.other.put("b")
        await servers.pass_ms(TICK_MS)
        assert servers.functions.batches == [["a"], ["b"]]
        for server in (servers.one, servers.other):
            assert (await server.state(uuid))["LastProcessingResult"] == "OK"
            assert (await server.status())[0]["records_behind"] == 0


@in_loop
async def test_the_other_one_goes_on_where_the_first_one_was() -> None:
    async with two_servers() as servers:
        uuid = await servers.one.map()
        await servers.other.put("a", "b")
        servers.awake = [servers.other]  # the first one is gone without a word
        await servers.one.mappings.close(0)
        await servers.other.put("c")
        await servers.pass_ms(SILENT_MS)
        assert [data for batch in servers.functions.batches for data in batch] == ["a", "b", "c"]
        assert positions(servers.stored(uuid)) == [3]


@in_loop
async def test_progress_is_written_once_a_tick_and_all_of_it_when_a_server_ends() -> None:
    async with two_servers() as servers:
        uuid = await servers.one.map(BatchSize=1)
        await servers.pass_ms(TICK_MS)
        key = next(key for key, _ in servers.one.engine.metadata_of("lambda-progress"))
        before = servers.one.store.metadata()[key].version
        await servers.one.put(*map(str, range(20)))
        await servers.pass_ms(TICK_MS)
        assert servers.one.store.metadata()[key].version <= before + 2
        await servers.one.put("a", "b")
        await servers.one.mappings.close(5)
        assert positions(servers.stored(uuid)) == [22]


@in_loop
async def test_what_a_server_ends_late_changes_nothing_and_is_cut_off_when_it_wakes() -> None:
    async with two_servers() as servers:
        may_end, ended = asyncio.Event(), []

        async def waits_at_first(event: Event) -> None:
            if not may_end.is_set() and len(servers.functions.events) == 1:
                await may_end.wait()
            ended.append(data_of(event))

        uuid = await servers.one.map(waits_at_first, BatchSize=1)
        await servers.one.put("a")
        servers.awake = [servers.other]
        await servers.other.put("b", "c")
        await servers.pass_ms(SILENT_MS)
        assert ended == [["a"], ["b"], ["c"]]
        assert positions(servers.stored(uuid)) == [3]
        may_end.set()  # at the first one, which has slept meanwhile: it begins nothing, and its word is late
        await servers.one.settle()
        assert ended == [["a"], ["b"], ["c"], ["a"]]
        assert positions(servers.stored(uuid)) == [3]
        servers.awake = [servers.one, servers.other]
        await servers.other.put("d")
        await servers.pass_ms(1_000)
        assert ended[4:] == [["d"]]
        assert positions(servers.stored(uuid)) == [4]


@in_loop
async def test_what_fails_at_a_server_that_has_slept_is_not_given_up_there() -> None:
    async with two_servers() as servers:
        may_fail = asyncio.Event()

        async def fails_at_first(_event: Event) -> None:
            if len(servers.functions.events) == 1:
                await may_fail.wait()
                raise ValueError("too late")

        target = {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:failed"}}
        uuid = await servers.one.map(
            fails_at_first, BatchSize=1, MaximumRetryAttempts=0, DestinationConfig=target
        )
        await servers.one.put("a")
        servers.awake = [servers.other]
        await servers.pass_ms(SILENT_MS)
        assert servers.functions.batches == [["a"], ["a"]]
        may_fail.set()
        await servers.one.settle()
        servers.awake = [servers.one, servers.other]
        await servers.pass_ms(5_000)
        assert servers.one.destinations.documents == servers.other.destinations.documents == []
        assert positions(servers.stored(uuid)) == [1]


@in_loop
async def test_a_function_that_starts_while_its_server_sleeps_is_given_nothing_there() -> None:
    async with two_servers() as servers:
        servers.functions.starting = has_started = asyncio.Event()
        uuid = await servers.one.map(BatchSize=1)
        await servers.one.put("a")
        servers.awake = [servers.other]
        await servers.pass_ms(SILENT_MS)
        await servers.other.put("b")
        assert servers.functions.batches == [["a"], ["b"]]
        has_started.set()
        await servers.one.settle()
        servers.awake = [servers.one, servers.other]
        await servers.pass_ms(5_000)
        assert servers.functions.batches == [["a"], ["b"]]
        assert positions(servers.stored(uuid)) == [2]


@in_loop
async def test_who_has_slept_goes_on_again_from_what_was_done_meanwhile() -> None:
    async with two_servers() as servers:
        await servers.one.map(BatchSize=1)
        await servers.one.put("a")
        await servers.pass_ms(TICK_MS)
        servers.awake = [servers.other]
        await servers.other.put("b")
        await servers.pass_ms(SILENT_MS)
        servers.awake = [servers.one, servers.other]
        await servers.pass_ms(TICK_MS)
        servers.awake = [servers.one]
        await servers.one.put("c")
        await servers.pass_ms(SILENT_MS)
        assert servers.functions.batches == [["a"], ["b"], ["c"]]


@in_loop
async def test_a_mapping_is_changed_and_deleted_through_the_server_that_does_not_run_it() -> None:
    async with two_servers() as servers:
        uuid = await servers.one.map(BatchSize=1)
        await servers.pass_ms(TICK_MS)
        await servers.other.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
        await servers.pass_ms(TICK_MS)
        await servers.one.put("a")
        assert servers.functions.batches == []
        assert (await servers.one.state(uuid))["State"] == "Disabled"
        await servers.other.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=True)
        await servers.pass_ms(TICK_MS)
        assert servers.functions.batches == [["a"]]
        await servers.other.lambda_call("DeleteEventSourceMapping", UUID=uuid)
        await servers.pass_ms(TICK_MS)
        await servers.one.put("b")
        assert servers.functions.batches == [["a"]]
        for server in (servers.one, servers.other):
            assert server.mappings.all_current() == []
        assert servers.stored(uuid) == []


@in_loop
async def test_the_state_of_a_window_goes_to_the_server_that_goes_on() -> None:
    async with two_servers() as servers:

        async def count(event: Event) -> dict[str, Any]:
            return {"state": {"seen": [*event["state"].get("seen", []), *data_of(event)]}}

        await servers.one.map(count, BatchSize=1, TumblingWindowInSeconds=60)
        await servers.one.put("a")
        await servers.pass_ms(TICK_MS)
        servers.awake = [servers.other]
        await servers.other.put("b")
        await servers.pass_ms(SILENT_MS)
        assert servers.functions.events[-1]["state"] == {"seen": ["a"]}
        assert data_of(servers.functions.events[-1]) == ["b"]


@in_loop
async def test_of_two_that_make_the_same_mapping_one_is_refused() -> None:
    async with two_servers() as servers:
        made = await asyncio.gather(
            servers.one.map(succeed), servers.other.map(succeed), return_exceptions=True
        )
        assert sum(isinstance(each, ResourceConflictException) for each in made) == 1
        assert len(servers.one.mappings.all_current()) == 1


@in_loop
async def test_a_reset_at_one_forgets_at_both() -> None:
    async with two_servers() as servers:
        uuid = await servers.one.map()
        await servers.one.put("a")
        await servers.other.mappings.reset()
        await servers.pass_ms(TICK_MS)
        await servers.one.put("b")
        assert servers.functions.batches == [["a"]]
        for server in (servers.one, servers.other):
            assert server.mappings.all_current() == []
        assert servers.stored(uuid) == []


@pytest.mark.parametrize("at", [0, 1])
@in_loop
async def test_of_a_mapping_that_is_removed_anywhere_nothing_is_remembered(at: int) -> None:
    async with two_servers() as servers:
        uuid = await servers.one.map()
        await servers.one.put("a")
        await servers.pass_ms(TICK_MS)
        assert servers.functions.batches == [["a"]]
        await (servers.one, servers.other)[at].lambda_call("DeleteEventSourceMapping", UUID=uuid)
        await servers.pass_ms(SILENT_MS)
        assert servers.stored(uuid) == []
        for server in (servers.one, servers.other):
            assert held_texts(server.mappings.store, uuid) == set()


@pytest.mark.parametrize("at", [0, 1])
@in_loop
async def test_tags_that_are_given_anywhere_stop_nothing(at: int) -> None:
    async with two_servers() as servers:
        uuid = await servers.one.map(BatchSize=1)
        server = (servers.one, servers.other)[at]
        mapping = server.mappings.current(uuid)
        assert mapping is not None
        await servers.one.put("a")
        await tag_mapping(server.mappings, CALLER, mapping.arn, {"team": "web"})
        await servers.one.put("b")
        await servers.pass_ms(TICK_MS)
        assert servers.functions.batches == [["a"], ["b"]]
        for other in (servers.one, servers.other):
            assert tags_of(other.mappings, CALLER, mapping.arn) == {"team": "web"}
