"""The code of all modules that a start needs, in one file: Python need not look for each of them.

To find a module, look at its bytecode and read it takes Python 20 calls of the system; here it takes two. A
start has 200 modules: Headwater's own, those of libraries and of Python.

The file is the bytecode of `start_code`. Python reads its beginning; behind it are the codes, one after the
other, then the index, and at the end where the index begins.

Rules:
- a module is kept with the time and the size of its file, as Python's own bytecode is: a source that has
  changed since then is read as ever;
- so are the folders in which modules are looked for: what was installed since then may be in front;
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
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, spec_from_file_location
from io import FileIO
from types import CodeType

MODULES_MAX = 600
"""A start that needs more, for neighbours above all, takes so long that this would not show."""

_Module = tuple[str, bool, tuple[int, int], int, int]
"""File, whether it is a package, the file's time and size; where its code begins, and its size: 0 in C."""

_SOURCE = os.path.join(os.path.dirname(__file__), "start_code.py")  # noqa: PTH118, PTH120 - pathlib is not there yet
_MARK = b"headwater"


class CodeCache:
    """What was kept, as a finder of the import system until `keep`."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        """Threads import, too."""
        self._file: FileIO | None = None
        self._modules: Mapping[str, _Module] = {}
        # Whatever is wrong with the file, it is as if there were none.
        with suppress(OSError, EOFError, ValueError, TypeError, NotImplementedError):
            self._file = FileIO(cache_from_source(_SOURCE))
            folders, modules = _index(self._file)
            self._modules = modules if folders == _folders() else {}
        self._imported_before = frozenset(sys.modules)
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Where a module is, and its code; `None`: others have to look for it."""
        if name not in self._modules:
            return None
        file, is_package, stamp, _begin, size = self._modules[name]
        if _stamp(file) != stamp:
            return None
        loader = _KeptCode(name, file, self) if size else ExtensionFileLoader(name, file)
        folders = [_folder(file)] if is_package else None
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)

    def code(self, name: str) -> bytes:
        """The code of a module, as `marshal` has it; nothing if it is not kept, or not any more."""
        with self._lock:
            if self._file is None or name not in self._modules:
                return b""
            *_, begin, size = self._modules[name]
            return _read(self._file, begin, size)

    def keep(self) -> None:
        """Keep what has been imported meanwhile and was not kept; from then on modules are found as ever."""
        if self not in sys.meta_path:
            return
        sys.meta_path.remove(self)
        if not sys.dont_write_bytecode:
            found = dict(self._found_otherwise())
            if found and len(self._modules.keys() | found) <= MODULES_MAX:
                self._write(found)
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file, self._modules = None, {}

    def _found_otherwise(self) -> Iterator[tuple[str, ModuleSpec]]:
        """The modules that others had to look for, as far as each is a file."""
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None)
            if spec is None or spec.name != name or name in self._imported_before:
                continue
            is_extension = type(spec.loader) is ExtensionFileLoader and name not in self._modules
            if (is_extension or type(spec.loader) is SourceFileLoader) and (
                spec.submodule_search_locations in (None, [_folder(spec.origin)])
            ):
                yield name, spec

    def _write(self, found: Mapping[str, ModuleSpec]) -> None:
        """Write what was kept and what was found."""
        cached = cache_from_source(_SOURCE)
        partial = f"{cached}.{os.getpid()}"
        with suppress(OSError), open(partial, "wb") as file:  # noqa: PTH123 - as above
            # 1. What Python makes of the source.
            file.write(_head() + marshal.dumps(compile("", _SOURCE, "exec")))
            # 2. The codes, and the index.
            modules: dict[str, _Module] = {}
            for name in {**self._modules, **found}:
                about, code = (
                    _described(found[name]) if name in found else (self._modules[name][:3], self.code(name))
                )
                modules[name] = (*about, file.tell(), len(code))
                file.write(code)
            begin = file.tell()
            file.write(marshal.dumps((_folders(), modules)) + _MARK + begin.to_bytes(8, "little"))
            # 3. Whoever starts meanwhile goes on with the file of before.
            os.replace(partial, cached)  # noqa: PTH105 - as above


class _KeptCode(SourceFileLoader):
    """A source whose code is kept."""

    def __init__(self, name: str, file: str, cache: CodeCache) -> None:
        super().__init__(name, file)
        self._cache = cache

    def get_code(self, fullname: str) -> CodeType | None:
        """The module's code."""
        code = self._cache.code(fullname)
        return marshal.loads(code) if code else super().get_code(fullname)  # noqa: S302 - as trusted as bytecode


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


def _read(file: FileIO, begin: int, size: int) -> bytes:
    file.seek(begin)
    return file.read(size)


def _head() -> bytes:
    """What Python's bytecode begins with: Python's version, and the time and size of the source."""
    (time_ns, size) = _stamp(_SOURCE)
    return MAGIC_NUMBER + b"".join(
        (number & 0xFFFFFFFF).to_bytes(4, "little") for number in (0, time_ns // 10**9, size)
    )


def _described(spec: ModuleSpec) -> tuple[tuple[str, bool, tuple[int, int]], bytes]:
    """A module as it is kept, and its code."""
    assert spec.origin is not None, "it was found as a file"
    code = b""
    if isinstance(spec.loader, SourceFileLoader):
        code = marshal.dumps(spec.loader.get_code(spec.name))
    return (spec.origin, spec.submodule_search_locations is not None, _stamp(spec.origin)), code


def _folders() -> tuple[tuple[str, int], ...]:
    """Where modules are looked for, but for the first: the command's own folder, or the current one."""
    return tuple((folder, _stamp(folder)[0]) for folder in sys.path[not sys.flags.safe_path :])


def _stamp(file: str) -> tuple[int, int]:
    """A file's time in nanoseconds and its size; nothing without the file."""
    try:
        found = os.stat(file)  # noqa: PTH116 - as above
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _folder(file: str) -> str:
    return file.rpartition(os.sep)[0]
