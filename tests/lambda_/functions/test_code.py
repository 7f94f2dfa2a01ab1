"""Zips are unpacked into a folder of their own, wholly or not at all."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from headwater.lambda_.api.errors import InvalidParameterValueException, RequestTooLargeException
from headwater.lambda_.functions import code as function_code
from headwater.lambda_.functions.code import CodeFolder
from headwater.lambda_.functions.function import Code


def zipped(*entries: tuple[str, bytes, int]) -> bytes:
    """A zip of names, contents and modes."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return body.getvalue()


SMALL = zipped(("app.py", b"1", 0o644), ("lib/", b"", 0o755), ("lib/run", b"2", 0o777))
LINK = stat.S_IFLNK | 0o777


@pytest.fixture
def folder(tmp_path: Path) -> CodeFolder:
    return CodeFolder(tmp_path / "functions")


def contents(tmp_path: Path) -> list[str]:
    place = tmp_path / "functions"
    return sorted(entry.name for entry in place.iterdir()) if place.exists() else []


def test_code_is_private_and_keeps_what_may_be_run(folder: CodeFolder, tmp_path: Path) -> None:
    code = folder.keep(SMALL)
    place = folder.folder_of(code)
    assert (place / "app.py").read_bytes() == b"1"
    assert stat.S_IMODE((place / "app.py").stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "lib" / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert folder.zip_of(code.digest) == SMALL
    assert contents(tmp_path) == [code.digest, f"{code.digest}.zip"]


def test_a_bootstrap_can_always_be_run(folder: CodeFolder) -> None:
    code = folder.keep(zipped(("bootstrap", b"#!/bin/sh", 0o600)))
    assert os.access(folder.folder_of(code) / "bootstrap", os.X_OK)


def test_the_same_code_is_kept_once(folder: CodeFolder, tmp_path: Path) -> None:
    assert folder.keep(SMALL) == folder.keep(SMALL)
    assert len(contents(tmp_path)) == 2


def test_links_inside_are_kept(folder: CodeFolder) -> None:
    code = folder.keep(zipped(("a/b", b"1", 0o644), ("a/c", b"b", LINK), ("d", b"a/c", LINK)))
    assert (folder.folder_of(code) / "d").read_bytes() == b"1"


@pytest.mark.parametrize(
    "entries",
    [
        [("../x", b"", 0o644)],
        [("/x", b"", 0o644)],
        [("a/../../x", b"", 0o644)],
        [("a\\x", b"", 0o644)],
        [("x" * 300, b"", 0o644)],
        [("a/" * 600 + "x", b"", 0o644)],
        [("line\nbreak", b"", 0o644)],
        [(".", b"", 0o644)],
        [("a", b"", 0o644), ("a/b", b"", 0o644)],
        [("a/b", b"", 0o644), ("a", b"", 0o644)],
        [("a", b"/etc", LINK)],
        [("a", b"..", LINK)],
        [("a", b"", LINK)],
        [("a", b"x" * 5000, LINK)],
        [("b", b".", LINK)],
        [("a", b"b/x", LINK), ("a/c", b"x", 0o644)],
        [("a", b"d", LINK), ("a/link", b"x", LINK), ("d/e", b"", 0o644)],
        [("d/x", b"", 0o644), ("e/x", b"", 0o644), ("a", b"b/c/../../x", LINK), ("b", b"d", LINK),
         ("d/c", b"../e", LINK)],
    ],
)  # fmt: skip
def test_what_would_leave_the_folder_is_refused_and_nothing_is_kept(
    folder: CodeFolder, tmp_path: Path, entries: list[tuple[str, bytes, int]]
) -> None:
    with pytest.raises(InvalidParameterValueException):
        folder.keep(zipped(*entries))
    assert contents(tmp_path) == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) in ([], ["functions"])


def test_sizes_and_counts_are_bounded(folder: CodeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_code, "UNZIPPED_BYTES_MAX", 10)
    monkeypatch.setattr(function_code, "ENTRIES_MAX", 2)
    folder.keep(zipped(("a", b"x" * 10, 0o644)))
    for entries in ([("a", b"x" * 11, 0o644)], [(name, b"", 0o644) for name in "abc"]):
        with pytest.raises(InvalidParameterValueException):
            folder.keep(zipped(*entries))
    monkeypatch.setattr(function_code, "ZIP_BYTES_MAX", 5)
    with pytest.raises(RequestTooLargeException):
        folder.keep(SMALL)


def test_a_zip_that_lies_of_its_size_is_cut_off(
    folder: CodeFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    honest = zipped(("a", b"x" * 1000, 0o644))
    lying = honest.replace((1000).to_bytes(4, "little"), (1).to_bytes(4, "little"))
    monkeypatch.setattr(function_code, "UNZIPPED_BYTES_MAX", 100)
    with pytest.raises(InvalidParameterValueException):
        folder.keep(lying)
    assert contents(tmp_path) == []


@pytest.mark.parametrize("body", [b"", b"no zip", SMALL[:-10], SMALL[10:]])
def test_what_is_no_zip_is_refused(folder: CodeFolder, body: bytes) -> None:
    with pytest.raises(InvalidParameterValueException):
        folder.keep(body)


def test_code_that_nobody_uses_is_removed(folder: CodeFolder, tmp_path: Path) -> None:
    folder.remove_unused([])
    used, unused = folder.keep(SMALL), folder.keep(zipped(("b", b"", 0o644)))
    folder.remove_unused([used, Code("", 0, folder="/elsewhere")])
    assert contents(tmp_path) == [used.digest, f"{used.digest}.zip"]
    assert folder.zip_of(unused.digest) is None
