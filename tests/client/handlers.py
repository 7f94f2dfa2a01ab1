"""Handlers that other processes can import."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections.abc import Callable
from pathlib import Path

from headwater.client import Batch

FOLDER = "HEADWATER_TEST_FOLDER"


def write_down(batch: Batch) -> None:
    """Append what came to a file of this process."""
    lines = "".join(f"{record.partition_key} {record.data.decode()}\n" for record in batch)
    with (Path(os.environ[FOLDER]) / f"{os.getpid()}.handled").open("a") as file:
        file.write(lines)


def die_once(batch: Batch) -> None:
    """The first process to get the number 7 dies of it."""
    marker = Path(os.environ[FOLDER]) / "died"
    if any(record.data == b"7" for record in batch) and not marker.exists():
        marker.touch()
        os._exit(3)
    write_down(batch)


def refuse(_batch: Batch) -> None:
    """Fail."""
    raise ValueError("refused in another process")


async def write_down_later(batch: Batch) -> None:
    """The same as a coroutine."""
    write_down(batch)


RAISES = "HEADWATER_TEST_RAISES"


class Abort(BaseException):
    """An application's own class, below BaseException."""


class Unreadable(BaseException):
    """It can be sent to another process, and cannot be made there."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def stray_next(_batch: Batch) -> None:
    """A StopIteration that nobody meant."""
    next(iter(()))


def _raising(error: BaseException) -> Callable[[Batch], None]:
    def handler(_batch: Batch) -> None:
        raise error

    return handler


HANDLERS: dict[str, Callable[[Batch], None]] = {
    "StopIteration": stray_next,
    "StopAsyncIteration": _raising(StopAsyncIteration()),
    "GeneratorExit": _raising(GeneratorExit()),
    "asyncio": _raising(asyncio.CancelledError()),
    "concurrent.futures": _raising(concurrent.futures.CancelledError()),
    "Abort": _raising(Abort("enough")),
    "Unreadable": _raising(Unreadable("en", "ough")),
    "SystemExit": _raising(SystemExit(3)),
    "KeyboardInterrupt": _raising(KeyboardInterrupt()),
}
"""By what they raise."""


def raise_it(batch: Batch) -> None:
    """Note the call, then fail as the environment says."""
    with (Path(os.environ[FOLDER]) / "calls").open("a") as file:
        file.write(".")
    HANDLERS[os.environ[RAISES]](batch)


async def raise_it_later(batch: Batch) -> None:
    """The same as a coroutine."""
    await asyncio.sleep(0)
    raise_it(batch)
