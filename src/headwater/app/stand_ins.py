"""Modules that stand in for others, so that a server starts without what it seldom needs.

The standard library and uvloop import modules for a name or two, or for a rare moment: `ssl` (and with
it OpenSSL), `logging`, `subprocess` and `inspect` for the event loop, `tokenize` and `textwrap` for
tracebacks, `urllib.parse` for paths. Together they are a fifth of what a start would take, in time and in
memory.

Rules:
- a stand-in is in the place of its module while a server's own modules are imported, and no longer:
  whoever imports the module afterwards gets the real one;
- a name that a stand-in has not, it takes from the real module, which is imported then;
- for a process that offers TLS, `ssl` has no stand-in. In another one TLS by the event loop is refused
  by the loop itself, as something that is no `SSLContext`.

Only the command line does this: a process that is somebody else's is left as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import GeneratorType, ModuleType
from typing import Any

ASKED_LATER = (
    "asyncio.sslproto", "asyncio.staggered", "bz2", "heapq", "ipaddress", "linecache", "locale", "lzma",
    "msgspec.inspect", "msgspec.toml", "msgspec.yaml", "ntpath", "queue", "shutil", "textwrap", "tokenize",
)  # fmt: skip
"""Modules that others import, and ask for nothing before they need it."""
DISPENSABLE = ("typing_extensions",)
"""Where it is installed, msgspec asks it for two names that `typing` has as well."""


class StandIn(ModuleType):
    """In the place of a module that has not been imported."""

    def __getattr__(self, name: str) -> Any:
        """What the real module has."""
        if name.startswith("__"):
            raise AttributeError(name)  # the import system asks for some, and needs none
        return getattr(self.real(), name)

    def real(self) -> ModuleType:
        """The module itself, imported now if it was not yet."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)


@contextmanager
def standing_in() -> Iterator[None]:
    """Put stand-ins in the places of modules that are not there yet, until the end of the block."""
    with _in_place(_stand_ins(), absent=DISPENSABLE):
        yield


def import_event_loop(*, with_tls: bool) -> None:
    """Import uvloop, where there is one, with a stand-in for `ssl` if nothing will use TLS."""
    with _in_place({} if with_tls else {"ssl": _ssl()}):
        _import_if_there("uvloop")
        import_module("asyncio")


@contextmanager
def _in_place(stand_ins: Mapping[str, StandIn], absent: tuple[str, ...] = ()) -> Iterator[None]:
    placed: dict[str, StandIn | None] = {**stand_ins, **dict.fromkeys(absent)}
    placed = {name: stand_in for name, stand_in in placed.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type]  # `None` is what the import system takes for absence
    try:
        yield
    finally:
        for name, stand_in in placed.items():
            if sys.modules.get(name, stand_in) is stand_in:
                sys.modules.pop(name, None)


def _import_if_there(name: str) -> None:
    try:
        import_module(name)
    except ImportError:
        return


def _stand_ins() -> dict[str, StandIn]:
    makers: dict[str, Callable[[], StandIn]] = {
        "inspect": _inspect,
        "logging": _logging,
        "subprocess": _subprocess,
        "urllib.parse": _urllib_parse,
    }
    if sys.platform != "win32":
        makers["platform"] = _platform
    return {name: StandIn(name) for name in ASKED_LATER} | {name: make() for name, make in makers.items()}


def _inspect() -> StandIn:
    """With what uvloop keeps of it."""
    stand_in = StandIn("inspect")

    def is_coroutine_function(function: object) -> bool:
        return bool(stand_in.real().iscoroutinefunction(function))

    vars(stand_in).update(
        isgenerator=lambda value: isinstance(value, GeneratorType), iscoroutinefunction=is_coroutine_function
    )
    return stand_in


def _logging() -> StandIn:
    """With a level, and loggers, which are the real ones when they are asked for anything."""
    stand_in = StandIn("logging")
    vars(stand_in).update(DEBUG=10, getLogger=partial(_LateLogger, stand_in), StreamHandler=object)
    return stand_in


class _LateLogger:
    """A logger of a library that seldom has something to say."""

    def __init__(self, logging: StandIn, name: str) -> None:
        self._logging, self._name = logging, name

    def addHandler(self, handler: object) -> None:  # noqa: N802 - the real one's name
        """Without one, `logging` writes as the handler would that `concurrent.futures` adds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logging.real().getLogger(self._name), name)


def _subprocess() -> StandIn:
    """With its numbers, and uvloop's error of functions before `exec`, which nobody here gives it."""
    stand_in = StandIn("subprocess")
    vars(stand_in).update(
        PIPE=-1, STDOUT=-2, DEVNULL=-3, SubprocessError=type("SubprocessError", (OSError,), {})
    )
    return stand_in


def _urllib_parse() -> StandIn:
    """With what `pathlib` keeps of it."""
    stand_in = StandIn("urllib.parse")

    def quote_from_bytes(*arguments: Any, **named: Any) -> Any:
        return stand_in.real().quote_from_bytes(*arguments, **named)

    vars(stand_in).update(quote_from_bytes=quote_from_bytes)
    return stand_in


def _platform() -> StandIn:
    """With what `uuid` asks it."""
    stand_in = StandIn("platform")
    vars(stand_in).update(system=lambda: os.uname().sysname)
    return stand_in


def _ssl() -> StandIn:
    """With types that nothing is an instance of, and errors that nobody raises."""
    stand_in = StandIn("ssl")

    def create_default_context(*arguments: Any, **named: Any) -> Any:
        return stand_in.real().create_default_context(*arguments, **named)

    errors = ("SSLError", "SSLWantReadError", "SSLSyscallError", "SSLZeroReturnError", "CertificateError")
    vars(stand_in).update({name: type(name, (OSError,), {}) for name in errors})
    vars(stand_in).update({name: type(name, (), {}) for name in ("SSLContext", "MemoryBIO")})
    vars(stand_in).update(SSL_ERROR_WANT_READ=2, SSL_ERROR_WANT_WRITE=3, SSL_ERROR_SYSCALL=5)
    vars(stand_in).update(create_default_context=create_default_context)
    return stand_in
