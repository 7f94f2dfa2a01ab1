"""A folder of kept state counts from the last snapshot that is in its place, whatever happened since."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.neighbours.keeping.kept_state import KeptState
from headwater.neighbours.keeping.snapshot_file import StateRefused
from tests.neighbours.keeping.test_write_log import call


class Folder:
    """What is kept in one folder, by one server after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []

    def open(self, moto_version: str = "5.2.5") -> KeptState:
        return KeptState(self.path, lambda: moto_version, self.warnings.append)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "neighbours")


def numbers(kept: KeptState) -> list[int]:
    return [each.seed for each in kept.calls()]


def test_writes_after_a_snapshot_come_with_it(folder: Folder) -> None:
    kept = folder.open()
    assert kept.is_empty
    kept.begin()
    kept.append(call(1))
    kept.begin()
    kept.append(call(2))
    kept.save(b"with one")
    again = folder.open()
    assert (again.state(), numbers(again)) == (b"with one", [2])


def test_a_snapshot_that_was_not_written_loses_nothing(folder: Folder) -> None:
    kept = folder.open()
    kept.begin()
    kept.append(call(1))
    kept.begin()  # the state is taken, and the server is killed before it is written
    kept.append(call(2))
    again = folder.open()
    assert (again.state(), numbers(again)) == (None, [1, 2])
    again.begin()
    again.append(call(3))
    third = folder.open()
    assert (third.state(), numbers(third)) == (None, [1, 2, 3])


def test_a_snapshot_of_another_version_is_put_aside_with_its_log(folder: Folder) -> None:
    kept = folder.open()
    kept.begin()
    kept.save(b"old")
    kept.append(call(1))
    newer = folder.open("5.2.6")
    assert newer.is_empty
    assert "moto 5.2.5" in folder.warnings[0]
    assert "moto 5.2.6 is installed" in folder.warnings[0]
    aside = Folder(folder.path.with_name("neighbours-aside-1")).open()
    assert (aside.state(), numbers(aside)) == (b"old", [1])


def test_a_damaged_snapshot_is_refused(folder: Folder) -> None:
    kept = folder.open()
    kept.begin()
    kept.save(b"whole")
    snapshot = folder.path / "snapshot"
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    with pytest.raises(StateRefused, match="damaged"):
        folder.open().state()


def test_bodies_that_no_snapshot_names_any_more_are_removed(folder: Folder) -> None:
    kept = folder.open()
    for body in (b"first", b"second"):
        kept.begin()
        kept.bodies.begin()
        digest = kept.bodies.put(body)
        kept.save(b"state")
        assert kept.bodies.get(digest) == body
    assert len(list((folder.path / "bodies").iterdir())) == 1
