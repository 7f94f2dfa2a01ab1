"""Other platforms, simulated in a process that is only for this: what they lack is taken away.

A process enters a platform before it imports anything of Headwater. The standard library and the packages
that Headwater uses are imported before, as what they are on this machine: what is asked is whether
*Headwater* relies on anything that the other platform has not.

On Windows:
- `sys.platform` says so; modules, functions, signals and flags of POSIX are gone, and so is uvloop;
- a file that is open, or mapped, can be neither removed nor renamed nor replaced;
- what is written to a descriptor that was not opened as binary has two bytes for a line's end;
- a text file without an encoding is an error: it would not be UTF-8;
- names of files have none of the characters that Windows refuses;
- an event loop watches no descriptors and handles no signals; locks are msvcrt's.

On macOS `sys.platform` says so, there is no /proc, and what Linux alone has is gone.
"""

# ruff: noqa: PTH100, PTH109, PTH112, PTH115, PTH118, PTH123, PTH208 - what pathlib calls is changed here

from __future__ import annotations

import _socket
import asyncio
import importlib
import os
import re
import signal
import socket
import sys
import sysconfig
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

OF_POSIX = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop", "_posixshmem")
IMPORTED_BEFORE = (
    "aiohttp", "asyncio", "boto3", "botocore.session", "click", "concurrent.futures", "cryptography.x509",
    "ctypes", "email.parser", "http.client", "http.server", "httptools", "json", "lmdb", "logging", "msgspec",
    "multiprocessing", "platform", "prometheus_client", "pybase64", "rich.console", "rich.progress",
    "rich.table", "shutil", "sqlite3", "ssl", "subprocess", "tempfile", "urllib.request", "uuid", "zipfile",
)  # fmt: skip
OS_NAMES_OF_POSIX = (
    "fchmod", "fchown", "fdatasync", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg",
    "getpgid", "getuid", "killpg", "mkfifo", "nice", "posix_fadvise", "posix_fallocate", "pread", "preadv",
    "pwrite", "pwritev", "register_at_fork", "sched_getaffinity", "sched_setaffinity", "sendfile",
    "set_blocking", "setpgid", "setsid", "statvfs", "sync", "sysconf", "uname", "wait", "waitid", "writev",
    "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC",
)  # fmt: skip
OS_NAMES_OF_LINUX = (
    "fdatasync", "memfd_create", "posix_fadvise", "posix_fallocate", "preadv2", "sched_getaffinity",
    "sched_setaffinity", "splice", "waitid", "O_DIRECT",
)  # fmt: skip
SIGNALS_OF_WINDOWS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM")
SOCKET_NAMES_OF_POSIX = (
    "AF_UNIX",
    "MSG_DONTWAIT",
    "SCM_RIGHTS",
    "SO_REUSEPORT",
    "TCP_KEEPIDLE",
    "TCP_USER_TIMEOUT",
)
O_BINARY = 0x8000_0000
"""A flag that this machine does not know; it is taken away before it does."""
REFUSED_IN_NAMES = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')
PROC = "/proc"


def enter_windows() -> None:
    """Make this process one of Windows's, as far as Headwater can see."""
    lock = _locking()
    _import_before()
    for name in OF_POSIX:
        sys.modules[name] = None  # type: ignore[assignment]
    sys.modules["msvcrt"] = lock
    socket.socketpair = _pair_of(socket.AF_UNIX)
    _take_away(os, OS_NAMES_OF_POSIX)
    _take_away(socket, SOCKET_NAMES_OF_POSIX)
    _take_away(signal, [name for name in dir(signal) if _is_signal(name) and name not in SIGNALS_OF_WINDOWS])
    _refuse_in_loops("add_reader", "add_writer", "add_signal_handler")
    _guard_open_files()
    _write_as_text_unless_told()
    sys.addaudithook(_refuse_names)
    warnings.filterwarnings("error", category=EncodingWarning, module=r"headwater\.")
    sys.platform = "win32"


def enter_macos() -> None:
    """Make this process one of macOS's, as far as Headwater can see."""
    _import_before()
    _take_away(os, OS_NAMES_OF_LINUX)
    _hide_proc()
    sys.platform = "darwin"


def _import_before() -> None:
    for name in IMPORTED_BEFORE:
        importlib.import_module(name)
    sysconfig.get_config_vars()  # read once, from a file that has the platform's name


def _take_away(module: types.ModuleType, names: Any) -> None:
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def _is_signal(name: str) -> bool:
    return name.startswith("SIG") and not name.startswith("SIG_")


def _locking() -> types.ModuleType:
    """A `msvcrt` that locks as it does, by what this machine has."""
    import fcntl  # noqa: PLC0415 - it is gone afterwards

    module = types.ModuleType("msvcrt")

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (1, 1)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    vars(module).update(LK_NBLCK=1, locking=locking)
    return module


def _pair_of(family: int) -> Any:
    """What event loops wake themselves by."""
    made = _socket.socketpair

    def socketpair(*_: Any) -> tuple[socket.socket, socket.socket]:
        one, other = made(family, socket.SOCK_STREAM, 0)
        return socket.socket(fileno=one.detach()), socket.socket(fileno=other.detach())

    return socketpair


def _refuse_in_loops(*names: str) -> None:
    def refuse(*_: Any) -> None:
        raise NotImplementedError

    for name in names:
        setattr(asyncio.SelectorEventLoop, name, refuse)
    # What the loop itself needs goes by other names.


def _open_files() -> set[str]:
    """The files that this process has open or mapped."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    with open("/proc/self/maps", encoding="utf-8") as maps:
        found.update(line.split(None, 5)[5].strip() for line in maps if len(line.split(None, 5)) == 6)
    return found


def _guard_open_files() -> None:
    def guarded(function: Callable[..., Any], count: int) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            held = _open_files()
            folder = named.get("dir_fd")
            for path in arguments[:count]:
                base = os.getcwd() if folder is None else os.readlink(f"/proc/self/fd/{folder}")
                full = os.path.join(base, os.fspath(path))
                if any(one == full or one.startswith(full + os.sep) for one in held - {base}):
                    raise PermissionError(13, "another process uses the file, says Windows", str(path))
            return function(*arguments, **named)

        return call

    for name, count in (("unlink", 1), ("remove", 1), ("rmdir", 1), ("rename", 2), ("replace", 2)):
        setattr(os, name, guarded(getattr(os, name), count))


def _write_as_text_unless_told() -> None:
    opened, written, made = os.open, os.write, os.fdopen
    texts: set[int] = set()

    def open_(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if os.path.isdir(path) and "dir_fd" not in named and not _is_of_library():
            raise PermissionError(13, "Windows opens no folder", str(path))
        descriptor = opened(path, flags & ~O_BINARY, *more, **named)
        (texts.discard if flags & O_BINARY else texts.add)(descriptor)
        return descriptor

    def write(descriptor: int, data: Any) -> int:
        if descriptor in texts and b"\n" in bytes(data):
            written(descriptor, bytes(data).replace(b"\n", b"\r\n"))
            return len(data)
        return written(descriptor, data)

    def fdopen(descriptor: int, *arguments: Any, **named: Any) -> Any:
        texts.discard(descriptor)
        return made(descriptor, *arguments, **named)

    os.O_BINARY = O_BINARY  # type: ignore[attr-defined]
    os.open, os.write, os.fdopen = open_, write, fdopen  # type: ignore[assignment]


def _is_of_library() -> bool:
    """Whether who opens a file is the standard library, which on Windows would not do it so."""
    return "headwater" not in sys._getframe(2).f_globals.get("__name__", "")


def _refuse_names(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "os.mkdir", "os.rename") and isinstance(arguments[0], str | os.PathLike):
        path = os.path.abspath(os.fspath(arguments[0]))
        base = os.environ.get("HEADWATER_TEST_FOLDER", "\0")
        if path.startswith(base) and REFUSED_IN_NAMES.search(Path(path).name):
            raise OSError(22, "no name of a file, says Windows", path)


def _hide_proc() -> None:
    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *arguments: Any, **named: Any) -> Any:
            if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(PROC):
                raise FileNotFoundError(2, "there is no such place on macOS", str(path))
            return function(path, *arguments, **named)

        return call

    for name in ("stat", "lstat", "scandir", "listdir", "open"):
        setattr(os, name, guarded(getattr(os, name)))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(PROC):
            raise FileNotFoundError(2, "there is no such place on macOS", str(arguments[0]))

    sys.addaudithook(refuse)
