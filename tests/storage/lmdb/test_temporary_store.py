from __future__ import annotations

import random
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.model.completion import Completion, begun
from headwater.storage.interface import Change, Entry, Extent, LogPage
from headwater.storage.lmdb import temporary_store
from headwater.storage.lmdb.group import LATEST_RUNS
from headwater.storage.lmdb.temporary_store import GATHERED_BYTES, LARGE_BYTES, TemporaryStore
from headwater.storage.memory_store import MemoryStore
from tests.storage.inbox import Inbox
from tests.storage.lmdb.test_store import posix_only, run_script
from tests.storage.records import entry, payloads, positions, records
from tests.storage.store_contract import UnsharedStoreContract

COMMITS = 200


def opened(folder: Path, inbox: Inbox) -> TemporaryStore:
    return TemporaryStore(folder, inbox, on_close=lambda: None, log_error=lambda _: None)


class TestTemporaryStore(UnsharedStoreContract):
    takes_appends_at_once = True

    @pytest.fixture
    def store(self, inbox: Inbox, tmp_path: Path) -> TemporaryStore:
        return opened(tmp_path, inbox)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def store(tmp_path: Path, inbox: Inbox) -> Iterator[TemporaryStore]:
    store = opened(tmp_path, inbox)
    inbox.run(store.commit(Change({}, create_logs=[1, 2])))
    yield store
    store.close()
    inbox.run_posted()


def commits(store: TemporaryStore) -> int:
    return sum(store.commit_times.durations.counts)


def test_small_appends_share_a_commit(store: TemporaryStore, inbox: Inbox) -> None:
    before = commits(store)
    for number in range(100):
        assert positions(store.append([entry(1, 5 + number, b"small")]).result()) == [number]
        inbox.run_posted()
    assert commits(store) == before
    assert len(payloads(inbox.run(store.read(1, 0, 1000, 10_000)))) == 100
    assert commits(store) == before + 1


def test_what_is_gathered_has_a_greatest_size(store: TemporaryStore, inbox: Inbox) -> None:
    before = commits(store)
    for number in range(4 * GATHERED_BYTES // 1000):
        store.append([entry(1, number, b"x" * 1000)])
        inbox.run_posted()
    assert commits(store) == before + 3


def test_a_large_append_is_stored_before_it_is_answered(store: TemporaryStore, inbox: Inbox) -> None:
    small, large = store.append([entry(1, 5, b"s")]), store.append([entry(1, 6, b"x" * LARGE_BYTES)])
    behind = store.append([entry(1, 7, b"b")])
    assert positions(small.result()) == [0]
    with pytest.raises(RuntimeError):
        large.result()
    assert positions(inbox.run(behind)) == [2]
    assert positions(large.result()) == [1]


def test_another_logs_reader_leaves_gathered_what_is_not_its_own(store: TemporaryStore, inbox: Inbox) -> None:
    store.append([entry(1, 5, b"a")])
    before = commits(store)
    assert payloads(inbox.run(store.read(2, 0, 10, 10))) == []
    assert inbox.run(store.find(2, 0)) == 0
    assert commits(store) == before


def test_a_closed_file_has_everything(tmp_path: Path, inbox: Inbox) -> None:
    store = opened(tmp_path, inbox)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    store.append([entry(1, 5, b"a"), entry(1, 6, b"b")])
    store.close()
    inbox.run_posted()
    again = opened(tmp_path, inbox)
    assert again.extent(1) == Extent(0, 2, 6, sealed=False)
    assert again.check() == []
    again.close()


@pytest.mark.parametrize("large_bytes", [LARGE_BYTES, 1000])
@pytest.mark.parametrize("seed", range(10))
def test_it_does_what_the_reference_does(
    tmp_path: Path, seed: int, large_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is called in whatever order, and however much of what is posted runs between."""
    monkeypatch.setattr(temporary_store, "LARGE_BYTES", large_bytes)
    chance, inboxes = random.Random(seed), (Inbox(), Inbox())
    store, reference = opened(tmp_path, inboxes[0]), MemoryStore(inboxes[1])
    both = list(zip((store, reference), inboxes, strict=True))
    waiting: list[tuple[Any, Any]] = []
    for watched in (2, 3):
        store.watch(watched, lambda: None)
    now_ms = 1
    for step in range(COMMITS):
        now_ms += chance.randrange(2)
        log_id = chance.randrange(1, 5)
        entries = [
            Entry(chance.randrange(1, 5), now_ms, [b"%d/%d" % (step, at) * chance.choice((1, 1, 1, 4000))])
            for at in range(chance.randrange(1, 4))
        ]
        match chance.randrange(12):
            case 0:
                change = Change({"key": b"%d" % step}, create_logs=[log_id])
                waiting.append((store.commit(change), reference.commit(change)))
            case 1:
                change = Change({}, seal_logs=[log_id] if chance.random() < 0.3 else [])
                waiting.append((store.commit(change), reference.commit(change)))
            case 2:
                position = chance.randrange(step + 1)
                waiting.append((store.trim(log_id, position), reference.trim(log_id, position)))
            case 3:
                _settle(both, waiting)
                assert _seen(store, inboxes[0], log_id, now_ms) == _seen(
                    reference, inboxes[1], log_id, now_ms
                )
            case _:
                waiting.append((store.append(entries), reference.append(entries)))
        if chance.random() < 0.5:
            inboxes[0].run_posted()
    _settle(both, waiting)
    for log_id in range(1, 5):
        assert _seen(store, inboxes[0], log_id, now_ms) == _seen(reference, inboxes[1], log_id, now_ms)
    assert store.check() == []
    store.close()


def _settle(both: list[tuple[Any, Inbox]], waiting: list[tuple[Any, Any]]) -> None:
    ((_, our_inbox), (_, their_inbox)) = both
    for ours, theirs in waiting:
        assert our_inbox.run(ours) == their_inbox.run(theirs)
    waiting.clear()


def _seen(store: Any, inbox: Inbox, log_id: int, now_ms: int) -> tuple[object, ...]:
    def asked(awaitable: Awaitable[Any]) -> Any:
        return inbox.run(awaitable)

    extent = store.extent(log_id)
    tip = 0 if extent is None else extent.next
    latest = [asked(store.read(log_id, max(0, tip - back), 10_000, 1 << 30)) for back in (0, 1, 3)]
    page: LogPage | None = asked(store.read(log_id, 0, 10_000, 1 << 30))
    return (
        store.extent(log_id),
        [None if page is None else (page.first, page.next, records(page)) for page in latest],
        page is None or (page.first, page.next),
        records(page) if page is not None else [],
        asked(store.find(log_id, now_ms // 2)) if page is not None else 0,
    )


@posix_only
@pytest.mark.parametrize("room", [0, 5_000], ids=["full at once", "full in the middle of a write"])
def test_what_finds_no_room_stays_and_is_written_when_there_is_some(tmp_path: Path, room: int) -> None:
    script = """
        import os
        from headwater.storage.lmdb.temporary_store import TemporaryStore
        errors = []
        options = {"on_close": lambda: None, "log_error": errors.append}
        store = TemporaryStore(folder, inbox, map_bytes=1 << 20, **options)
        inbox.run(store.commit(Change({}, create_logs=[1, 2])))
        inbox.run(store.append([entry(1, 5, b"kept")]))
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"kept"]
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = os.path.getsize(folder / "data.mdb") + int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        number = 0
        while True:  # until it is known that there is no room
            number += 1
            taken = store.append([entry(1, 6, b"%d" % number * 5_000)])
            inbox.run_posted()
            try:
                assert positions(inbox.run(taken)) == [number]
            except StoreUnavailable:
                break
        assert store.extent(1) == (0, number, 6, False)
        assert payloads(inbox.run(store.read(1, 0, 1, 100))) == [b"kept"]
        assert refused(store.append([entry(1, 7, b"no")]))
        assert refused(store.trim(1, 1))
        assert refused(store.read(1, number - 1, 1, 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        inbox.run_until(lambda: store._refusal is None)
        assert positions(inbox.run(store.append([entry(1, 8, b"again")]))) == [number]
        found = payloads(inbox.run(store.read(1, 0, 1000, 1 << 30)))
        assert found == [b"kept", *(b"%d" % at * 5_000 for at in range(1, number)), b"again"]
        assert store.check() == []
        store.close()
        print("done")
    """
    assert run_script(script, tmp_path, room) == "done\n"


@posix_only
def test_without_room_space_can_be_given_back_and_other_things_changed(tmp_path: Path) -> None:
    script = """
        import os
        from headwater.storage.lmdb.temporary_store import TemporaryStore
        options = {"on_close": lambda: None, "log_error": print}
        store = TemporaryStore(folder, inbox, map_bytes=1 << 20, **options)
        inbox.run(store.commit(Change({}, create_logs=[1, 2, 3])))
        inbox.run(store.append([entry(2, 5, b"large" * 20_000)]))
        inbox.run(store.commit(Change({"key": b"old"}, delete_logs=[2])))  # leaves pages that others may use
        inbox.run_posted()
        inbox.run(store.append([entry(1, 5, b"old"), entry(3, 5, b"old")]))
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"old"]
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(folder / "data.mdb"), limits[1]))
        for _ in range(20):
            taken = store.append([entry(1, 6, b"new" * 2_000), entry(3, 6, b"new" * 2_000)])
            assert positions(taken.result())
        assert refused(store.read(1, 1, 10, 1 << 20))
        assert refused(store.append([entry(1, 7, b"no")]))
        assert refused(store.commit(Change({}, seal_logs=[1])))
        assert inbox.run(store.commit(Change({"key": b"new"}, create_logs=[4], delete_logs=[3])))
        inbox.run(store.trim(1, 1))
        assert store.metadata()["key"].value == b"new"
        assert (store.extent(1), store.extent(3)) == ((1, 21, 6, False), None)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert positions(inbox.run(store.append([entry(1, 8, b"last")]))) == [21]
        found = payloads(inbox.run(store.read(1, 0, 1000, 1 << 30)))
        assert found == [*[b"new" * 2_000] * 20, b"last"]
        inbox.run_posted()
        assert store.check() == []
        store.close()
        print("done")
    """
    assert run_script(script, tmp_path) == "done\n"


def test_a_watcher_reads_what_is_gathered_without_a_commit(store: TemporaryStore, inbox: Inbox) -> None:
    read: list[list[bytes]] = []
    heard: list[int] = []
    position = 0

    async def follow() -> None:
        nonlocal position
        page = await store.read(1, position, 100, 10_000)
        read.append(payloads(page))
        position += len(read[-1])

    reads: list[Completion[None]] = []
    store.watch(1, lambda: reads.append(begun(follow())))
    store.watch(1, lambda: heard.append(len(read)))
    before = commits(store)
    for time_ms in (5, 5, 6, 7):
        store.append([entry(1, time_ms, b"a%d" % time_ms), entry(2, time_ms, b"b")])
        store.append([entry(1, time_ms, b"c%d" % time_ms)])
        inbox.run_posted()
    for each in reads:
        inbox.run(each)
    assert read == [[b"a5", b"c5"], [b"a5", b"c5"], [b"a6", b"c6"], [b"a7", b"c7"]]
    assert commits(store) == before
    whole = [payload for found in read for payload in found]
    assert payloads(inbox.run(store.read(1, 3, 100, 10_000))) == whole[3:]
    assert payloads(inbox.run(store.read(1, 8, 100, 10_000))) == []
    assert commits(store) == before
    # What is read in part, or with too few bytes, is written; nobody hears of it again.
    assert payloads(inbox.run(store.read(1, 0, 3, 10_000))) == whole[:3]
    assert commits(store) == before + 1
    inbox.run_posted()
    assert heard == [1, 2, 3, 4]
    assert payloads(inbox.run(store.read(1, 0, 100, 10_000))) == whole
    assert store.check() == []


def test_a_watcher_that_is_far_behind_reads_what_was_written(store: TemporaryStore, inbox: Inbox) -> None:
    store.watch(1, lambda: None)
    for time_ms in range(2 * LATEST_RUNS):
        store.append([entry(1, time_ms, b"%d" % time_ms)])
    before = commits(store)
    assert len(payloads(inbox.run(store.read(1, LATEST_RUNS, 1000, 10_000)))) == LATEST_RUNS
    assert commits(store) == before
    assert len(payloads(inbox.run(store.read(1, 0, 1000, 10_000)))) == 2 * LATEST_RUNS
    assert commits(store) == before + 1
