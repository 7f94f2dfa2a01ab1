"""Event source mappings and their progress, kept in the store with the streams.

Keys: `lambda-mapping/<uuid>` and `lambda-progress/<uuid>/<log of the shard>`.

Rules:
- a mapping and where it starts are one commit, so that no record put after the
  mapping's answer is missed;
- progress is written behind: while one write of a shard's progress is under way, later
  ones gather into the next. After a crash a batch may come again, none is lost;
- progress of a mapping that is gone is not written.

Refuses to know what the options of a mapping mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table

import msgspec

from headwater.engine.engine import Engine
from headwater.lambda_.mappings.mapping import Mapping
from headwater.lambda_.mappings.tumbling_window import WindowState
from headwater.model.completion import Completion, drive
from headwater.storage.interface import StoreUnavailable, StoreUnreadable

MAPPING_KEY = "lambda-mapping"
PROGRESS_KEY = "lambda-progress"


class LaneProgress(msgspec.Struct, frozen=True):
    """How far one of a shard's lanes is."""

    position: int
    """In the shard's log: every record of the lane before it is done."""
    window: WindowState | None = None


class ShardProgress(msgspec.Struct, frozen=True):
    """How far a mapping is with a shard."""

    lanes: tuple[LaneProgress, ...]
    """One for each batch that is processed at the same time."""
    is_finished: bool = False
    """Whether the shard was closed and is read to its end."""

    @property
    def position(self) -> int:
        """Every record before it is done."""
        return min(lane.position for lane in self.lanes)


_mapping_decoder = msgspec.msgpack.Decoder(Mapping)
_progress_decoder = msgspec.msgpack.Decoder(ShardProgress)


def decode_mapping(key: str, value: bytes) -> Mapping:
    """The mapping that a key has. Raises `StoreUnreadable`."""
    try:
        mapping = _mapping_decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnreadable(f"The event source mapping of key {key!r} cannot be read: {error}") from error
    if _mapping_key(mapping.uuid) != key:
        raise StoreUnreadable(f"The event source mapping of key {key!r} is another one: {mapping.uuid}")
    return mapping


def decode_progress(key: str, value: bytes) -> tuple[str, int, ShardProgress]:
    """Mapping, log and progress of a key. Raises `StoreUnreadable`."""
    uuid, _, log_id = key.partition("/")[2].partition("/")
    try:
        return uuid, int(log_id), _progress_decoder.decode(value)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreUnreadable(f"The progress of key {key!r} cannot be read: {error}") from error


class MappingStore:
    """The mappings of all accounts and regions."""

    def __init__(self, engine: Engine, on_write_failed: Callable[[StoreUnavailable], None]) -> None:
        self._engine = engine
        self._on_write_failed = on_write_failed
        self._mappings: dict[str, Mapping] = {}
        self._progress: dict[str, dict[int, ShardProgress]] = {}
        self._writing: dict[tuple[str, int], bool] = {}
        """Progress that is being written; `True`: it has changed since, write it again."""

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        for key, value in self._engine.metadata_of(MAPPING_KEY, PROGRESS_KEY):
            kind, _, rest = key.partition("/")
            if kind == MAPPING_KEY:
                self._mappings[rest] = decode_mapping(key, value)
            else:
                uuid, log_id, progress = decode_progress(key, value)
                self._progress.setdefault(uuid, {})[log_id] = progress

    def mappings(self) -> list[Mapping]:
        """Every mapping, as it was written last."""
        return list(self._mappings.values())

    def mapping(self, uuid: str) -> Mapping | None:
        """The mapping of this id, as it was written last."""
        return self._mappings.get(uuid)

    async def add(self, mapping: Mapping, progress: Table[int, ShardProgress]) -> None:
        """Keep a new mapping, and where it starts in each shard by the shard's log."""
        writes: dict[str, bytes | None] = {
            _progress_key(mapping.uuid, log_id): msgspec.msgpack.encode(shard)
            for log_id, shard in progress.items()
        }
        writes[_mapping_key(mapping.uuid)] = msgspec.msgpack.encode(mapping)
        self._mappings[mapping.uuid] = mapping
        self._progress[mapping.uuid] = dict(progress)
        try:
            await self._engine.write_metadata(writes)
        except StoreUnavailable:
            self._mappings.pop(mapping.uuid, None)
            self._progress.pop(mapping.uuid, None)
            raise

    async def replace(self, mapping: Mapping) -> None:
        """Keep a new value of a mapping. What is written is the newest one that was given."""
        before = self._mappings.get(mapping.uuid)
        if before is None:
            return
        self._mappings[mapping.uuid] = mapping
        encoded = msgspec.msgpack.encode(mapping)
        try:
            await self._engine.write_metadata({_mapping_key(mapping.uuid): encoded})
        except StoreUnavailable:
            if self._mappings.get(mapping.uuid) is mapping:
                self._mappings[mapping.uuid] = before
            raise

    async def remove(self, uuid: str) -> None:
        """Forget a mapping and its progress."""
        mapping, shards = self._mappings.pop(uuid, None), self._progress.pop(uuid, {})
        if mapping is None:
            return
        keys = [_mapping_key(uuid), *(_progress_key(uuid, log_id) for log_id in shards)]
        try:
            await self._engine.write_metadata(dict.fromkeys(keys))
        except StoreUnavailable:
            self._mappings[uuid], self._progress[uuid] = mapping, shards
            raise

    def progress(self, uuid: str, log_id: int) -> ShardProgress | None:
        """How far a mapping is with a shard; `None` when it has not begun with it."""
        return self._progress.get(uuid, {}).get(log_id)

    def keep_progress(self, uuid: str, log_id: int, progress: ShardProgress) -> None:
        """Keep how far a mapping is with a shard: known at once, written soon."""
        shards = self._progress.get(uuid)
        if shards is None or shards.get(log_id) == progress:
            return
        shards[log_id] = progress
        if (uuid, log_id) in self._writing:
            self._writing[uuid, log_id] = True
        else:
            self._write_progress(uuid, log_id)

    def forget_shards(self, uuid: str, log_ids: Iterable[int]) -> None:
        """Drop the progress of shards that have left the stream."""
        shards = self._progress.get(uuid, {})
        keys = [_progress_key(uuid, log_id) for log_id in log_ids if shards.pop(log_id, None)]
        if keys:
            drive(_committed(self._engine.write_metadata(dict.fromkeys(keys))), self._on_forgotten)

    def known_logs(self, uuid: str) -> list[int]:
        """The logs of the shards whose progress is kept."""
        return list(self._progress.get(uuid, ()))

    async def remove_all(self) -> None:
        """Forget every mapping."""
        for uuid in list(self._mappings):
            await self.remove(uuid)

    def _write_progress(self, uuid: str, log_id: int) -> None:
        progress = self.progress(uuid, log_id)
        if progress is None:
            self._writing.pop((uuid, log_id), None)
            return
        self._writing[uuid, log_id] = False
        write = {_progress_key(uuid, log_id): msgspec.msgpack.encode(progress)}

        def written(_value: None, error: BaseException | None) -> None:
            changed = self._writing.pop((uuid, log_id), False)
            if isinstance(error, StoreUnavailable):
                self._on_write_failed(error)  # the next progress is written anew
            elif error is not None:
                raise error
            elif changed:
                self._write_progress(uuid, log_id)

        drive(_committed(self._engine.write_metadata(write)), written)

    def _on_forgotten(self, _value: None, error: BaseException | None) -> None:
        if isinstance(error, StoreUnavailable):
            self._on_write_failed(error)
        elif error is not None:
            raise error


async def _committed(commit: Completion[bool]) -> None:
    await commit


def _mapping_key(uuid: str) -> str:
    return f"{MAPPING_KEY}/{uuid}"


def _progress_key(uuid: str, log_id: int) -> str:
    return f"{PROGRESS_KEY}/{uuid}/{log_id}"
