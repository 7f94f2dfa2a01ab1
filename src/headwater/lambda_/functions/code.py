"""The code of functions: zips that are checked, unpacked and kept below one folder.

    <digest>.zip   as it was given
    <digest>/      unpacked; it is there wholly or not at all

Rules:
- an entry of a zip stays in its folder: no absolute path, no `..`, no drive, no link that
  leads out, no name twice, no name that is also a folder;
- sizes and counts are bounded by what is written, not by what the zip says of itself;
- everything is private to the user who runs the server;
- code that no function has, and no process runs, is removed.

The calls take time: call them in a thread. Refuses to know what functions are, and what runs them.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import zlib
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import IO
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from headwater.lambda_.api.errors import InvalidParameterValueException, RequestTooLargeException
from headwater.lambda_.functions.function import Code

UNZIPPED_BYTES_MAX = 262_144_000
ZIP_BYTES_MAX = 52_428_800
"""Of a zip that comes with the request itself."""
ENTRIES_MAX = 100_000
LINK_BYTES_MAX = 4096
PATH_LENGTH_MAX = 1024
PART_LENGTH_MAX = 255
COPY_BYTES = 1024 * 1024
UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
TOO_LARGE = f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"
EMPTY = "Uploaded file must be a non-empty zip"


class CodeFolder:
    """The code of all functions of a server."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first code comes."""
        self._folder = folder

    def keep(self, zipped: bytes) -> Code:
        """Check and unpack a zip. Raises InvalidParameterValueException and RequestTooLargeException."""
        if len(zipped) > ZIP_BYTES_MAX:
            raise RequestTooLargeException(
                f"Request must be smaller than {ZIP_BYTES_MAX} bytes for the CreateFunction operation"
            )
        if not zipped:
            raise InvalidParameterValueException(EMPTY)
        digest = sha256(zipped)
        code = Code(b64encode(digest.digest()).decode(), len(zipped), digest.hexdigest())
        target = self.folder_of(code)
        if not target.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unpacked = Path(mkdtemp(prefix=".new-", dir=self._folder))
            try:
                unpack(zipped, unpacked)
                self._place(zipped, unpacked, target)
            finally:
                shutil.rmtree(unpacked, ignore_errors=True)
        return code

    def folder_of(self, code: Code) -> Path:
        """Where a version's code lies, to be run."""
        return Path(code.folder) if code.folder else self._folder / code.digest

    def has(self, code: Code) -> bool:
        """Whether a version's code is there."""
        return self.folder_of(code).is_dir()

    def zip_of(self, digest: str) -> bytes | None:
        """The zip as it was given."""
        try:
            return (self._folder / f"{digest}.zip").read_bytes()
        except OSError:
            return None

    def remove_unused(self, used: Iterable[Code]) -> None:
        """Remove all code but that which is `used`."""
        kept = {code.digest for code in used if code.digest}
        if not self._folder.is_dir():
            return
        for entry in self._folder.iterdir():
            if entry.name.removesuffix(".zip") in kept:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    def _place(self, zipped: bytes, unpacked: Path, target: Path) -> None:
        new = unpacked.with_name(unpacked.name + ".zip")
        new.write_bytes(zipped)
        new.replace(target.with_name(target.name + ".zip"))
        try:
            unpacked.rename(target)
        except OSError:
            if not target.is_dir():  # else another call was faster with the same code
                raise


def unpack(zipped: bytes, folder: Path) -> None:
    """Write the entries of a zip below `folder`. Raises InvalidParameterValueException."""
    try:
        with ZipFile(io.BytesIO(zipped)) as archive:
            entries = archive.infolist()
            if not entries:
                raise InvalidParameterValueException(EMPTY)
            if len(entries) > ENTRIES_MAX:
                raise InvalidParameterValueException(f"A zip has at most {ENTRIES_MAX} entries")
            if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES_MAX:
                raise InvalidParameterValueException(TOO_LARGE)
            _write_entries(archive, entries, folder)
    except (
        BadZipFile,
        LargeZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        zlib.error,
    ) as error:
        raise InvalidParameterValueException(UNREADABLE) from error
    except OSError as error:
        raise InvalidParameterValueException(f"{UNREADABLE} ({error.strerror or error})") from error


def _write_entries(archive: ZipFile, entries: list[ZipInfo], folder: Path) -> None:
    left = UNZIPPED_BYTES_MAX
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    links: list[tuple[ZipInfo, PurePosixPath]] = []
    for entry in entries:
        path = _path_inside(entry.filename)
        if path in files or files.intersection(path.parents) or (path in folders and not entry.is_dir()):
            raise InvalidParameterValueException(f"The zip has the name {entry.filename!r} twice")
        folders.update(path.parents)
        if entry.is_dir():
            folders.add(path)
            _make_folder(folder / path)
            continue
        files.add(path)
        if stat.S_ISLNK(entry.external_attr >> 16):
            links.append((entry, path))  # after all files, which so never go through one
            continue
        _make_folder((folder / path).parent)
        with archive.open(entry) as source:
            left = _write_file(source, folder / path, left, _mode(entry))
    for entry, path in links:
        _make_link(archive, entry, path, folder)
    for entry, path in links:  # again, for a link may lead through one that came after it
        _check_link(entry, folder / path, folder)


def _path_inside(name: str) -> PurePosixPath:
    """Where an entry goes, below its folder."""
    path = PurePosixPath(name)
    if (
        not name
        or path.is_absolute()
        or "\\" in name
        or ".." in path.parts
        or path == PurePosixPath()
        or len(name) > PATH_LENGTH_MAX
        or any(len(part.encode()) > PART_LENGTH_MAX for part in path.parts)
        or not name.isprintable()
    ):
        raise InvalidParameterValueException(f"The zip has an entry that has no place in it: {name[:200]!r}")
    return path


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _mode(entry: ZipInfo) -> int:
    """Who may do what with a file: its owner, who may always read it; never more.

    Many tools that make zips forget to mark `bootstrap` as a program: it never is anything else.
    """
    is_program = entry.external_attr >> 16 & 0o100 or entry.filename == "bootstrap"
    return 0o700 if is_program else 0o600


def _write_file(source: IO[bytes], target: Path, left: int, mode: int) -> int:
    """Copy a file; gives how many bytes the others may have."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        while part := source.read(COPY_BYTES):
            left -= len(part)
            if left < 0:
                raise InvalidParameterValueException(TOO_LARGE)
            file.write(part)
    return left


def _make_link(archive: ZipFile, entry: ZipInfo, path: PurePosixPath, folder: Path) -> None:
    if entry.file_size > LINK_BYTES_MAX:
        raise InvalidParameterValueException(UNREADABLE)
    with archive.open(entry) as source:
        target = source.read(LINK_BYTES_MAX).decode()
    place = folder / path
    _make_folder(place.parent)
    if os.path.realpath(place.parent) != str(Path(os.path.realpath(folder)) / path.parent):
        raise InvalidParameterValueException(f"The zip has a link below a link: {entry.filename!r}")
    place.symlink_to(target)
    _check_link(entry, place, folder)


def _check_link(entry: ZipInfo, place: Path, folder: Path) -> None:
    inside = os.path.realpath(folder) + os.sep
    if place.readlink().is_absolute() or not os.path.realpath(place).startswith(inside):
        raise InvalidParameterValueException(f"The zip has a link that leads out of it: {entry.filename!r}")
