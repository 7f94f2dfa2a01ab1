from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import lmdb
import pytest

from headwater.storage.interface import Change, Store, StoreLocked, StoreUnreadable
from headwater.storage.open_store import open_store
from tests.storage.inbox import Inbox
from tests.storage.records import entry, payloads, positions
from tests.waiting import RETRY_FOR_S

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions and signals")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def close(store: Store, inbox: Inbox) -> None:
    store.close()
    inbox.run_posted()


def make(data_dir: Path, inbox: Inbox) -> None:
    """A data directory with a record in it."""
    store = open_store(data_dir, inbox).store
    inbox.run(store.commit(Change({"key": b"value"}, create_logs=[1])))
    inbox.run(store.append([entry(1, 5, b"kept")]))
    close(store, inbox)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def assert_refused(data_dir: Path, inbox: Inbox, reason: str) -> None:
    """Refused for this reason, with its name in the text, and left as it was."""
    before = contents(data_dir)
    with pytest.raises(StoreUnreadable, match=reason) as refusal:
        open_store(data_dir, inbox)
    assert str(data_dir) in str(refusal.value)
    assert contents(data_dir) == before


class TestDataDirectory:
    def test_it_is_created_with_its_parents_for_its_owner_only(self, tmp_path: Path, inbox: Inbox) -> None:
        data_dir = tmp_path / "some" / "where"
        close(open_store(data_dir, inbox).store, inbox)
        if sys.platform != "win32":
            assert data_dir.stat().st_mode & 0o777 == 0o700
            assert (data_dir / "data.mdb").stat().st_mode & 0o777 == 0o600

    def test_it_keeps_everything(self, data_dir: Path, inbox: Inbox) -> None:
        make(data_dir, inbox)
        store = open_store(data_dir, inbox).store
        assert store.metadata()["key"].value == b"value"
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"kept"]
        assert store.check() == []
        close(store, inbox)

    def test_an_empty_directory_will_do(self, data_dir: Path, inbox: Inbox) -> None:
        data_dir.mkdir()
        make(data_dir, inbox)

    def test_a_directory_with_nothing_but_the_servers_certificates_will_do(
        self, data_dir: Path, inbox: Inbox
    ) -> None:
        (data_dir / "tls").mkdir(parents=True)
        make(data_dir, inbox)

    @pytest.mark.parametrize("leftovers", [["lock"], ["lock", "new.mdb"]])
    def test_one_left_half_made_is_made_anew(
        self, data_dir: Path, inbox: Inbox, leftovers: list[str]
    ) -> None:
        data_dir.mkdir()
        for name in leftovers:
            (data_dir / name).write_bytes(b"cut sh")
        make(data_dir, inbox)
        assert sorted(contents(data_dir)) == ["data.mdb", "lock"]

    def test_a_copy_without_the_lock_file_will_do(self, data_dir: Path, inbox: Inbox) -> None:
        make(data_dir, inbox)
        (data_dir / "lock").unlink()
        make(data_dir, inbox)

    def test_a_relative_path_will_do(
        self, tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        make(Path("here"), inbox)
        assert (tmp_path / "here" / "data.mdb").exists()


class TestRefusal:
    def test_a_directory_in_use(self, data_dir: Path, inbox: Inbox) -> None:
        store = open_store(data_dir, inbox).store
        with pytest.raises(StoreLocked, match=f"The data directory {data_dir} is in use by another process"):
            open_store(data_dir, inbox)
        close(store, inbox)
        close(open_store(data_dir, inbox).store, inbox)

    @posix_only
    def test_a_directory_in_use_by_another_process_names_it(self, data_dir: Path, inbox: Inbox) -> None:
        script = (
            "import sys\nfrom pathlib import Path\n"
            "from headwater.storage.open_store import open_store\n"
            "store = open_store(Path(sys.argv[1]), lambda call: None)\n"
            "print('open', flush=True)\nsys.stdin.read()\n"
        )
        with start(script, data_dir) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with pytest.raises(StoreLocked, match=rf"in use by another process \({process.pid}\)\."):
                open_store(data_dir, inbox)
            process.kill()
        make(data_dir, inbox)

    def test_somebody_elses_directory(self, data_dir: Path, inbox: Inbox) -> None:
        data_dir.mkdir()
        (data_dir / "thesis.txt").write_text("years of work")
        assert_refused(data_dir, inbox, "not empty, and holds no data of Headwater")

    def test_not_a_new_volume(self, data_dir: Path, inbox: Inbox) -> None:
        (data_dir / "lost+found").mkdir(parents=True)
        (data_dir / "headwater.pid").write_text("")
        make(data_dir, inbox)
        assert (data_dir / "data.mdb").exists()

    def test_a_file(self, data_dir: Path, inbox: Inbox) -> None:
        data_dir.write_text("a file")
        with pytest.raises(StoreUnreadable, match=f"{data_dir} is not a directory"):
            open_store(data_dir, inbox)
        assert data_dir.read_text() == "a file"

    def test_a_directory_below_a_file(self, data_dir: Path, inbox: Inbox) -> None:
        data_dir.write_text("a file")
        with pytest.raises(StoreUnreadable, match=f"{data_dir / 'below'} cannot be used"):
            open_store(data_dir / "below", inbox)

    def test_somebody_elses_lmdb_file(self, data_dir: Path, inbox: Inbox) -> None:
        with lmdb.open(str(data_dir), max_dbs=2) as environment, environment.begin(write=True) as transaction:
            transaction.put(b"key", b"value")
        assert_refused(data_dir, inbox, "not a data file of Headwater")

    @pytest.mark.parametrize("has_lock", [True, False])
    def test_an_unknown_version(self, data_dir: Path, inbox: Inbox, has_lock: bool) -> None:
        make(data_dir, inbox)
        rewrite_about(data_dir, b"version", b"1")
        if not has_lock:
            (data_dir / "lock").unlink()
        assert_refused(data_dir, inbox, "has format version 1; this Headwater reads version 4")

    def test_an_unknown_format(self, data_dir: Path, inbox: Inbox) -> None:
        make(data_dir, inbox)
        rewrite_about(data_dir, b"format", b"another-store")
        assert_refused(data_dir, inbox, "is not a data file of Headwater")

    @pytest.mark.parametrize("damage", [b"", b"garbage", b"garbage" * 10_000])
    def test_garbage_in_place_of_the_data(self, data_dir: Path, inbox: Inbox, damage: bytes) -> None:
        make(data_dir, inbox)
        (data_dir / "data.mdb").write_bytes(damage)
        assert_refused(data_dir, inbox, "damaged or not a data file of Headwater")

    def test_a_file_that_was_cut_short(self, data_dir: Path, inbox: Inbox) -> None:
        make(data_dir, inbox)
        store = open_store(data_dir, inbox).store
        inbox.run(store.append([entry(1, 6, b"x" * 1_000_000)]))
        close(store, inbox)
        os.truncate(data_dir / "data.mdb", 20_000)
        assert_refused(data_dir, inbox, "is damaged: [0-9]+ bytes are missing at its end")

    def test_a_log_row_that_is_none(self, data_dir: Path, inbox: Inbox) -> None:
        make(data_dir, inbox)
        rewrite(data_dir, b"logs", b"\0" * 8, b"short")
        assert_refused(data_dir, inbox, "is damaged")

    @posix_only
    @pytest.mark.skipif(os.name == "posix" and os.getuid() == 0, reason="root may do everything")
    def test_a_directory_without_permission(self, data_dir: Path, inbox: Inbox) -> None:
        data_dir.mkdir(mode=0o500)
        with pytest.raises(StoreUnreadable, match=r"cannot be used: .*Permission denied"):
            open_store(data_dir, inbox)


class TestTemporaryFolder:
    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "tmp"
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        monkeypatch.setenv("TMPDIR", str(folder))
        return folder

    def test_it_is_removed_when_the_store_is_closed(self, temporary: Path, inbox: Inbox) -> None:
        store = open_store(None, inbox).store
        (folder,) = temporary.iterdir()
        assert folder.name.startswith("headwater-")
        inbox.run(store.commit(Change({}, create_logs=[1])))
        assert positions(inbox.run(store.append([entry(1, 5, b"a")]))) == [0]
        close(store, inbox)
        assert list(temporary.iterdir()) == []

    def test_two_stores_have_nothing_in_common(self, temporary: Path, inbox: Inbox) -> None:
        one, two = (open_store(None, inbox).store for _ in range(2))
        inbox.run(one.commit(Change({}, create_logs=[1])))
        assert two.extent(1) is None
        close(one, inbox)
        inbox.run(two.commit(Change({}, create_logs=[2])))
        close(two, inbox)
        assert list(temporary.iterdir()) == []

    def test_it_is_removed_when_the_interpreter_ends(self, temporary: Path) -> None:
        script = "from headwater.storage.open_store import open_store\nopen_store(None, lambda call: None)\n"
        with start(script) as process:
            process.communicate(timeout=RETRY_FOR_S)
        assert process.returncode == 0
        assert list(temporary.iterdir()) == []

    @posix_only
    def test_that_of_a_killed_process_is_removed_by_the_next(self, temporary: Path, inbox: Inbox) -> None:
        script = (
            "import sys\nfrom headwater.storage.open_store import open_store\n"
            "store = open_store(None, lambda call: None)\nprint('open', flush=True)\nsys.stdin.read()\n"
        )
        with start(script) as process:
            assert process.stdout is not None
            process.stdout.readline()
            close(open_store(None, inbox).store, inbox)
            (living,) = temporary.iterdir()
            process.kill()
        assert living.exists()
        close(open_store(None, inbox).store, inbox)
        assert list(temporary.iterdir()) == []

    def test_one_that_is_just_made_is_left_alone(self, temporary: Path, inbox: Inbox) -> None:
        """Between its making and its lock another store may start."""
        new = temporary / "headwater-new"
        new.mkdir()
        (new / "lock").touch()
        close(open_store(None, inbox).store, inbox)
        assert [path.name for path in new.iterdir()] == ["lock"]

    def test_other_folders_are_left_alone(self, temporary: Path, inbox: Inbox) -> None:
        unlocked, foreign = temporary / "headwater-notes", temporary / "headwater-work"
        unlocked.mkdir()
        (unlocked / "data.mdb").write_text("no lock file")
        foreign.mkdir()
        (foreign / "lock").write_text("1\n")
        (foreign / "thesis.txt").write_text("years of work")
        (temporary / "headwater-file").write_text("a file")
        close(open_store(None, inbox).store, inbox)
        assert len(contents(temporary)) == 4


def rewrite_about(data_dir: Path, key: bytes, value: bytes) -> None:
    rewrite(data_dir, b"about", key, value)


def rewrite(data_dir: Path, table: bytes, key: bytes, value: bytes) -> None:
    path = str(data_dir / "data.mdb")
    with lmdb.open(path, subdir=False, lock=False, max_dbs=4) as environment:
        database = environment.open_db(table, create=False)
        with environment.begin(write=True, db=database) as transaction:
            transaction.put(key, value)


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
