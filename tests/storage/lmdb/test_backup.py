"""A copy of a store: of one moment, however much goes on meanwhile, and whole or refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from headwater.storage.interface import Change, Extent, Metadata, Store, StoreUnavailable, StoreUnreadable
from headwater.storage.lmdb.backup_copy import PART_BYTES
from headwater.storage.lmdb.backup_format import read_backup
from headwater.storage.lmdb.restore import restore
from headwater.storage.lmdb.store import LmdbStore
from headwater.storage.lmdb.temporary_store import TemporaryStore
from headwater.storage.open_store import open_store
from tests.storage.inbox import Inbox
from tests.storage.records import entry, payloads

LOGS = 6
LOGS_MAX = 200


class Shown(NamedTuple):
    """Everything that a store shows."""

    metadata: dict[str, Metadata]
    extents: dict[int, Extent | None]
    payloads: dict[int, list[bytes]]


def shown(store: Store, inbox: Inbox) -> Shown:
    extents = {log_id: store.extent(log_id) for log_id in range(LOGS_MAX)}
    found = {log_id: payloads(inbox.run(store.read(log_id, 0, 10**6, 10**9))) for log_id in extents}
    return Shown(store.metadata(), extents, found)


def opened(folder: Path, inbox: Inbox, synced: bool) -> LmdbStore:
    folder.mkdir(exist_ok=True)
    return LmdbStore(folder, inbox, synced=synced)


def temporary(folder: Path, inbox: Inbox) -> TemporaryStore:
    folder.mkdir()
    return TemporaryStore(folder, inbox, on_close=lambda: None, log_error=lambda _: None)


OPENED = (partial(opened, synced=False), partial(opened, synced=True), temporary)


def close(store: LmdbStore, inbox: Inbox) -> None:
    store.close()
    inbox.run_posted()


def work(store: LmdbStore, inbox: Inbox, chance: Random, ids: Iterator[int], time_ms: int) -> None:
    """Some change of any kind."""
    logs = [log_id for log_id in range(LOGS_MAX) if store.extent(log_id) is not None]
    log_id = chance.choice(logs)
    match chance.randrange(12):
        case 0:
            store.trim(log_id, chance.randrange(100))
        case 1:
            gone = [log_id] if len(logs) > LOGS else []
            store.commit(Change({"changed": b"%d" % time_ms}, create_logs=[next(ids)], delete_logs=gone))
        case 2:
            store.commit(Change({f"key-{chance.randrange(9)}": None}, seal_logs=[log_id]))
            store.commit(Change({}, create_logs=[next(ids)]))
        case _:
            sizes = [chance.choice((10, 500, 40_000)) for _ in range(chance.randrange(1, 20))]
            store.append([entry(log_id, time_ms, *map(chance.randbytes, sizes))])
    inbox.run(store.append([]))


def filled(store: LmdbStore, inbox: Inbox, chance: Random, ids: Iterator[int]) -> None:
    inbox.run(store.commit(Change({f"key-{i}": bytes([i]) for i in range(9)}, create_logs=range(LOGS))))
    for time_ms in range(150):
        work(store, inbox, chance, ids, time_ms)


def backup_of(store: LmdbStore) -> bytes:
    copy = store.begin_copy()
    parts = []
    while part := copy.next_part():
        parts.append(part)
    copy.close()
    return b"".join(parts)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def backup(tmp_path: Path, inbox: Inbox) -> bytes:
    """Of a small store."""
    store = opened(tmp_path / "small", inbox, synced=False)
    inbox.run(store.commit(Change({"key": b"value"}, create_logs=[1, 2])))
    inbox.run(store.append([entry(1, 5, b"one", b"two"), entry(2, 6, b"three" * 50)]))
    made = backup_of(store)
    close(store, inbox)
    return made


@pytest.mark.parametrize(
    "seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 9))]
)
def test_a_copy_is_of_the_moment_when_it_began(tmp_path: Path, inbox: Inbox, seed: int) -> None:
    chance, ids = Random(seed), count(LOGS)
    store = OPENED[seed % 3](tmp_path / "store", inbox)
    filled(store, inbox, chance, ids)
    before = shown(store, inbox)
    copy = store.begin_copy()
    parts = []
    while part := copy.next_part():
        parts.append(part)
        for time_ms in range(1_000 * len(parts), 1_000 * len(parts) + 10):
            work(store, inbox, chance, ids, time_ms)
    assert len(parts) > 5
    assert max(map(len, parts)) < 4 * PART_BYTES
    assert shown(store, inbox) != before
    copy.close()
    inbox.run_posted()
    assert store.check() == []
    close(store, inbox)

    restore(io.BytesIO(b"".join(parts)), tmp_path / "restored")
    restored = open_store(tmp_path / "restored", inbox).store
    assert isinstance(restored, LmdbStore)
    assert shown(restored, inbox) == before
    assert restored.check() == []
    work(restored, inbox, chance, ids, 10**6)
    close(restored, inbox)


def test_space_is_given_back_when_the_copy_is_done_and_not_before(tmp_path: Path, inbox: Inbox) -> None:
    store = opened(tmp_path / "store", inbox, synced=False)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    for time_ms in range(100):
        inbox.run(store.append([entry(1, time_ms, b"x" * 1000)]))
    copy = store.begin_copy()
    inbox.run(store.trim(1, 100))
    inbox.run_posted()
    assert sum(1 for _ in iter(copy.next_part, b"")) >= 3
    assert store._backlog
    copy.close()
    copy.close()
    inbox.run_posted()
    assert not store._backlog
    assert store.check() == []
    close(store, inbox)


def test_a_copy_of_a_closed_store_cannot_go_on(tmp_path: Path, inbox: Inbox) -> None:
    store = opened(tmp_path / "store", inbox, synced=False)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    inbox.run(store.append([entry(1, 1, b"x")]))
    copy = store.begin_copy()
    copy.next_part()
    close(store, inbox)
    with pytest.raises(StoreUnavailable, match="closed"):
        copy.next_part()
    copy.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.begin_copy()


def assert_refused(data: bytes, folder: Path) -> None:
    with pytest.raises(StoreUnreadable, match="backup"):
        restore(io.BytesIO(data), folder)
    assert not folder.exists()


def test_a_backup_of_which_any_bit_was_flipped_is_refused(backup: bytes, tmp_path: Path) -> None:
    for at in range(len(backup)):
        damaged = bytearray(backup)
        damaged[at] ^= 1 << at % 8
        assert_refused(bytes(damaged), tmp_path / "new")


def test_a_backup_that_is_cut_short_anywhere_or_goes_on_is_refused(backup: bytes, tmp_path: Path) -> None:
    for size in range(len(backup)):
        assert_refused(backup[:size], tmp_path / "new")
    assert_refused(backup + b"\0", tmp_path / "new")
    assert_refused(b"years of work" * 100, tmp_path / "new")
    assert len(list(read_backup(io.BytesIO(backup)))) == 5


def test_a_directory_that_has_something_is_refused_and_left_as_it_was(backup: bytes, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreUnreadable, match="is not empty"):
        restore(io.BytesIO(backup), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.txt", "small"}
    with pytest.raises(StoreUnreadable, match="is not a directory"):
        restore(io.BytesIO(backup), tmp_path / "thesis.txt")


def test_what_is_restored_is_for_its_owner_only(backup: bytes, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    for folder in (tmp_path / "new", tmp_path / "open"):
        restore(io.BytesIO(backup), folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
            "data.mdb": 0o600,
            "lock": 0o600,
        }
