"""The code of all modules that a start needs, in one file: Python need not look for each of them.

To find a module, look at its bytecode and read it takes Python 20 calls of the system; here it takes two. A
start has 200 modules: Headwater's own, those of libraries and of Python.

The file is the bytecode of `start_code`. Python reads its beginning; behind it are the codes, one after the
other, then the index, and at the end where the index begins.

Rules:
- a module is kept with the time and the size of its file, as Python's own bytecode is: a source that has
  changed since then is read as ever;
- so are the folders in which modules are looked for: what was installed since then may be in front;
- the first of these is the folder of the command, or the current one, and another one the next time: nothing
  of it is kept, and what has a name that is in it is found as ever;
- what is not kept is found as ever. Once the server has started, all that it has imported is kept as well;
- what cannot be written, or must not be (PYTHONDONTWRITEBYTECODE), is not kept, and nobody is told.

Only the command line does this, as with `stand_ins`.
"""

from __future__ import annotations

import marshal
import os
import sys
from _thread import allocate_lock
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, spec_from_file_location
from io import FileIO
from types import CodeType

MODULES_MAX = 600
"""A start that needs more, for neighbours above all, takes so long that this would not show."""

_Stamp = tuple[int, int]
"""A file's time in nanoseconds, and its size."""
_Module = tuple[str, bool, _Stamp, int, int]
"""File, whether it is a package, the file's stamp; where its code begins, and its size: 0 in C."""
_Found = tuple[str, bool, _Stamp, bytes]
"""The same of what is to be kept, with its code."""

_SOURCE = os.path.join(os.path.dirname(__file__), "start_code.py")  # noqa: PTH118, PTH120 - pathlib is not there yet
_MARK = b"headwater"
_WRONG = (OSError, EOFError, ValueError, TypeError, NotImplementedError)
"""What a file raises that is not as it should be; it is as if there were none."""


class CodeCache:
    """What was kept, as a finder of the import system until it is closed."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        """Threads import, too."""
        self._file: FileIO | None = None
        self._modules: Mapping[str, _Module] = {}
        self._folders = _folders()
        with suppress(*_WRONG):
            self._file = FileIO(cache_from_source(_SOURCE))
            folders, modules = _index(self._file)
            self._modules = modules if folders == self._folders else {}
        self._names_in_front = _names_in_front()
        self._imported_before = frozenset(sys.modules)
        finders = sys.meta_path
        at = finders.index(PathFinder) if PathFinder in finders else len(finders)
        sys.meta_path = [*finders[:at], self, *finders[at:]]

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Where a module is, and its code; `None`: others have to look for it."""
        module = self._modules.get(name)
        if module is None or name.partition(".")[0] in self._names_in_front:
            return None
        file, is_package, stamp, _begin, size = module
        if _stamp(file) != stamp:
            return None
        loader = _KeptCode(name, file, self) if size else ExtensionFileLoader(name, file)
        folders = [_folder(file)] if is_package else None
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)

    def code(self, name: str) -> bytes:
        """The code of a module, as `marshal` has it; nothing if it is not kept, or not any more."""
        with self._lock:
            module = self._modules.get(name)
            if self._file is None or module is None:
                return b""
            *_, begin, size = module
            return _read(self._file, begin, size)

    def keep(self) -> None:
        """Keep what has been imported meanwhile and was not kept; from then on modules are found as ever."""
        if self not in sys.meta_path:
            return
        modules: dict[str, _Found] = {}
        if not sys.dont_write_bytecode:
            found = dict(self._found_otherwise())
            if found and len(self._modules.keys() | found) <= MODULES_MAX:
                kept = {name: (*module[:3], self.code(name)) for name, module in self._modules.items()}
                modules = {**kept, **found}
        self.close()
        if modules:
            _write(self._folders, modules)

    def close(self) -> None:
        """Find nothing any more."""
        sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file, self._modules = None, {}

    def _found_otherwise(self) -> Iterator[tuple[str, _Found]]:
        """The modules that others had to look for, as far as each is a file below the folders."""
        folders = {folder for folder, _ in self._folders}
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None)
            if spec is None or spec.name != name or name in self._imported_before:
                continue
            if type(spec.loader) not in _LOADERS or _looked_for_in(spec) not in folders:
                continue
            if spec.submodule_search_locations in (None, [_folder(spec.origin)]):
                stamp = _stamp(spec.origin)
                if name not in self._modules or self._modules[name][2] != stamp:
                    yield name, (spec.origin, bool(spec.submodule_search_locations), stamp, _code_of(spec))


class _KeptCode(SourceFileLoader):
    """A source whose code is kept."""

    def __init__(self, name: str, file: str, cache: CodeCache) -> None:
        super().__init__(name, file)
        self._cache = cache

    def get_code(self, fullname: str) -> CodeType | None:
        """The module's code."""
        code: CodeType | None = None
        with suppress(*_WRONG):
            code = marshal.loads(self._cache.code(fullname))  # noqa: S302 - as trusted as bytecode
        return code or super().get_code(fullname)


_LOADERS = (SourceFileLoader, ExtensionFileLoader)


def _looked_for_in(spec: ModuleSpec) -> str:
    """The folder in which a module was found, or its package, or the package of that."""
    folder = spec.origin or ""
    for _ in range(spec.name.count(".") + 1 + bool(spec.submodule_search_locations)):
        folder = _folder(folder)
    return folder


def _code_of(spec: ModuleSpec) -> bytes:
    if not isinstance(spec.loader, SourceFileLoader):
        return b""
    return marshal.dumps(spec.loader.get_code(spec.name))


def _index(file: FileIO) -> tuple[tuple[tuple[str, int], ...], Mapping[str, _Module]]:
    """The folders and the modules of a file.

    Raises `ValueError` for one without them, and what `marshal` raises.
    """
    size = os.fstat(file.fileno()).st_size
    tail = _read(file, size - len(_MARK) - 8, len(_MARK) + 8)
    if _read(file, 0, 16) != _head() or not tail.startswith(_MARK):
        raise ValueError("it is Python's")
    begin = int.from_bytes(tail[len(_MARK) :], "little")
    folders, modules = marshal.loads(_read(file, begin, size - begin))  # noqa: S302 - as trusted as bytecode
    return folders, modules


def _write(folders: tuple[tuple[str, int], ...], found: Mapping[str, _Found]) -> None:
    """Write what is kept from now on. Whoever starts meanwhile goes on with the file of before."""
    cached = cache_from_source(_SOURCE)
    partial = f"{cached}.{os.urandom(8).hex()}"
    try:
        with open(partial, "xb") as file:  # noqa: PTH123 - as above
            # 1. What Python makes of the source.
            file.write(_head() + marshal.dumps(compile("", _SOURCE, "exec")))
            # 2. The codes, and the index.
            modules: dict[str, _Module] = {}
            for name, (origin, is_package, stamp, code) in found.items():
                modules[name] = (origin, is_package, stamp, file.tell(), len(code))
                file.write(code)
            begin = file.tell()
            file.write(marshal.dumps((folders, modules)) + _MARK + begin.to_bytes(8, "little"))
        os.replace(partial, cached)  # noqa: PTH105 - as above
    except OSError:
        with suppress(OSError):
            os.unlink(partial)  # noqa: PTH108 - as above


def _read(file: FileIO, begin: int, size: int) -> bytes:
    file.seek(begin)
    return file.read(size)


def _head() -> bytes:
    """What Python's bytecode begins with: Python's version, and the time and size of the source."""
    (time_ns, size) = _stamp(_SOURCE)
    return MAGIC_NUMBER + b"".join(
        (number & 0xFFFFFFFF).to_bytes(4, "little") for number in (0, time_ns // 10**9, size)
    )


def _folders() -> tuple[tuple[str, int], ...]:
    """Where modules are looked for, but for the first folder, and the time of each."""
    return tuple((folder, _stamp(folder)[0]) for folder in sys.path[not sys.flags.safe_path :])


def _names_in_front() -> frozenset[str]:
    """What could be imported from the first folder."""
    if sys.flags.safe_path or not sys.path:
        return frozenset()
    with suppress(OSError), os.scandir(sys.path[0] or ".") as entries:
        return frozenset(
            entry.name.partition(".")[0] for entry in entries if "." in entry.name or entry.is_dir()
        )
    return frozenset()


def _stamp(file: str) -> _Stamp:
    """A file's stamp; nothing without the file."""
    try:
        found = os.stat(file)  # noqa: PTH116 - as above
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _folder(file: str) -> str:
    return file.rpartition(os.sep)[0]
