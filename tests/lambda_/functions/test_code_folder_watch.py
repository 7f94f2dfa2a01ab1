"""Code that is run in place is seen to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.lambda_.functions import code_folder_watch
from headwater.lambda_.functions.code_folder_watch import CodeFolderWatch, folder_state
from tests.lambda_.mapped_stream import in_loop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "app.py").write_text("1")
    (tmp_path / "lib" / "code.py").write_text("2")
    return tmp_path


def test_a_file_that_changes_comes_or_goes_is_seen(folder: Path) -> None:
    states = [folder_state(folder)]
    (folder / "lib" / "code.py").write_text("longer")
    states.append(folder_state(folder))
    (folder / "new.py").touch()
    states.append(folder_state(folder))
    (folder / "app.py").rename(folder / "other.py")
    states.append(folder_state(folder))
    (folder / "lib" / "code.py").unlink()
    states.append(folder_state(folder))
    assert len(set(states)) == len(states)
    assert folder_state(folder) == states[-1]


def test_what_tools_write_is_passed_over(folder: Path) -> None:
    before = folder_state(folder)
    for name in ("__pycache__", "node_modules", ".venv"):
        (folder / name).mkdir()
        (folder / name / "file").touch()
    assert folder_state(folder) == before


def test_no_more_files_are_looked_at_than_that(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_folder_watch, "FILES_MAX", 1)
    before = folder_state(folder)
    (folder / "lib" / "code.py").write_text("longer")
    assert folder_state(folder) == before


@in_loop
async def test_a_folder_is_looked_at_again_after_a_pause(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = CodeFolderWatch()
    monkeypatch.setattr(code_folder_watch, "PAUSES", 1_000_000)
    first = await watch.state(str(folder))
    (folder / "app.py").write_text("changed")
    assert await watch.state(str(folder)) == first == watch.last_state(str(folder))
    eager = CodeFolderWatch()
    monkeypatch.setattr(code_folder_watch, "PAUSES", 0)
    first = await eager.state(str(folder))
    (folder / "app.py").write_text("changed again")
    assert await eager.state(str(folder)) != first
