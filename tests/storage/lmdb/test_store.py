from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import lmdb
import pytest

from headwater.model.record import Payload
from headwater.storage.interface import Change, Entry, Extent, Metadata, Store, StoreUnavailable
from headwater.storage.lmdb import reclaiming
from headwater.storage.lmdb.record_format import BLOCK_BYTES
from headwater.storage.lmdb.store import HELD_BYTES, LmdbStore
from tests.storage.inbox import Inbox
from tests.storage.records import entry, payloads, positions, records
from tests.storage.store_contract import UnsharedStoreContract
from tests.waiting import RETRY_FOR_S

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits and signals")


class TestUnsyncedStore(UnsharedStoreContract):
    @pytest.fixture
    def store(self, inbox: Inbox, tmp_path: Path) -> Store:
        return LmdbStore(tmp_path, inbox, synced=False)


class TestSyncedStore(UnsharedStoreContract):
    @pytest.fixture
    def store(self, inbox: Inbox, tmp_path: Path) -> Store:
        return LmdbStore(tmp_path, inbox, synced=True)


@pytest.mark.long  # everyday: test_the_map_grows_by_itself
class TestStoreWithAMapThatMustGrow(UnsharedStoreContract):
    @pytest.fixture
    def store(self, inbox: Inbox, tmp_path: Path) -> Store:
        return LmdbStore(tmp_path, inbox, synced=True, map_bytes=16 * 4096)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(params=[False, True], ids=["unsynced", "synced"])
def synced(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def close(store: LmdbStore, inbox: Inbox) -> None:
    store.close()
    inbox.run_posted()


def stored_blocks(folder: Path) -> int:
    """How many blocks of records a closed store has on disk, readable or not."""
    with lmdb.open(
        str(folder / "data.mdb"), subdir=False, readonly=True, lock=False, max_dbs=4
    ) as environment:
        table = environment.open_db(b"records", create=False)
        with environment.begin() as transaction:
            return int(transaction.stat(table)["entries"])


def numbered(log_id: int, count: int, size: int = 100) -> list[Entry]:
    return [entry(log_id, 1000 + i, str(i).encode().ljust(size)) for i in range(count)]


def test_a_reopened_store_has_everything(tmp_path: Path, inbox: Inbox, synced: bool) -> None:
    store = LmdbStore(tmp_path, inbox, synced=synced)
    store.commit(Change({"a": b"1", "b": b"2"}, create_logs=[1, 2, 3, 4, 5]))
    store.append([entry(1, 5, b"one"), entry(2, 6, b"two"), entry(4, 7, b"four"), entry(1, 8, b"more")])
    store.commit(Change({"a": b"3"}, seal_logs=[2], delete_logs=[3, 4]))
    store.trim(1, 1)
    store.trim(2, 1)
    close(store, inbox)

    store = LmdbStore(tmp_path, inbox, synced=synced)
    assert store.metadata() == {"a": Metadata(2, b"3"), "b": Metadata(1, b"2")}
    assert [store.extent(log_id) for log_id in (1, 2, 3, 4, 5)] == [
        Extent(1, 2, 8, sealed=False),
        Extent(1, 1, 6, sealed=True),
        None,
        None,
        Extent(0, 0, 0, sealed=False),
    ]
    assert positions(inbox.run(store.append([entry(1, 9, b"again"), entry(5, 9, b"five")]))) == [2, 0]
    assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"more", b"again"]
    assert store.check() == []
    close(store, inbox)


def test_a_wholly_trimmed_log_keeps_its_place_when_reopened(tmp_path: Path, inbox: Inbox) -> None:
    store = LmdbStore(tmp_path, inbox, synced=False)
    inbox.run(store.commit(Change({}, create_logs=[1, 2])))
    inbox.run(store.append([*numbered(1, 10), *numbered(2, 10)]))
    inbox.run(store.trim(1, 10))
    inbox.run_posted()
    close(store, inbox)

    store = LmdbStore(tmp_path, inbox, synced=False)
    assert store.extent(1) == Extent(10, 10, 1009, sealed=False)
    assert positions(inbox.run(store.append([entry(1, 2000, b"on")]))) == [10]
    assert store.check() == []
    close(store, inbox)


def test_the_map_grows_by_itself(tmp_path: Path, inbox: Inbox, synced: bool) -> None:
    store = LmdbStore(tmp_path, inbox, synced=synced, map_bytes=1024 * 1024)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    small = store.append([entry(1, 1, b"small")])
    large = store.append([entry(1, 2, b"x" * 5_000_000)])
    assert positions(inbox.run(large)) == [1]
    assert positions(small.result()) == [0]
    for i in range(100):
        inbox.run(store.append([entry(1, 3 + i, b"y" * 100_000)]))
        assert len(payloads(inbox.run(store.read(1, i, 2, 10_000_000)))) == 2
    assert store.check() == []
    close(store, inbox)

    store = LmdbStore(tmp_path, inbox, synced=synced, map_bytes=1024 * 1024)
    assert store.extent(1) == Extent(0, 102, 102, sealed=False)
    assert store.check() == []
    close(store, inbox)


def test_more_than_fits_into_one_group_is_stored_in_order(tmp_path: Path, inbox: Inbox, synced: bool) -> None:
    store = LmdbStore(tmp_path, inbox, synced=synced)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    appends = [store.append([entry(1, i, bytes([i]) * 5_000_000)]) for i in range(20)]
    assert positions(inbox.run(appends[-1])) == [19]
    assert [positions(append.result()) for append in appends] == [[i] for i in range(20)]
    close(store, inbox)


class TestReclaiming:
    COUNT = 3_000

    @pytest.fixture(autouse=True)
    def small_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A quarter of the server's, as there is a quarter of what fills one of its logs."""
        monkeypatch.setattr(reclaiming, "BLOCKS_PER_STEP", reclaiming.BLOCKS_PER_STEP // 4)

    @pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["unsynced", "synced"])
    def synced(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)

    @pytest.fixture
    def filled(self, tmp_path: Path, inbox: Inbox, synced: bool) -> LmdbStore:
        store = LmdbStore(tmp_path, inbox, synced=synced)
        inbox.run(store.commit(Change({}, create_logs=[1, 2, 3])))
        for log_id in (1, 2, 3):
            inbox.run(store.append(numbered(log_id, self.COUNT)))
        return store

    def wait(self, store: LmdbStore, inbox: Inbox) -> None:
        """Enough commits for every step to have its turn."""
        for _ in range(20):
            inbox.run(store.commit(Change({})))

    def test_the_space_of_trimmed_and_deleted_records_is_given_back(
        self, filled: LmdbStore, tmp_path: Path, inbox: Inbox
    ) -> None:
        inbox.run(filled.commit(Change({}, delete_logs=[2])))
        inbox.run(filled.trim(1, self.COUNT - 5))
        inbox.run(filled.trim(3, 7))
        self.wait(filled, inbox)
        assert filled.check() == []
        assert payloads(inbox.run(filled.read(1, 0, 1, 100))) == [str(self.COUNT - 5).encode().ljust(100)]
        close(filled, inbox)
        assert stored_blocks(tmp_path) == 5 + self.COUNT - 7

    def test_it_is_given_back_in_small_steps(self, filled: LmdbStore, tmp_path: Path, inbox: Inbox) -> None:
        inbox.run(filled.commit(Change({}, delete_logs=[1, 2, 3])))
        close(filled, inbox)
        assert stored_blocks(tmp_path) >= 2 * self.COUNT

    def test_it_goes_on_after_a_restart(
        self, filled: LmdbStore, tmp_path: Path, inbox: Inbox, synced: bool
    ) -> None:
        filled.commit(Change({}, delete_logs=[2]))
        filled.trim(1, self.COUNT)
        close(filled, inbox)
        assert stored_blocks(tmp_path) > self.COUNT

        store = LmdbStore(tmp_path, inbox, synced=synced)
        assert store.check() == []
        self.wait(store, inbox)
        assert store.check() == []
        close(store, inbox)
        assert stored_blocks(tmp_path) == self.COUNT

    def test_appends_go_on_between_the_steps(self, filled: LmdbStore, inbox: Inbox) -> None:
        inbox.run(filled.trim(1, self.COUNT))
        for i in range(10):
            assert positions(inbox.run(filled.append([entry(1, 99_999, b"on")]))) == [self.COUNT + i]
        assert filled.check() == []
        close(filled, inbox)

    def test_an_idle_store_is_quiet_when_nothing_is_left(self, filled: LmdbStore, inbox: Inbox) -> None:
        inbox.run(filled.trim(1, self.COUNT))
        self.wait(filled, inbox)
        inbox.run_posted()
        # Reads are answered by the threads that do the work, in turn: these come after whatever was left.
        for _ in range(2):
            inbox.run(filled.commit(Change({})))
        assert inbox.run_posted() == 0
        close(filled, inbox)

    def test_given_back_space_is_used_again(self, tmp_path: Path, inbox: Inbox, synced: bool) -> None:
        store = LmdbStore(tmp_path, inbox, synced=synced)
        inbox.run(store.commit(Change({}, create_logs=[1])))
        sizes = []
        for _ in range(8):
            inbox.run(store.append(numbered(1, 2_000, 500)))
            extent = store.extent(1)
            assert extent is not None
            inbox.run(store.trim(1, extent.next))
            self.wait(store, inbox)
            sizes.append((tmp_path / "data.mdb").stat().st_size)
        assert sizes[-1] <= 2 * sizes[0]
        close(store, inbox)


@pytest.mark.parametrize("rounds", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_readers_see_whole_records_while_pages_are_reused(
    tmp_path: Path, inbox: Inbox, synced: bool, rounds: int
) -> None:
    """Pages are given back and used again under readers that run during each commit."""
    store = LmdbStore(tmp_path, inbox, synced=synced, map_bytes=1024 * 1024)
    chance = random.Random(7)
    logs = [1, 2, 3]
    inbox.run(store.commit(Change({}, create_logs=logs)))

    def payload(log_id: int, position: int) -> bytes:
        return f"{log_id}/{position};".encode() * (1 + (position * 37) % 300)

    for now_ms in range(1, rounds + 1):
        extents = {log_id: store.extent(log_id) for log_id in logs}
        entries = [
            entry(log_id, now_ms, payload(log_id, extent.next + i))
            for log_id, extent in extents.items()
            if extent is not None
            for i in range(chance.randrange(20))
        ]
        appended = store.append(entries)
        for log_id, extent in extents.items():
            if extent is not None and extent.next - extent.first > 150:
                store.trim(log_id, extent.next - chance.randrange(100))
        done: list[None] = []
        appended.on_done(lambda done=done: done.append(None))  # type: ignore[misc]
        while not done:
            inbox.run_posted()
            log_id = chance.choice(logs)
            extent = store.extent(log_id)
            assert extent is not None
            read = records(inbox.run(store.read(log_id, extent.first, 200, 10_000_000)))
            assert [r.position for r in read] == list(range(extent.first, extent.next))[:200]
            assert all(r.payload == payload(log_id, r.position) for r in read)
    inbox.run(store.append([]))
    assert store.check() == []
    close(store, inbox)


def test_records_that_arrive_together_share_a_block(tmp_path: Path, inbox: Inbox, synced: bool) -> None:
    store = LmdbStore(tmp_path, inbox, synced=synced)
    inbox.run(store.commit(Change({}, create_logs=[1, 2])))
    for time_ms in (5, 6):
        store.append([entry(1, time_ms, b"a"), entry(2, time_ms, b"b")])
        inbox.run(store.append([entry(1, time_ms, b"c", b"d")]))
    close(store, inbox)
    assert stored_blocks(tmp_path) == 4


def test_what_a_reader_still_has_is_not_read_again(tmp_path: Path, inbox: Inbox, synced: bool) -> None:
    store = LmdbStore(tmp_path, inbox, synced=synced)
    inbox.run(store.commit(Change({}, create_logs=[1, 2])))
    for log_id in (1, 2):
        inbox.run(store.append([entry(log_id, 5, bytes([log_id]) * HELD_BYTES, b"second")]))

    def first_block(log_id: int, position: int = 0) -> Sequence[Payload]:
        page = inbox.run(store.read(log_id, position, 10, 10 * HELD_BYTES))
        assert page is not None
        return page.runs[0].payloads

    def place_of(block: Sequence[Payload]) -> object:
        view = block[0]
        assert isinstance(view, memoryview)
        return view.obj

    has, other, again = first_block(1), first_block(2), first_block(1, 1)
    assert place_of(again) is place_of(has)
    assert place_of(first_block(1)) is place_of(has)
    assert place_of(other) is not place_of(has)
    assert [bytes(payload) for payload in again] == [b"second"]
    inbox.run(store.trim(1, 1))
    inbox.run(store.commit(Change({}, delete_logs=[2])))
    assert inbox.run(store.read(2, 0, 10, 10)) is None
    assert [bytes(payload) for payload in first_block(1)] == [b"second"]
    close(store, inbox)


def test_a_block_has_a_greatest_size(tmp_path: Path, inbox: Inbox, synced: bool) -> None:
    store = LmdbStore(tmp_path, inbox, synced=synced)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    third, larger = b"x" * (BLOCK_BYTES // 3), b"y" * (3 * BLOCK_BYTES)
    inbox.run(store.append([entry(1, 5, larger, *[third] * 7, b"", larger)]))
    assert payloads(inbox.run(store.read(1, 0, 99, 1 << 40))) == [larger, *[third] * 7, b"", larger]
    close(store, inbox)
    assert stored_blocks(tmp_path) == 5


def store_with_flipped_bit(folder: Path, inbox: Inbox, bit: int) -> LmdbStore:
    """Two blocks, of which the second has the bit of that number flipped: its head has 16 bytes."""
    store = LmdbStore(folder, inbox, synced=True)
    inbox.run(store.commit(Change({}, create_logs=[1])))
    inbox.run(store.append([entry(1, 5, b"before" * 20), entry(1, 6, b"x" * 50, b"y" * 50)]))
    assert store.check() == []
    close(store, inbox)
    data = bytearray((folder / "data.mdb").read_bytes())
    for found in re.finditer(b"x{50}y{50}", bytes(data)):  # a page may hold what is left of an older one
        data[found.start() - 24 + bit // 8] ^= 1 << bit % 8
    (folder / "data.mdb").write_bytes(data)
    return LmdbStore(folder, inbox, synced=True)


@pytest.mark.parametrize("bit", [0, 40, 130, 200, 8 * 24 + 8 * 60])
def test_a_flipped_bit_is_found(tmp_path: Path, inbox: Inbox, bit: int) -> None:
    """Anywhere in a block: its checksum, count, time, lengths or payloads."""
    store = store_with_flipped_bit(tmp_path, inbox, bit)
    assert any("do not match their checksum" in found for found in store.check())
    close(store, inbox)


def test_a_block_whose_count_is_wrong_cannot_be_read(tmp_path: Path, inbox: Inbox) -> None:
    store = store_with_flipped_bit(tmp_path, inbox, bit=40)
    with pytest.raises(StoreUnavailable, match="could not be read"):
        inbox.run(store.read(1, 0, 10, 1000))
    close(store, inbox)


def test_many_logs_open_quickly(tmp_path: Path, inbox: Inbox) -> None:
    store = LmdbStore(tmp_path, inbox, synced=False)
    inbox.run(store.commit(Change({}, create_logs=list(range(2000)))))
    for _ in range(10):
        inbox.run(store.append([entry(log_id, 5, b"x" * 50) for log_id in range(2000)]))
    close(store, inbox)
    began_s = time.process_time()  # of this process: others may be busy
    store = LmdbStore(tmp_path, inbox, synced=False)
    spent_s = time.process_time() - began_s
    assert store.extent(1999) == Extent(0, 10, 5, sealed=False)
    assert spent_s < 2.0
    close(store, inbox)


PRELUDE = """
import resource, sys
from pathlib import Path
from headwater.storage.interface import Change, StoreUnavailable
from headwater.storage.lmdb.store import LmdbStore
from tests.storage.inbox import Inbox
from tests.storage.records import entry, payloads, positions

folder, inbox = Path(sys.argv[1]), Inbox()

def refused(completion):
    try:
        inbox.run(completion)
    except StoreUnavailable as error:
        return str(error)
    raise AssertionError("it was not refused")
"""


def start_script(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


@pytest.fixture
def scripts() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run_script(script: str, *arguments: object) -> str:
    with start_script(script, *arguments) as process:
        output, _ = process.communicate(timeout=RETRY_FOR_S)
    assert process.returncode == 0
    return output


@posix_only
@pytest.mark.parametrize("is_synced", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_failed_write_changes_nothing_and_the_store_goes_on(tmp_path: Path, is_synced: bool) -> None:
    script = """
        import os
        errors = []
        is_synced = sys.argv[2] == "True"
        store = LmdbStore(folder, inbox, synced=is_synced, map_bytes=1 << 20, log_error=errors.append)
        inbox.run(store.commit(Change({"key": b"1"}, create_logs=[1, 2])))
        inbox.run(store.append([entry(1, 5, b"kept")]))
        before = store.extent(1)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(folder / "data.mdb") + 40_000, limits[1]))
        calls = [store.append([entry(1, 6, b"x" * 3_000_000)]), store.append([entry(2, 6, b"small")]),
                 store.commit(Change({"key": b"2"}, create_logs=[3], delete_logs=[1]))]
        for call in calls:  # a write that was cut short is an I/O error to LMDB
            assert refused(call).startswith("The disk failed: "), refused(call)
        assert "has failed" in refused(store.append([entry(1, 6, b"not yet")]))
        assert store.extent(1) == before and store.extent(3) is None
        assert store.metadata()["key"] == (1, b"1")
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"kept"]
        assert store.check() == []
        inbox.run_until(lambda: len(errors) == 2)
        assert errors[1].endswith("was opened again: it takes writes"), errors
        assert store.check() == []
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        again = store.append([entry(1, 7, b"y" * 3_000_000), entry(2, 7, b"z")])
        assert positions(inbox.run(again)) == [1, 0]
        assert store.check() == []
        store.close()
        store = LmdbStore(folder, inbox, synced=False)
        assert store.extent(1) == (0, 2, 7, False)
        assert store.check() == []
        store.close()
        print("done")
    """
    assert run_script(script, tmp_path, is_synced) == "done\n"


@posix_only
@pytest.mark.parametrize("is_synced", [pytest.param(False, marks=pytest.mark.long), True])
def test_without_room_for_a_larger_map_every_call_is_refused(tmp_path: Path, is_synced: bool) -> None:
    script = """
        closed = []
        store = LmdbStore(folder, inbox, synced=sys.argv[2] == "True", map_bytes=32 << 20,
                          on_close=lambda: closed.append(True))
        inbox.run(store.commit(Change({}, create_logs=[1, 2])))
        hundred_kb = b"x" * 100_000
        inbox.run(store.append([entry(1, 5, b"kept"), entry(2, 5, *[hundred_kb] * 200)]))
        limits = resource.getrlimit(resource.RLIMIT_AS)
        large = entry(1, 6, *[hundred_kb] * 200)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 25_000_000, limits[1]))
        calls = [store.append([large]), store.append([entry(1, 6, b"small")])]
        reasons = [refused(call) for call in calls]
        resource.setrlimit(resource.RLIMIT_AS, limits)
        assert all("No room for a map" in reason for reason in reasons), reasons
        assert "No room for a map" in refused(store.append([entry(1, 6, b"small")]))
        store.close()
        assert closed == [True]
        store = LmdbStore(folder, inbox, synced=False)
        assert store.extent(1) == (0, 1, 5, False)
        assert store.check() == []
        store.close()
        print("done")
    """
    if sys.platform != "linux":
        pytest.skip("needs /proc and a limit of the address space")
    assert run_script(script, tmp_path, is_synced) == "done\n"


@posix_only
def test_a_killed_process_loses_nothing_that_was_acknowledged(
    tmp_path: Path, inbox: Inbox, scripts: list[subprocess.Popen[str]]
) -> None:
    script = """
        store = LmdbStore(folder, inbox, synced=True, map_bytes=1 << 20)
        inbox.run(store.commit(Change({"n": b"0"}, create_logs=[1, 2])))
        n = 0
        while True:
            n += 1
            calls = [store.append([entry(log_id, n, b"%d/%d" % (log_id, n) * 50)] * 3) for log_id in (1, 2)]
            calls.append(store.commit(Change({"n": b"%d" % n})))
            if n % 20 == 0:
                calls.append(store.trim(2, 3 * n - 30))
            for call in calls:
                inbox.run(call)
            print(n, flush=True)
    """
    process = start_script(script, tmp_path)
    scripts.append(process)
    assert process.stdout is not None
    acknowledgements = [process.stdout.readline() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    acknowledgements += process.stdout.read().splitlines()
    acknowledged = int(acknowledgements[-1])
    process.wait()

    store = LmdbStore(tmp_path, inbox, synced=True)
    extent = store.extent(1)
    assert extent is not None
    assert acknowledged <= extent.last_time_ms <= acknowledged + 1
    assert int(store.metadata()["n"].value) >= acknowledged
    assert extent.next == 3 * extent.last_time_ms
    read = inbox.run(store.read(1, 0, 10_000_000, 1 << 40))
    assert payloads(read) == [b"1/%d" % n * 50 for n in range(1, extent.last_time_ms + 1) for _ in range(3)]
    assert store.check() == []
    close(store, inbox)
