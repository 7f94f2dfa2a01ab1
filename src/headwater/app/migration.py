"""Moves all data between a data directory and a store that servers share, either way.

No server may use them meanwhile. Sequence numbers, iterators, consumers, tags, policies and settings stay
what they are: records keep positions and arrivals, and every key its value, the one that seals iterators
too. What gateways have only told each other is left out.

Refuses to know how either store keeps its data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from headwater.app import offline_data
from headwater.app.brokers import broker_security
from headwater.config import Config
from headwater.delivery.firehose import checking as firehose_checking
from headwater.delivery.firehose.store import KEEP_MS as PUTS_KEEP_MS
from headwater.engine.large_values import KEEP_MS, parts_of
from headwater.engine.stored_values import SHARED_KINDS, STREAM_KEY, stored_stream
from headwater.model.clock import SystemClock
from headwater.model.stream import HOUR_MS
from headwater.server.asyncio_bridge import finished
from headwater.storage.copying import BYTES_PER_READ, RECORDS_PER_READ, Copied, Copying
from headwater.storage.interface import (
    END_MS,
    FUNCTIONS_FOLDER,
    Extent,
    LogPage,
    Metadata,
    Run,
    Store,
    StoreFilling,
    StoreUnavailable,
)
from headwater.storage.open_store import BACK_END, fill_shared, open_shared, open_to_read


class Moved(NamedTuple):
    """What was moved."""

    streams: int
    keys: int
    copied: Copied


async def move_to_shared(data_dir: Path, config: Config, log_wait: Callable[[str], None]) -> Moved:
    """Move a data directory's data to the store that a configuration names.

    `log_wait` is told what it waits for. Raises `StoreError`; `StoreUnavailable` is one.
    """
    assert config.store is not None
    faults = offline_data.check_data(data_dir)
    if faults:
        raise StoreUnavailable(f"{data_dir} is damaged, and nothing was moved: {'; '.join(faults)}")
    opened = open_to_read(data_dir)
    try:
        async with _filling(await fill_shared(config.store, broker_security(config), log_wait)) as filling:
            return await _move(opened.store, filling, opened.folder / FUNCTIONS_FOLDER)
    finally:
        opened.store.close()


async def move_from_shared(config: Config, data_dir: Path, log_wait: Callable[[str], None]) -> Moved:
    """Move the data of the store that a configuration names to a data directory, likewise.

    Raises `StoreError`.
    """
    assert config.store is not None
    async with _filling(BACK_END.fill(data_dir)) as filling:
        noted: list[str] = []
        opened = await open_shared(
            config.store, broker_security(config), noted.append, log_wait=log_wait, to_read=True
        )
        store = opened.store
        try:
            return await _move(store, filling)
        finally:
            store.close()


@asynccontextmanager
async def _filling(filling: StoreFilling) -> AsyncIterator[StoreFilling]:
    try:
        yield filling
    finally:
        await filling.close()


async def _move(store: Store, filling: StoreFilling, code_folder: Path | None = None) -> Moved:
    """`code_folder` has the functions' code, if that is not in the store."""
    metadata = store.metadata()
    keep_ms = _logs_of(metadata)
    sealed = {log_id for log_id in keep_ms if (extent := store.extent(log_id)) is not None and extent.sealed}

    async def read(log_id: int, position: int) -> LogPage | None:
        return await finished(_page(store, log_id, position))

    copying = Copying(read, filling)
    await copying.copy(keep_ms, sealed)
    code = Copying(read, filling)
    await code.copy(dict.fromkeys(offline_data.code_logs(metadata), KEEP_MS), ())
    await _require_unchanged(store, metadata, copying.ends | code.ends)
    kept = {key: value for key, value in metadata.items() if key.partition("/")[0] not in SHARED_KINDS}
    if code_folder is not None:
        kept, zips = offline_data.with_code_in_logs(kept, code_folder)
        for log_id, zipped in zips:
            await _add_code(filling, log_id, zipped)
    await filling.finish(kept)
    streams = sum(key.partition("/")[0] == STREAM_KEY for key in kept)
    return Moved(streams, len(kept), copying.copied)


async def _add_code(filling: StoreFilling, log_id: int, zipped: bytes) -> None:
    parts, now_ms = parts_of(zipped), SystemClock().now_ms()

    async def runs() -> AsyncIterator[Run]:
        for position, part in enumerate(parts):
            yield Run(position, now_ms, (part,))

    await filling.add_log(log_id, Extent(0, len(parts), now_ms, sealed=False), KEEP_MS, runs())


async def _page(store: Store, log_id: int, position: int) -> LogPage | None:
    return await store.read(log_id, position, RECORDS_PER_READ, BYTES_PER_READ)


def _logs_of(metadata: Mapping[str, Metadata]) -> dict[int, int]:
    """The logs of all shards and of what was put to delivery streams, and how long each keeps its records."""
    found: dict[int, int] = {}
    for key, value in metadata.items():
        if key.partition("/")[0] == STREAM_KEY:
            stream = stored_stream(key, value.value)
            found.update(dict.fromkeys(stream.log_ids, stream.retention_hours * HOUR_MS))
    return found | dict.fromkeys(firehose_checking.logs_of(metadata).values(), PUTS_KEEP_MS)


async def _require_unchanged(store: Store, metadata: Mapping[str, Metadata], ends: Mapping[int, int]) -> None:
    await finished(_caught_up(store))
    is_same = store.metadata() == metadata
    for log_id, end in ends.items():
        is_same = is_same and await finished(_end(store, log_id)) == end
    if not is_same:
        raise StoreUnavailable(
            "The data were changed while they were moved: stop every server, and try again."
        )


async def _caught_up(store: Store) -> None:
    await store.catch_up()


async def _end(store: Store, log_id: int) -> int:
    return await store.find(log_id, END_MS)
