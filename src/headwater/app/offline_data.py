"""Work on data without a server: check, copy and restore them.

A directory must not be open in a server; data that servers share can be checked while they serve. Nothing
here starts a server. Refuses to know how a back end keeps its data.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import IO

from headwater.app.brokers import broker_security
from headwater.config import Config
from headwater.delivery import checking as delivery_checking
from headwater.delivery.firehose import checking as firehose_checking
from headwater.engine.checking import check_records
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.engine.stored_values import KINDS, SEAL_KEY, SHARED_KINDS
from headwater.lambda_ import checking as lambda_checking
from headwater.lambda_ import moving
from headwater.lambda_.functions.code import CodeFolder
from headwater.model.clock import SystemClock
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import (
    FUNCTIONS_FOLDER,
    Metadata,
    Store,
    StoreError,
    StoreUnavailable,
    StoreUnreadable,
)
from headwater.storage.open_store import BACK_END, open_shared, open_to_read

__all__ = [
    "StoreError",
    "check_data",
    "check_shared",
    "check_stored",
    "code_logs",
    "copy_data",
    "functions_without_code",
    "require_whole_backup",
    "restore_data",
    "with_code_in_logs",
]

_NO_SEAL_KEY = "the key that seals iterators is missing"
_NOTHING_BEGUN = (
    "nothing is there: no gateway has begun here, or a move to here was interrupted, which is run again then"
)


def check_data(data_dir: Path) -> list[str]:
    """Everything that is wrong in a data directory that no server has open, in plain words.

    Nothing in it is changed. Raises `StoreError`.
    """
    return [*check_stored(data_dir), *functions_without_code(data_dir)]


def check_stored(data_dir: Path) -> list[str]:
    """The same of the data file alone. Raises `StoreError`."""
    store = open_to_read(data_dir).store
    try:
        metadata = store.metadata()
        found = _check_keys(store, KINDS)
        if metadata and SEAL_KEY not in metadata:
            return [*found, _NO_SEAL_KEY]
        engine = Engine(store, SystemClock(), Settings(), os.urandom)
        try:
            engine.open()
        except StoreUnreadable as error:
            return [*found, *store.check(), str(error)]
        return [*found, *engine.check()]
    finally:
        store.close()


async def check_shared(config: Config, log_wait: Callable[[str], None]) -> list[str]:
    """Everything that is wrong in the store that a configuration names, in plain words.

    Servers may use it meanwhile. Nothing is changed. `log_wait` is told what it waits for. Raises
    `StoreError`.
    """
    assert config.store is not None
    noted: list[str] = []
    security = broker_security(config)
    opened = await open_shared(config.store, security, noted.append, log_wait=log_wait, to_read=True)
    store = opened.store
    try:
        metadata = store.metadata()
        found = _check_keys(store, (*KINDS, *SHARED_KINDS))
        if SEAL_KEY not in metadata:  # the first server has written it before anything else
            return [*found, _NO_SEAL_KEY if metadata else _NOTHING_BEGUN]
        engine = Engine(store, SystemClock(), Settings(), os.urandom)
        try:
            engine.open()
        except StoreUnreadable as error:
            return [*found, *store.check(), str(error)]
        found += await finished(engine.check_slowly())
        found += await finished(lambda_checking.without_shared_code(engine))
        found += await finished(_check_direct_puts(store))
        return [*found, *noted]
    finally:
        store.close()
        await asyncio.sleep(0)  # the store closes its connections in a task


async def _check_direct_puts(store: Store) -> list[str]:
    """What is wrong with the records that were put to delivery streams; those of others are streams' own."""
    found: list[str] = []
    for arn, log_id in firehose_checking.logs_of(store.metadata()).items():
        faults = await check_records(arn, log_id, store)
        if log_id in firehose_checking.logs_of(store.metadata()).values():  # it may have gone meanwhile
            found += faults
    return found


def _check_keys(store: Store, kinds: Collection[str]) -> list[str]:
    """The keys that nobody knows, and what is wrong with those of functions, mappings and deliveries."""
    metadata = store.metadata()
    known = {*kinds, *lambda_checking.KINDS, *delivery_checking.KINDS, *firehose_checking.KINDS}
    unknown = [key for key in metadata if key.partition("/")[0] not in known]
    found = [f"key {key!r} is of no kind that is known" for key in unknown]
    found += lambda_checking.check_lambda(metadata)
    found += delivery_checking.check_deliveries(metadata)
    return found + list(firehose_checking.check_delivery_streams(metadata, store.extent))


def functions_without_code(data_dir: Path) -> list[str]:
    """The functions in a data directory whose code is missing, in plain words. Raises `StoreError`."""
    opened = open_to_read(data_dir)
    try:
        folder = opened.folder / FUNCTIONS_FOLDER
        return list(lambda_checking.without_code(opened.store.metadata(), folder))
    finally:
        opened.store.close()


def code_logs(metadata: Mapping[str, Metadata]) -> list[int]:
    """The logs of a store that have the code of functions."""
    return list(lambda_checking.code_logs(metadata))


def with_code_in_logs(
    metadata: Mapping[str, Metadata], folder: Path
) -> tuple[dict[str, Metadata], Iterator[tuple[int, bytes]]]:
    """Metadata by which the code that lies in a folder is in logs, and what each of these is to have."""
    made, digests = moving.with_code_in_logs(metadata, _new_log_id, SystemClock().now_ms())
    codes = CodeFolder(folder)
    return made, ((log_id, codes.zip_of(digest) or b"") for log_id, digest in digests.items())


def _new_log_id() -> int:
    """As the engine makes one."""
    return int.from_bytes(os.urandom(8), "big") >> 1


def copy_data(data_dir: Path) -> Iterator[bytes]:
    """The parts of a backup of a data directory that no server has open.

    Raises `StoreUnreadable`, `StoreLocked` and `StoreUnavailable`.
    """
    opened = open_to_read(data_dir)
    try:
        if opened.begin_copy is None:
            raise StoreUnavailable(f"The store in {data_dir} cannot be copied.")
        copy = opened.begin_copy()
        while part := copy.next_part():
            yield part
    finally:
        opened.store.close()


def restore_data(backup: IO[bytes], data_dir: Path) -> list[str]:
    """Make a data directory from a backup, and check it; what is wrong with it, if so it is not kept.

    Raises `StoreError`.
    """
    BACK_END.restore(backup, data_dir)
    found = check_stored(data_dir)
    if found:
        BACK_END.remove(data_dir)
    return found


def require_whole_backup(backup: IO[bytes]) -> None:
    """Raise `StoreError` unless a backup has arrived whole."""
    BACK_END.require_whole_backup(backup)
