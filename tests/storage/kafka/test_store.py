"""The store on one node: what every shared store promises, and what two of them see of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from headwater.model.completion import Completion, drive
from headwater.storage.interface import (
    END_MS,
    Change,
    Entry,
    LogPage,
    Metadata,
    Outcome,
    Placed,
    Store,
    StoreUnavailable,
)
from headwater.storage.kafka.back_end import open_kafka
from headwater.storage.kafka.security import BrokerSecurity
from headwater.storage.kafka.store import KafkaStore
from tests.storage.kafka.loop_inbox import LoopInbox
from tests.storage.store_contract import StoreContract

pytestmark = pytest.mark.long
T = TypeVar("T")
DAY_MS = 86_400_000


class TestKafkaStore(StoreContract):
    @pytest.fixture
    def inbox(self) -> Iterator[LoopInbox]:
        found = LoopInbox(asyncio.new_event_loop())
        yield found
        found.close()

    @pytest.fixture
    def store(self, inbox: LoopInbox, store_url: str) -> Store:
        return inbox.run_on_loop(open_kafka(store_url, BrokerSecurity(), print)).store


async def done(awaitable: Awaitable[T]) -> T:
    """What a completion, or a coroutine that waits for some, comes to."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def wait() -> T:
        return await awaitable

    def tell(value: T | None, error: BaseException | None) -> None:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]  # without an error, the value is a T

    drive(wait(), tell)
    return await asyncio.wait_for(future, 60)


def is_closed(store: Store) -> bool:
    try:
        store.metadata()
    except StoreUnavailable:
        return True
    return False


@asynccontextmanager
async def opened(url: str, count: int = 1) -> AsyncIterator[list[Store]]:
    noted: list[str] = []
    stores = [
        (await open_kafka(url, BrokerSecurity(), noted.append, log_wait=print)).store for _ in range(count)
    ]
    try:
        yield stores
        still_open = [store for store in stores if not is_closed(store)]
        for store in still_open:
            await done(store.catch_up())
            assert store.check() == []
            assert store.metadata() == still_open[0].metadata()
    finally:
        for store in stores:
            store.close()
        await asyncio.sleep(0.1)
    assert noted == []


def with_stores(
    count: int = 1,
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[[str], None]]:
    """Run a test on the event loop with so many stores over data of its own."""

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[str], None]:
        def run(store_url: str) -> None:
            async def live() -> None:
                async with opened(store_url, count) as stores:
                    await test(*stores)

            asyncio.run(live())

        run.__name__ = test.__name__
        return run

    return decorate


def created(*log_ids: int, **writes: bytes) -> Change:
    return Change(writes, create_logs=log_ids, keep_ms=dict.fromkeys(log_ids, DAY_MS))


def entry(log_id: int, *payloads: bytes) -> Entry:
    return Entry(log_id, 5, payloads)


def positions(outcomes: list[Outcome]) -> list[int | None]:
    return [outcome.position if isinstance(outcome, Placed) else None for outcome in outcomes]


def payloads(page: LogPage | None) -> list[bytes]:
    assert page is not None
    return [bytes(payload) for run in page.runs for payload in run.payloads]


async def read(
    store: Store, log_id: int, position: int = 0, records: int = 1000, size: int = 10**6
) -> LogPage | None:
    return await done(store.read(log_id, position, records, size))


@with_stores(2)
async def test_what_one_has_committed_the_other_is_told_of(one: Store, other: Store) -> None:
    told: list[str] = []
    other.watch_metadata(told.extend)
    made = await done(one.commit(Change({"a": b"1", "b": b"2"}, {"a": 0})))
    await done(other.catch_up())
    assert other.metadata() == {"a": Metadata(made, b"1"), "b": Metadata(made, b"2")}
    assert sorted(told) == ["a", "b"]
    assert await done(other.commit(Change({"a": None}, {"a": 0}))) == 0
    assert await done(other.commit(Change({"a": None}, {"a": made})))
    assert sorted(told) == ["a", "b"]
    await done(one.catch_up())
    assert one.metadata_of("a") is None


@with_stores(2)
async def test_of_many_changes_that_expect_the_same_version_one_is_made(one: Store, other: Store) -> None:
    version = 0
    for _ in range(5):
        changes = [Change({"a": b"%d" % at}, {"a": version}) for at in range(6)]
        calls = [(one, other)[at % 2].commit(change) for at, change in enumerate(changes)]
        (made,) = [made for call in calls if (made := await done(call))]
        version = version + 1 if version else made


@with_stores(2)
async def test_a_sealed_log_takes_nothing_behind_its_end_from_anybody(one: Store, other: Store) -> None:
    await done(one.commit(created(1)))
    await done(other.catch_up())
    appending = [store.append([entry(1, b"%d" % at)]) for at in range(100) for store in (one, other)]
    sealing = one.commit(Change({}, create_logs=[2], seal_logs=[1]))
    late = [other.append([entry(1, b"late %d" % at)]) for at in range(20)]
    assert await done(sealing)
    outcomes = [(await done(call))[0] for call in (*appending, *late)]
    page = await read(other, 1, size=10**7)
    assert page is not None
    placed = sorted(outcome.position for outcome in outcomes if isinstance(outcome, Placed))
    assert all(position < page.next for position in placed)
    assert [run.position + at for run in page.runs for at in range(len(run.payloads))] == placed
    for store in (one, other):
        await done(store.catch_up())
        assert positions(await done(store.append([entry(1, b"behind")]))) == [None]
        extent = store.extent(1)
        assert extent is not None
        assert (extent.next, extent.sealed) == (page.next, True)
        assert await done(store.find(1, END_MS)) == page.next


@with_stores(2)
async def test_a_deleted_log_is_gone_for_all(one: Store, other: Store) -> None:
    await done(one.commit(created(1, 2)))
    await done(one.append([entry(1, b"a"), entry(2, b"b")]))
    assert await done(one.commit(Change({}, delete_logs=[1])))
    await done(other.catch_up())
    for store in (one, other):
        assert store.extent(1) is None
        assert await read(store, 1) is None
        assert positions(await done(store.append([entry(1, b"late")]))) == [None]
        assert payloads(await read(store, 2)) == [b"b"]


@with_stores(2)
async def test_how_far_logs_reach_is_found_whoever_appended(one: Store, other: Store) -> None:
    await done(one.commit(created(1, 2)))
    await done(one.append([entry(1, b"a", b"b", b"c"), entry(2, b"d")]))
    await done(one.trim(1, 1))
    await done(other.catch_up())
    found = await done(other.find_extents([2, 9, 1]))
    assert [extent and (extent.first, extent.next) for extent in found] == [(0, 1), None, (1, 3)]
    extent = other.extent(1)
    assert extent is not None
    assert (extent.first, extent.next) == (1, 3)


@with_stores(2)
async def test_who_watches_a_log_hears_of_what_others_append_seal_and_delete(
    one: Store, other: Store
) -> None:
    await done(one.commit(created(1)))
    await done(other.catch_up())
    heard = asyncio.Event()
    unwatch = other.watch(1, heard.set)

    async def after(change: Completion[Any]) -> None:
        heard.clear()
        await done(change)
        await asyncio.wait_for(heard.wait(), 30)

    await asyncio.wait_for(heard.wait(), 30)  # what came before the watch may have been missed
    await after(one.append([entry(1, b"a")]))
    await after(one.commit(Change({}, seal_logs=[1])))
    await after(one.commit(Change({}, delete_logs=[1])))
    unwatch()
    unwatch()


@with_stores(2)
async def test_a_seal_that_its_gateway_did_not_finish_is_finished_by_another(
    one: Store, other: Store
) -> None:
    made = await done(one.commit(created(1, a=b"1")))
    await done(one.append([entry(1, b"a")]))
    await done(other.catch_up())
    sealing = one.commit(Change({"a": b"2"}, {"a": made}, seal_logs=[1]))
    assert isinstance(one, KafkaStore)
    while not one._metadata.state.pending:
        await one._metadata.applied()
    one.close()
    with pytest.raises(StoreUnavailable):
        await done(sealing)
    while other.metadata_of("a") != Metadata(made + 1, b"2"):
        await asyncio.sleep(0.05)
    assert positions(await done(other.append([entry(1, b"late")]))) == [None]
