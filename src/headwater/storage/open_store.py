"""Opens the store: the one place that chooses the back end.

Another back end is a folder beside `lmdb` with a class as `LmdbBackEnd`, and its line here. Nothing
else in Headwater names a back end: what it may know of one is in `interface`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from headwater.storage.interface import BackEnd, OpenedStore, Post, StoreUnreadable
from headwater.storage.lmdb.back_end import LmdbBackEnd

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


def open_to_read(data_dir: Path) -> OpenedStore:
    """Open the store of a directory that has one; only an older format is changed.

    Raises `StoreUnreadable`, `StoreLocked` and `StoreUnavailable`.
    """
    if not BACK_END.has_data(data_dir):
        raise StoreUnreadable(f"There is no data of Headwater in {data_dir}.")
    unheeded: list[Callable[[], None]] = []  # what the store would do next: give space back, commit
    return open_store(data_dir, unheeded.append)
