"""Damage in what is not records: found by `check`, refused by a start, in words."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from headwater.app.offline_data import check_data
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.lambda_.mappings.store import MappingStore
from headwater.model.clock import SystemClock
from headwater.storage.interface import StoreUnreadable
from headwater.storage.lmdb.store import LmdbStore
from headwater.testing import Headwater
from tests.storage.inbox import Inbox

TABLES = (b"metadata", b"logs", b"about")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with values of many kinds."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    with Headwater(data_dir=folder) as server:
        kinesis = server.client()
        for name in ("orders", "gone"):
            kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.put_record(StreamName="orders", Data=b"x", PartitionKey="key")
        kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
        kinesis.delete_stream(StreamName="gone")
        kinesis.get_waiter("stream_not_exists").wait(
            StreamName="gone", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
    return folder


def opened(folder: Path) -> lmdb.Environment:
    return lmdb.open(str(folder / "data.mdb"), subdir=False, lock=False, max_dbs=8, map_size=2**24)


def values_of(folder: Path) -> list[tuple[bytes, bytes, bytes]]:
    """Table, key and value of everything that is no record."""
    found = []
    with opened(folder) as environment:
        for name in TABLES:
            table = environment.open_db(name, create=False)
            with environment.begin() as transaction:
                found += [(name, key, value) for key, value in transaction.cursor(table)]
    return found


def put(folder: Path, name: bytes, key: bytes, value: bytes) -> None:
    with opened(folder) as environment:
        table = environment.open_db(name, create=False)
        with environment.begin(write=True) as transaction:
            transaction.put(key, value, db=table)


def flips(value: bytes, step: int) -> Iterator[bytes]:
    """With each bit of every `step`th byte flipped, one at a time; of long values every eleventh of these."""
    if len(value) >= 64:
        step *= 11
    for at in range(0, len(value), step):
        for bit in range(8):
            flipped = bytearray(value)
            flipped[at] ^= 1 << bit
            yield bytes(flipped)


def start(folder: Path) -> None:
    inbox = Inbox()
    store = LmdbStore(folder, inbox, synced=False)
    try:
        engine = Engine(store, SystemClock(), Settings(), lambda size: b"\0" * size)
        engine.open()
        MappingStore(engine, lambda _error: None, lambda *_: None).open()
    finally:
        store.close()


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
def test_no_flipped_bit_goes_unnoticed(whole: Path, tmp_path: Path, step: int) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    values = values_of(folder)
    kinds = {key.partition(b"/")[0] for name, key, _ in values if name == b"metadata"}
    assert {b"stream", b"account", b"seal-key", b"past-stream"} <= kinds
    assert check_data(folder) == []
    for name, key, value in values:
        for flipped in flips(value, step):
            put(folder, name, key, flipped)
            with pytest.raises(StoreUnreadable, match=r"damaged|format version|not a data file"):
                check_data(folder)
            if name != b"about":
                with pytest.raises(StoreUnreadable, match="damaged"):
                    start(folder)
        put(folder, name, key, value)
    assert check_data(folder) == []


def without_checksums(folder: Path) -> None:
    """Make of it what the version before checksums wrote."""
    for name, key, value in values_of(folder):
        put(folder, name, key, b"2" if name == b"about" and key == b"version" else value)
        if name != b"about":
            put(folder, name, key, value[:-4])


def test_data_of_the_version_without_checksums_is_read_and_rewritten(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    before = values_of(folder)
    without_checksums(folder)
    assert values_of(folder) != before
    with Headwater(data_dir=folder) as server:
        assert server.client().list_streams()["StreamNames"] == ["orders"]
    assert values_of(folder) == before
    assert check_data(folder) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("stream/123456789012/us-east-1/x", "cannot be read"),
        ("account/123456789012/us-east-1", "cannot be read"),
        ("past-stream/123456789012/us-east-1/x", "cannot be read"),
        ("lambda-function/123456789012/us-east-1/x", "cannot be read"),
        ("lambda-mapping/x", "cannot be read"),
        ("lambda-progress/x/1", "cannot be read"),
        ("strfam/123456789012/us-east-1/x", "of no kind that is known"),
    ],
)
def test_what_was_damaged_before_there_were_checksums_is_told_in_words(
    whole: Path, tmp_path: Path, key: str, words: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole, folder)
    without_checksums(folder)
    put(folder, b"metadata", key.encode(), struct.pack(">Q", 1) + b"\xc1")
    assert any(words in fault and key in fault for fault in check_data(folder))
