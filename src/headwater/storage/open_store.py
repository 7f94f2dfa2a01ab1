"""Opens the store: the one place that chooses the back end.

Another back end is a folder beside `lmdb` with a class as `LmdbBackEnd`, and its line here. Nothing
else in Headwater names a back end: what it may know of one is in `interface`. A shared store is opened by
`open_shared`, which waits for others; what it needs is imported then.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from headwater.storage.interface import (
    BackEnd,
    OpenedStore,
    Post,
    StoreFilling,
    StoreUnavailable,
    StoreUnreadable,
)
from headwater.storage.lmdb.back_end import LmdbBackEnd

if TYPE_CHECKING:
    from headwater.storage.kafka.security import BrokerSecurity

BACK_END: BackEnd = LmdbBackEnd()


def _unheard(_text: str) -> None:
    pass


def open_store(
    data_dir: Path | None,
    post: Post,
    *,
    log_error: Callable[[str], None] = _unheard,
    post_from_thread: Post | None = None,
) -> OpenedStore:
    """Open the store, as `BackEnd.open` does. Raises `StoreLocked`, `StoreUnreadable`, `StoreUnavailable`."""
    return BACK_END.open(data_dir, post, log_error=log_error, post_from_thread=post_from_thread)


async def open_shared(
    url: str,
    security: BrokerSecurity,
    log_error: Callable[[str], None],
    *,
    log_wait: Callable[[str], None] | None = None,
    to_read: bool = False,
) -> OpenedStore:
    """Open the store that other servers use, too; `to_read`: to change nothing.

    `log_wait` is told what keeps brokers from answering; without it `log_error` is.
    Raises `StoreUnavailable`, `StoreUnreadable` where there is nothing to read, and `ValueError` for the URL.
    """
    open_kafka = _kafka().open_kafka
    if to_read:
        opened: OpenedStore = await open_kafka(url, security, log_error, log_wait=log_wait, to_read=True)
        return opened
    folder, remove = BACK_END.temporary_folder()
    try:
        opened = await open_kafka(url, security, log_error, log_wait=log_wait, on_close=remove)
    except BaseException:
        remove()
        raise
    return msgspec.structs.replace(opened, folder=folder)


async def fill_shared(url: str, security: BrokerSecurity, log_wait: Callable[[str], None]) -> StoreFilling:
    """Begin to make a shared store from another one's data. `log_wait`: see `open_shared`.

    Raises `StoreUnavailable`, `StoreUnreadable` for one that was used before, and `ValueError` for the URL.
    """
    filling: StoreFilling = await _kafka().fill_kafka(url, security, log_wait)
    return filling


def _kafka() -> ModuleType:
    try:
        from headwater.storage.kafka import back_end  # noqa: PLC0415 - an extra, and 0.2 s
    except ModuleNotFoundError as error:
        raise StoreUnavailable("--store needs what pip install 'headwater[kafka]' brings.") from error
    return back_end


def open_to_read(data_dir: Path) -> OpenedStore:
    """Open the store of a directory that has one; only an older format is changed.

    Raises `StoreUnreadable`, `StoreLocked` and `StoreUnavailable`.
    """
    if not BACK_END.has_data(data_dir):
        raise StoreUnreadable(f"There is no data of Headwater in {data_dir}.")
    unheeded: list[Callable[[], None]] = []  # what the store would do next: give space back, commit
    return open_store(data_dir, unheeded.append)
