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
    stores = [(await open_kafka(url, BrokerSecurity(), noted.append)).store for _ in range(count)]
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


@with_stores()
async def test_records_are_read_back_where_and_when_they_were_placed(store: Store) -> None:
    assert await done(store.commit(created(1, 2)))
    first = await done(store.append([entry(1, b"a", b"b"), entry(2, b"c"), entry(1, b"d"), entry(9, b"x")]))
    assert positions(first) == [0, 0, 2, None]
    second = await done(store.append([entry(1, b"", b"x" * 2_000_000)]))
    assert positions(second) == [3]
    page = await read(store, 1, size=10**7)
    assert payloads(page) == [b"a", b"b", b"d", b"", b"x" * 2_000_000]
    assert page is not None
    assert (page.first, page.next) == (0, 5)
    times = {run.position: run.time_ms for run in page.runs}
    for outcome in (first[0], second[0]):
        assert isinstance(outcome, Placed)
        assert times[outcome.position] == outcome.time_ms
    assert await done(store.append([])) == []


@with_stores()
async def test_a_page_is_as_large_as_was_asked_but_has_one_record_at_least(store: Store) -> None:
    await done(store.commit(created(1)))
    await done(store.append([entry(1, *(b"%03d" % at * 100 for at in range(500)))]))
    await done(store.append([entry(1, b"more")]))
    assert len(payloads(await read(store, 1, 3, records=7))) == 7
    assert payloads(await read(store, 1, 499)) == [b"499" * 100, b"more"]
    assert payloads(await read(store, 1, 7, size=1)) == [b"007" * 100]
    assert len(payloads(await read(store, 1, 0, size=899))) == 2
    at_end = await read(store, 1, 501)
    assert at_end is not None
    assert (at_end.runs, at_end.next) == ([], 501)
    beyond = await read(store, 1, 10**6)
    assert beyond is not None
    assert (beyond.runs, beyond.next) == ([], 501)


@with_stores()
async def test_records_are_found_by_the_time_at_which_they_were_placed(store: Store) -> None:
    await done(store.commit(created(1)))
    placed = []
    for payload in (b"a", b"b"):
        (outcome,) = await done(store.append([entry(1, payload)]))
        assert isinstance(outcome, Placed)
        placed.append(outcome)
        await asyncio.sleep(0.01)  # another millisecond, on the broker's clock
    assert await done(store.find(1, placed[0].time_ms)) == 0
    assert await done(store.find(1, placed[0].time_ms + 1)) == 1
    assert await done(store.find(1, placed[1].time_ms + 1)) == 2
    assert await done(store.find(1, END_MS)) == 2
    assert await done(store.find(9, END_MS)) == 0


@with_stores()
async def test_what_is_trimmed_is_gone_for_readers(store: Store) -> None:
    await done(store.commit(created(1)))
    await done(store.append([entry(1, b"a", b"b", b"c")]))
    await done(store.trim(1, 2))
    page = await read(store, 1)
    assert page is not None
    assert (payloads(page), page.first, page.next) == ([b"c"], 2, 3)
    await done(store.trim(1, 99))
    page = await read(store, 1)
    assert page is not None
    assert (page.runs, page.first, page.next) == ([], 3, 3)
    assert positions(await done(store.append([entry(1, b"d")]))) == [3]


@with_stores(2)
async def test_what_one_has_committed_the_other_is_told_of(one: Store, other: Store) -> None:
    told: list[str] = []
    other.watch_metadata(told.extend)
    assert await done(one.commit(Change({"a": b"1", "b": b"2"}, {"a": 0})))
    await done(other.catch_up())
    assert other.metadata() == {"a": Metadata(1, b"1"), "b": Metadata(1, b"2")}
    assert sorted(told) == ["a", "b"]
    assert await done(other.commit(Change({"a": None}, {"a": 0}))) is False
    assert await done(other.commit(Change({"a": None}, {"a": 1})))
    assert sorted(told) == ["a", "b"]
    await done(one.catch_up())
    assert one.metadata_of("a") is None


@with_stores(2)
async def test_of_many_changes_that_expect_the_same_version_one_is_made(one: Store, other: Store) -> None:
    for version in range(5):
        changes = [Change({"a": b"%d" % at}, {"a": version}) for at in range(6)]
        calls = [(one, other)[at % 2].commit(change) for at, change in enumerate(changes)]
        assert [await done(call) for call in calls].count(True) == 1


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
    await done(one.commit(created(1, a=b"1")))
    await done(one.append([entry(1, b"a")]))
    await done(other.catch_up())
    sealing = one.commit(Change({"a": b"2"}, {"a": 1}, seal_logs=[1]))
    assert isinstance(one, KafkaStore)
    while not one._metadata.state.pending:
        await one._metadata.applied()
    one.close()
    with pytest.raises(StoreUnavailable):
        await done(sealing)
    while other.metadata_of("a") != Metadata(2, b"2"):
        await asyncio.sleep(0.05)
    assert positions(await done(other.append([entry(1, b"late")]))) == [None]


@with_stores()
async def test_what_is_closed_says_so(store: Store) -> None:
    await done(store.commit(created(1)))
    store.close()
    with pytest.raises(StoreUnavailable):
        await done(store.append([entry(1, b"a")]))
    with pytest.raises(StoreUnavailable):
        await done(store.commit(Change({"a": b"1"})))
    with pytest.raises(StoreUnavailable):
        store.metadata()
