"""Leases in a file of SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from headwater.client.calls.errors import ConnectionFailed, is_transient
from headwater.client.leases.sqlite_store import SQLiteState
from headwater.client.leases.store import StateError
from tests.client.leases.lease_store_contract import NEW, ORDERS, LeaseStateContract, MakeState
from tests.client.streams import no_shards


class TestSQLiteState(LeaseStateContract):
    """Each view has a connection of its own, as processes have."""

    @pytest.fixture
    def make_state(self, tmp_path: Path) -> MakeState:
        return lambda: SQLiteState(tmp_path / "leases.db")


def test_groups_in_one_file_do_not_see_each_other(tmp_path: Path) -> None:
    async def test() -> None:
        a, b = [
            await SQLiteState(tmp_path / "leases.db", group=group).open(ORDERS, no_shards) for group in "ab"
        ]
        assert await a.create(NEW)
        assert await b.leases() == []
        assert await b.create(NEW)
        await a.close()
        await b.close()

    asyncio.run(test())


def test_leases_stay_in_the_file(tmp_path: Path) -> None:
    async def test() -> None:
        for _ in range(2):
            leases = await SQLiteState(tmp_path / "leases.db").open(ORDERS, no_shards)
            await leases.create(NEW)
            assert await leases.leases() == [NEW]
            await leases.close()

    asyncio.run(test())


def test_what_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "leases.db").write_text("this is a text, and not a database at all" * 40)
        with pytest.raises(StateError, match="not a database"):
            await SQLiteState(tmp_path / "leases.db").open(ORDERS, no_shards)
        with pytest.raises(StateError, match="unable to open"):
            await SQLiteState(tmp_path / "no such folder" / "leases.db").open(ORDERS, no_shards)
        leases = await SQLiteState(tmp_path / "other.db").open(ORDERS, no_shards)
        await leases.close()
        with pytest.raises(StateError, match="not open"):
            await leases.leases()

    asyncio.run(test())


def test_a_lock_that_another_process_keeps_is_a_reason_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.client.leases.sqlite_store.LOCK_TIMEOUT_S", 0.05)

    async def test() -> None:
        leases = await SQLiteState(tmp_path / "leases.db").open(ORDERS, no_shards)
        other = sqlite3.connect(tmp_path / "leases.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConnectionFailed) as locked:
            await leases.create(NEW)
        assert is_transient(locked.value)
        other.close()
        assert await leases.create(NEW)
        await leases.close()

    asyncio.run(test())


def test_who_found_the_file_locked_opens_it_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.client.leases.sqlite_store.LOCK_TIMEOUT_S", 0.05)

    async def test() -> None:
        other = sqlite3.connect(tmp_path / "leases.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        before = threading.active_count()
        state = SQLiteState(tmp_path / "leases.db")
        with pytest.raises(ConnectionFailed):
            await state.open(ORDERS, no_shards)
        assert threading.active_count() == before
        other.close()
        leases = await state.open(ORDERS, no_shards)
        assert await leases.create(NEW)
        await leases.close()

    asyncio.run(test())
