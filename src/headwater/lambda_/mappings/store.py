"""Event source mappings and their progress, kept in the store with the streams.

Keys: `lambda-mapping/<uuid>` and `lambda-progress/<uuid>/<log of the shard>`; `lambda-turn/mappings` is
written with each new pair of stream and function: of two that would be the same, one comes to nothing.

Rules:
- a mapping and where it starts are one commit, so that no record put after the
  mapping's answer is missed;
- a change of a mapping is committed as one of the value that is known here, and shown after that;
- progress is written by the one server that has the work: on condition that it holds the lease, and that
  the mapping is there. It is written behind: while one write is under way, later progress of all shards
  gathers into the next. After a crash what was done since the last write comes again, none is lost. Where
  every other server reads what is written, it is written at most once a tick;
- while progress is written here, what is known here is newer than what the store has.

Refuses to know what the options of a mapping mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from contextlib import suppress

import msgspec

from headwater.engine.engine import Engine
from headwater.engine.held_versions import HeldVersions, Overtaken
from headwater.lambda_.mappings.mapping import Mapping
from headwater.lambda_.mappings.tumbling_window import WindowState
from headwater.model.completion import Completion, drive
from headwater.storage.interface import Metadata, StoreUnavailable, StoreUnreadable

MAPPING_KEY = "lambda-mapping"
PROGRESS_KEY = "lambda-progress"
TURN_KEY = "lambda-turn"
_TURN = f"{TURN_KEY}/mappings"
WRITE_BYTES = 512 * 1024
"""Of progress that is written at once, unless one shard has more: a window has up to 1 MiB in each lane."""


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

    def __init__(
        self,
        engine: Engine,
        on_write_failed: Callable[[StoreUnavailable], None],
        on_told: Callable[[Mapping | None, Mapping | None], None],
    ) -> None:
        """`on_told` is called with a mapping before and after another server has changed it."""
        self._engine = engine
        self._on_write_failed = on_write_failed
        self._on_told = on_told
        self._versions = HeldVersions(engine)
        self._mappings: dict[str, Mapping] = {}
        self._progress: dict[str, dict[int, ShardProgress]] = {}
        self._is_at_work = False
        """Whether progress is made here."""
        self._unwritten: dict[tuple[str, int], None] = {}
        """Shards whose progress is to be written, by mapping and log."""
        self._is_writing = self._has_failed = False
        self._must_wait = False
        """For the next tick."""
        self._awaiting: list[Completion[None]] = []
        """Who waits for the end of the write that is under way."""

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        self._versions.open((MAPPING_KEY, PROGRESS_KEY, TURN_KEY), self._hold, self._take_over)

    def mappings(self) -> list[Mapping]:
        """Every mapping, as it was written last."""
        return list(self._mappings.values())

    def mapping(self, uuid: str) -> Mapping | None:
        """The mapping of this id, as it was written last."""
        return self._mappings.get(uuid)

    async def add(self, mapping: Mapping, progress: Table[int, ShardProgress]) -> None:
        """Keep a new mapping, and where it starts in each shard by the shard's log.

        Raises `Overtaken` and `StoreUnavailable`.
        """
        begun = {
            _progress_key(mapping.uuid, log_id): msgspec.msgpack.encode(shard)
            for log_id, shard in progress.items()
        }
        mapped = {_mapping_key(mapping.uuid): msgspec.msgpack.encode(mapping), _TURN: b""}
        await self._versions.commit(mapped, begun)
        self._mappings[mapping.uuid] = mapping
        self._progress[mapping.uuid] = dict(progress)

    async def replace(self, mapping: Mapping) -> None:
        """Keep a new value of a mapping, made of the one that is known here.

        Raises `Overtaken` and `StoreUnavailable`.
        """
        before = self._mappings.get(mapping.uuid)
        if before is None:
            return
        writes: dict[str, bytes | None] = {_mapping_key(mapping.uuid): msgspec.msgpack.encode(mapping)}
        if before.function_arn != mapping.function_arn:
            writes[_TURN] = b""
        await self._versions.commit(writes)
        self._mappings[mapping.uuid] = mapping

    async def remove(self, uuid: str) -> None:
        """Forget a mapping and its progress. Raises `Overtaken` and `StoreUnavailable`."""
        progress = dict.fromkeys(_progress_key(uuid, log_id) for log_id in self._progress.get(uuid, {}))
        mapping = dict.fromkeys([_mapping_key(uuid)] if uuid in self._mappings else [])
        if progress or mapping:
            versions = {key: self._versions.version(key) for key in mapping}
            if not await self._engine.write_metadata({**progress, **mapping}, versions):
                raise Overtaken
        self._mappings.pop(uuid, None)
        self._progress.pop(uuid, None)
        self._versions.hold(_mapping_key(uuid), None)

    async def remove_all(self) -> None:
        """Forget every mapping. Raises `StoreUnavailable`."""
        for uuid in list(self._mappings):
            while uuid in self._mappings:
                with suppress(Overtaken):
                    await self.remove(uuid)
        if self._versions.version(_TURN):
            with suppress(Overtaken):
                await self._versions.commit({_TURN: None})

    # Progress

    def progress(self, uuid: str, log_id: int) -> ShardProgress | None:
        """How far a mapping is with a shard; `None` when it has not begun with it."""
        return self._progress.get(uuid, {}).get(log_id)

    def known_logs(self, uuid: str) -> list[int]:
        """The logs of the shards whose progress is kept."""
        return list(self._progress.get(uuid, ()))

    def keep_progress(self, uuid: str, log_id: int, progress: ShardProgress) -> None:
        """Keep how far a mapping is with a shard: known at once, written soon."""
        shards = self._progress.get(uuid)
        if shards is None or shards.get(log_id) == progress:
            return
        shards[log_id] = progress
        self._write_soon((uuid, log_id))

    def forget_shards(self, uuid: str, log_ids: Iterable[int]) -> None:
        """Drop the progress of shards that have left the stream."""
        shards = self._progress.get(uuid, {})
        for log_id in log_ids:
            if shards.pop(log_id, None):
                self._write_soon((uuid, log_id))

    def begin_work(self) -> None:
        """Progress is made here from now on."""
        self._is_at_work = True

    def end_work(self) -> None:
        """Progress is made elsewhere from now on: what is not written is forgotten."""
        self._is_at_work = False
        self._unwritten.clear()
        self._progress = {uuid: {} for uuid in self._mappings}
        for key, value in self._engine.metadata_of(PROGRESS_KEY):
            uuid, log_id, progress = decode_progress(key, value)
            self._progress.setdefault(uuid, {})[log_id] = progress

    def tick(self) -> None:
        """Write what has waited for it."""
        self._must_wait = False
        self._write_if_due()

    def write_again(self) -> None:
        """Write what could not be written."""
        self._has_failed = False
        self._write_if_due()

    async def all_written(self) -> None:
        """Wait until all is written, or cannot be. A coroutine of the engine's."""
        while self._is_writing or (self._unwritten and not self._has_failed):
            self._must_wait = False
            self._write_if_due()
            if self._is_writing:
                written = Completion[None]()
                self._awaiting.append(written)
                await written

    def _write_soon(self, shard: tuple[str, int]) -> None:
        self._unwritten[shard] = None
        self.write_again()

    def _write_if_due(self) -> None:
        if self._unwritten and not (self._is_writing or self._must_wait or self._has_failed):
            self._write()

    def _taken(self) -> tuple[dict[tuple[str, int], None], dict[str, bytes | None], dict[str, int]]:
        """Shards whose progress is written next, what is written, and what it expects of its mappings."""
        shards: dict[tuple[str, int], None] = {}
        writes: dict[str, bytes | None] = {}
        expected: dict[str, int] = {}
        size = 0
        while self._unwritten:
            uuid, log_id = shard = next(iter(self._unwritten))
            if uuid in self._mappings:
                progress = self.progress(uuid, log_id)
                encoded = None if progress is None else msgspec.msgpack.encode(progress)
                size += len(encoded or b"")
                if writes and size > WRITE_BYTES:
                    break
                writes[_progress_key(uuid, log_id)] = encoded
                expected[_mapping_key(uuid)] = self._versions.version(_mapping_key(uuid))
            del self._unwritten[shard]
            shards[shard] = None
        return shards, writes, expected

    def _write(self) -> None:
        shards, writes, expected = self._taken()
        expected |= self._engine.lease.fence()
        if not writes:
            return
        self._is_writing, self._must_wait = True, self._engine.lease.is_needed

        def written(is_made: bool | None, error: BaseException | None) -> None:
            self._is_writing = False
            if error is not None and not isinstance(error, StoreUnavailable):
                raise error
            if not is_made and self._is_at_work:
                self._unwritten = {**shards, **self._unwritten}
            if isinstance(error, StoreUnavailable):
                self._has_failed = True
                self._on_write_failed(error)
            elif not (is_made or self._engine.lease.is_own):
                self._unwritten.clear()  # it is another one's to write
            self._write_if_due()
            awaiting, self._awaiting = self._awaiting, []
            for completion in awaiting:
                completion.resolve(None)

        drive(_committed(self._engine.write_metadata(writes, expected)), written)

    # What other servers have changed

    def _take_over(self, key: str, found: Metadata | None) -> None:
        """Hold what a key has now. Raises `StoreUnreadable`."""
        uuid = key.split("/")[1]
        before = self._mappings.get(uuid)
        self._hold(key, found)
        if key == _mapping_key(uuid):
            self._on_told(before, self._mappings.get(uuid))

    def _hold(self, key: str, found: Metadata | None) -> None:
        kind, _, rest = key.partition("/")
        if kind != PROGRESS_KEY:
            self._versions.hold(key, found)
        if kind == MAPPING_KEY and found is not None:
            self._mappings[rest] = decode_mapping(key, found.value)
            self._progress.setdefault(rest, {})
        elif kind == MAPPING_KEY:
            self._mappings.pop(rest, None)
            if not self._is_at_work:  # else who is at work removes what it has written since
                self._progress.pop(rest, None)
        elif kind == PROGRESS_KEY:
            self._hold_progress(key, found)

    def _hold_progress(self, key: str, found: Metadata | None) -> None:
        uuid, _, log_id = key.partition("/")[2].partition("/")
        if self._is_at_work and int(log_id) in self._progress.get(uuid, {}):
            return
        if found is None:
            self._progress.get(uuid, {}).pop(int(log_id), None)
        else:
            self._progress.setdefault(uuid, {})[int(log_id)] = decode_progress(key, found.value)[2]


async def _committed(commit: Completion[int]) -> bool:
    return await commit > 0


def _mapping_key(uuid: str) -> str:
    return f"{MAPPING_KEY}/{uuid}"


def _progress_key(uuid: str, log_id: int) -> str:
    return f"{PROGRESS_KEY}/{uuid}/{log_id}"
