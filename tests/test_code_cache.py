"""What a start keeps of its modules' code, by processes that have their bytecode in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORTS = """
import sys
from headwater.app.code_cache import CodeCache
cache = CodeCache()
import library, headwater.cli.entry, _decimal
modules = (library, headwater.cli.entry, _decimal)
print(library.VALUE, *[type(module.__spec__.loader).__name__ for module in modules])
print(library.__file__, library.__cached__, headwater.cli.entry.__file__)
cache.keep()
"""
AS_EVER = ["SourceFileLoader", "SourceFileLoader", "ExtensionFileLoader"]
KEPT = ["_KeptCode", "_KeptCode", "ExtensionFileLoader"]


class Started:
    """Processes that import some modules, a library of the test among them."""

    def __init__(self, folder: Path) -> None:
        self.bytecode, self._library = folder / "bytecode", folder / "library"
        self._library.mkdir()
        self.source = self._library / "library.py"
        self.write("VALUE = 1")

    def write(self, source: str) -> None:
        """Another source, which is not of the same moment."""
        self.source.write_text(source)
        time_s = 1_000_000_000 + len(source)
        os.utime(self.source, (time_s, time_s))

    def printed(self, folder: Path | None = None, **variables: str) -> list[list[str]]:
        """Words of the lines that one prints, whose current folder this is."""
        variables |= {"PYTHONPATH": str(self._library), "PYTHONPYCACHEPREFIX": str(self.bytecode)}
        run = subprocess.run(
            [sys.executable, "-c", IMPORTS],
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (0, "")
        return [line.split() for line in run.stdout.splitlines()]

    def file(self) -> Path:
        """Where it is all kept."""
        (found,) = self.bytecode.rglob("start_code.*.pyc")
        return found


@pytest.fixture
def started(tmp_path: Path) -> Started:
    return Started(tmp_path)


def test_the_second_start_has_the_code_that_the_first_one_kept(started: Started) -> None:
    first = started.printed()
    assert first[0] == ["1", *AS_EVER]
    second = started.printed()
    assert second[0] == ["1", *KEPT]
    assert second[1] == first[1]


def test_a_source_that_was_changed_is_read_and_then_kept(started: Started) -> None:
    started.printed()
    started.write("VALUE = 1 + 1")
    assert started.printed()[0] == ["2", "SourceFileLoader", *KEPT[1:]]
    assert started.printed()[0] == ["2", *KEPT]


def test_what_is_installed_into_a_folder_may_be_in_front(started: Started) -> None:
    started.printed()
    (started.source.parent / "library").mkdir()
    (started.source.parent / "library" / "__init__.py").write_text("VALUE = 'the package'.split()[-1]")
    assert started.printed()[0][0] == "package"
    assert started.printed()[0] == ["package", *KEPT]


def test_what_is_in_the_current_folder_is_in_front_and_only_there(started: Started, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "library.py").write_text("VALUE = 'here'")
    for _ in range(2):
        assert started.printed(tmp_path / "here")[0][:2] == ["here", "SourceFileLoader"]
        assert started.printed()[0][0] == "1"
    assert started.printed()[0] == ["1", *KEPT]
    assert started.printed(tmp_path / "here")[0] == ["here", "SourceFileLoader", *KEPT[1:]]


def test_nothing_is_written_where_python_writes_no_bytecode(started: Started) -> None:
    assert started.printed(PYTHONDONTWRITEBYTECODE="1")[0] == ["1", *AS_EVER]
    assert not started.bytecode.exists()


def test_a_file_that_is_not_whole_is_as_none_and_written_anew(started: Started) -> None:
    started.printed()
    whole = started.file().read_bytes()
    for size in (0, 100, len(whole) - 1):
        started.file().write_bytes(whole[:size])
        assert started.printed()[0] == ["1", *AS_EVER], size
        assert len(started.file().read_bytes()) > len(whole) / 2, size
    assert [path.name for path in started.file().parent.iterdir() if not path.name.endswith(".pyc")] == []
    assert started.printed()[0] == ["1", *KEPT]


def test_python_takes_the_file_for_its_own(started: Started) -> None:
    started.printed()
    before = started.file().read_bytes()
    started_code = "import headwater.app.start_code as code; print(code.__cached__)"
    run = subprocess.run(
        [sys.executable, "-v", "-c", started_code],
        env={**os.environ, "PYTHONPYCACHEPREFIX": str(started.bytecode)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(started.file())
    assert f"code object from '{started.file()}'" in run.stderr
    assert started.file().read_bytes() == before
