"""Values too large for a key, in the shared data: each has a log of its own, and a key that says so.

Keys: `<kind>/<log>`. The value is there whole, or its maker has failed and nobody refers to it.

Rules:
- the log and its key are made first, then the parts are appended, small enough for every store;
- who commits a reference to a value commits `hold` with it: then nobody has removed the value in between;
- what nobody refers to is removed by one server, when it is so old that its maker is done or dead.

Refuses to know what the values are, and who refers to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from headwater.engine.engine import Engine
from headwater.engine.held_versions import Overtaken
from headwater.storage.interface import Change, Entry, StoreUnavailable

PART_BYTES = 512 * 1024
"""Below what brokers of Kafka take as they come."""
PARTS_AT_ONCE = 8
KEEP_MS = 100 * 365 * 24 * 3_600_000
"""For stores that trim by themselves: they must not."""
MAKING_MS = 600_000
"""Nobody takes longer to make a value and refer to it."""
_PARTS_PER_READ = 16


class LargeValue(msgspec.Struct, frozen=True, array_like=True):
    """The value of a key."""

    made_ms: int
    size: int
    """In bytes."""


_decoder = msgspec.msgpack.Decoder(LargeValue)


def described(made_ms: int, size: int) -> bytes:
    """What the key of a value has that was made then, and has so many bytes."""
    return msgspec.msgpack.encode(LargeValue(made_ms, size))


def parts_of(data: bytes) -> list[bytes]:
    """The records of a value's log."""
    return [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]


class LargeValues:
    """The large values of one kind. Its coroutines are the engine's."""

    def __init__(self, engine: Engine, kind: str) -> None:
        self._engine = engine
        self._kind = kind

    async def put(self, data: bytes) -> int:
        """The log of a new value. Raises `StoreUnavailable`, and `Overtaken` if it was removed at once."""
        engine = self._engine
        log_id = engine.new_log_id()
        key, value = self._key(log_id), described(engine.now_ms(), len(data))
        await engine.store.commit(Change({key: value}, {key: 0}, (log_id,), keep_ms={log_id: KEEP_MS}))
        parts = parts_of(data)
        for start in range(0, len(parts), PARTS_AT_ONCE):
            await self._append(log_id, parts[start : start + PARTS_AT_ONCE])
        return log_id

    async def get(self, log_id: int) -> bytes | None:
        """A value; `None` if it is not there, or not whole. Raises `StoreUnavailable`."""
        found = self._engine.store.metadata_of(self._key(log_id))
        if found is None:
            return None
        size, parts, position = _decoder.decode(found.value).size, bytearray(), 0
        while len(parts) < size:
            page = await self._engine.store.read(
                log_id, position, _PARTS_PER_READ, PART_BYTES * _PARTS_PER_READ
            )
            if page is None or not page.runs:
                return None
            for run in page.runs:
                position = run.position + len(run.payloads)
                for payload in run.payloads:
                    parts += payload
        return bytes(parts) if len(parts) == size else None

    def has(self, log_id: int) -> bool:
        """Whether there is such a value."""
        return self._engine.store.metadata_of(self._key(log_id)) is not None

    def hold(self, log_id: int) -> tuple[Mapping[str, bytes], Mapping[str, int]]:
        """What a commit that refers to a value must write, and expect. Raises `Overtaken` if it is gone."""
        key = self._key(log_id)
        found = self._engine.store.metadata_of(key)
        if found is None:
            raise Overtaken
        return {key: found.value}, {key: found.version}

    def old(self) -> Iterator[int]:
        """The logs of all values whose makers are done."""
        before_ms = self._engine.now_ms() - MAKING_MS
        for key, value in self._engine.metadata_of(self._kind):
            if _decoder.decode(value).made_ms < before_ms:
                yield int(key.partition("/")[2])

    async def remove(self, log_id: int) -> None:
        """Remove a value to which nobody refers now, unless one does first. Raises `StoreUnavailable`."""
        key = self._key(log_id)
        found = self._engine.store.metadata_of(key)
        if found is not None:
            expected = {key: found.version, **self._engine.lease.fence()}
            await self._engine.store.commit(Change({key: None}, expected, delete_logs=(log_id,)))

    async def _append(self, log_id: int, parts: Sequence[bytes]) -> None:
        entries = [Entry(log_id, self._engine.arrival_ms(), (part,)) for part in parts]
        for outcome in await self._engine.store.append(entries):
            if isinstance(outcome, StoreUnavailable):
                raise outcome
            if outcome is None:
                raise Overtaken

    def _key(self, log_id: int) -> str:
        return f"{self._kind}/{log_id}"
