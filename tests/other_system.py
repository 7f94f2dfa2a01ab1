"""Runs a program as on Windows, as far as that can be imitated: `python -m tests.other_system CODE …`.

What Windows does not have is taken away before anything of Headwater is imported: modules, functions of `os`,
signals, Unix sockets, an event loop that takes signals. Other people's packages are imported before, as they
are made for the machine that this really is.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import importlib
import os
import signal
import socket
import sys
import types
from collections.abc import Sequence
from typing import Any, NoReturn

THEIRS = ("boto3", "botocore.session", "aiohttp", "click", "rich.console", "multiprocessing.connection")
MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "uvloop"}
IN_OS = (
    *("fork", "forkpty", "getuid", "geteuid", "getpgid", "getloadavg", "killpg", "setsid", "uname"),
    *("pread", "pwrite", "fchmod", "fchown", "fdatasync", "mkfifo", "posix_fallocate", "sync"),
    *("register_at_fork", "sched_getaffinity", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW"),
)
SIGNALS = ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGUSR2")


class Missing:
    """A finder that has none of some modules."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """Say that a module of another system is not there."""
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def become_windows() -> None:
    """Take away what Windows does not have, and give what it has."""
    for name in THEIRS:
        importlib.import_module(name)
    assert concurrent.futures.ProcessPoolExecutor is not None  # imported by now
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
    socket.socketpair = functools.partial(socket.socketpair, socket.AF_UNIX)
    for place, names in ((os, IN_OS), (signal, SIGNALS), (socket, ("AF_UNIX", "SO_REUSEPORT"))):
        for name in names:
            if hasattr(place, name):
                delattr(place, name)
    for name in ("add_signal_handler", "remove_signal_handler"):
        setattr(asyncio.SelectorEventLoop, name, _refuse)
    locking = types.ModuleType("msvcrt")
    vars(locking).update(locking=lambda *_: None, LK_NBLCK=2, LK_UNLCK=0)
    sys.modules["msvcrt"] = locking
    sys.platform = "win32"


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError


if __name__ == "__main__":
    become_windows()
    sys.argv = ["headwater", *sys.argv[2:]] if sys.argv[1] == "command" else sys.argv[1:]
    if sys.argv[0] == "headwater":
        from headwater.cli.entry import main

        main()
    exec(compile(sys.argv[0], "program", "exec"), {"__name__": "__main__"})
