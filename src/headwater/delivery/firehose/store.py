"""Delivery streams, kept in the store with the streams, and what was put to them directly.

Keys: `firehose/<account>/<region>/<name>`. A delivery stream that takes records has a log of its own, made
and removed in the commit that makes and removes the delivery stream: what has been acknowledged is
as safe as a stream's records, and what has been delivered is trimmed.

Rules:
- what is shown is what was committed, after what is due; when two changes meet, the second is computed from
  what the first made;
- of a log, the records before its first position are delivered.

Refuses to know what a delivery stream is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from headwater.delivery.firehose.delivery_stream import DeliveryStream, DeliveryStreamId, settled
from headwater.delivery.firehose.errors import DeliveryStreamInUse, DeliveryStreamNotFound, PutsUnavailable
from headwater.engine.engine import Engine
from headwater.model.record import encode_payload
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import (
    Change,
    Entry,
    Outcome,
    StoreError,
    StoreUnavailable,
    StoreUnreadable,
)

KIND = "firehose"
KEEP_MS = 24 * 3600 * 1000
"""How long a delivery stream keeps what it cannot deliver."""
_decoder = msgspec.msgpack.Decoder(DeliveryStream)

Revise = Callable[[DeliveryStream], DeliveryStream]


def decode_delivery_stream(key: str, value: bytes) -> DeliveryStream:
    """The delivery stream that a key has. Raises `StoreUnreadable`."""
    try:
        stream = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnreadable(f"The delivery stream of key {key!r} cannot be read: {error}") from error
    if _key(stream.id) != key:
        raise StoreUnreadable(f"The delivery stream of key {key!r} is another one: {stream.arn}")
    return stream


class DeliveryStreamStore:
    """The delivery streams of all accounts and regions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams: dict[DeliveryStreamId, DeliveryStream] = {}
        self._turn = asyncio.Lock()
        """Changes are seldom: one after another."""

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        for key, value in self._engine.metadata_of(KIND):
            stream = decode_delivery_stream(key, value)
            self._streams[stream.id] = stream

    def streams(self) -> list[DeliveryStream]:
        """Every delivery stream as of now, in the order of their ids."""
        return [stream for key in sorted(self._streams) if (stream := self.find(key)) is not None]

    def find(self, key: DeliveryStreamId) -> DeliveryStream | None:
        """The delivery stream of this id as of now."""
        stream = self._streams.get(key)
        return None if stream is None else settled(stream, self._engine.now_ms())

    def held(self, key: DeliveryStreamId) -> DeliveryStream | None:
        """The delivery stream of this id as it was kept last."""
        return self._streams.get(key)

    def due(self) -> list[DeliveryStreamId]:
        """The delivery streams that something is due for."""
        now_ms = self._engine.now_ms()
        held = self._streams.items()
        return [key for key, stream in held if stream.due_ms is not None and stream.due_ms <= now_ms]

    async def settle(self, key: DeliveryStreamId) -> None:
        """Keep what has become of a delivery stream by now."""
        async with self._turn:
            await self._replace(key, self.find(key))

    async def add(self, stream: DeliveryStream) -> None:
        """Keep a new delivery stream, with its log. Raises `DeliveryStreamInUse` for one that is there."""
        async with self._turn:
            if self.find(stream.id) is not None:
                raise DeliveryStreamInUse(already_exists(stream.id))
            await self._replace(stream.id, stream)

    async def revise(self, key: DeliveryStreamId, change: Revise) -> None:
        """Keep what `change` makes of the delivery stream.

        Raises `DeliveryStreamNotFound`, and whatever `change` raises.
        """
        async with self._turn:
            before = self.find(key)
            if before is None:
                raise DeliveryStreamNotFound(not_found(key))
            await self._replace(key, change(before))

    async def put(self, stream: DeliveryStream, datas: Sequence[bytes]) -> int:
        """Make records safe, one after another; where the first is in the log. Raises `PutsUnavailable`."""
        assert stream.log_id is not None, "only a delivery stream with a log takes records"
        payloads = [encode_payload(data, None, encrypted=False) for data in datas]
        entry = Entry(stream.log_id, self._engine.arrival_ms(), payloads)
        try:
            (outcome,) = await finished(_appended(self._engine, entry))
        except StoreError as error:
            raise PutsUnavailable(f"Service is unavailable: {error}") from error
        if outcome is None or isinstance(outcome, StoreUnavailable):
            raise PutsUnavailable("Service is unavailable.")
        return outcome.position

    async def remove_all(self) -> None:
        """Forget every delivery stream."""
        async with self._turn:
            for key in list(self._streams):
                await self._replace(key, None)

    async def _replace(self, key: DeliveryStreamId, after: DeliveryStream | None) -> None:
        """Commit a value, and the logs that come and go with it; then show it. `None`: it is gone."""
        before = self._streams.get(key)
        if before == after:
            return
        old, new = _logs(before), _logs(after)
        made = new - old
        change = Change(
            writes={_key(key): None if after is None else msgspec.msgpack.encode(after)},
            create_logs=tuple(made),
            delete_logs=tuple(old - new),
            keep_ms=dict.fromkeys(made, KEEP_MS),
        )
        await finished(_committed(self._engine, change))
        if after is None:
            del self._streams[key]
        else:
            self._streams[key] = after


def _logs(stream: DeliveryStream | None) -> set[int]:
    return set() if stream is None or stream.log_id is None else {stream.log_id}


async def _committed(engine: Engine, change: Change) -> bool:
    return await engine.store.commit(change)


async def _appended(engine: Engine, entry: Entry) -> list[Outcome]:
    return await engine.store.append((entry,))


def already_exists(key: DeliveryStreamId) -> str:
    """What AWS says of a name that is taken."""
    return f"Firehose {key.name} under accountId {key.account_id} already exists"


def not_found(key: DeliveryStreamId) -> str:
    """What AWS says of a name that nothing has."""
    return f"Firehose {key.name} under account {key.account_id} not found."


def _key(key: DeliveryStreamId) -> str:
    return "/".join((KIND, *key))
