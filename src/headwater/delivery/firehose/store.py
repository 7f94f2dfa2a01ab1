"""Delivery streams, kept in the store with the streams, and what was put to them directly.

Keys: `firehose/<account>/<region>/<name>`. A delivery stream that takes records has a log of its own, made
and removed in the commit that makes and removes the delivery stream: what has been acknowledged is
as safe as a stream's records, and what has been delivered is trimmed.

Rules:
- what is shown is what was committed, after what is due; when two changes meet, also of two servers over the
  same data, the second is computed from what the first made;
- where a delivery begins is kept in the commit that makes the delivery stream, and forgotten with it;
- of a log, the records before its first position are delivered.

Refuses to know what a delivery stream is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.delivery.firehose.delivery_stream import DeliveryStream, DeliveryStreamId, settled
from headwater.delivery.firehose.errors import DeliveryStreamInUse, DeliveryStreamNotFound, PutsUnavailable
from headwater.delivery.kept_values import KeptValues
from headwater.delivery.progress import encode_progress, progress_key
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
        self._values = KeptValues(engine, KIND, decode_delivery_stream)
        self._turn = asyncio.Lock()
        """Changes are seldom: one after another."""

    def open(self, on_told: Callable[[DeliveryStreamId], None]) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`.

        `on_told` is called with each delivery stream that another server has changed.
        """
        self._values.open(lambda key: on_told(DeliveryStreamId(*key.split("/")[1:])))

    def streams(self) -> list[DeliveryStream]:
        """Every delivery stream as of now, in the order of their ids."""
        now_ms = self._engine.now_ms()
        held = sorted(self._values.values(), key=lambda stream: stream.id)
        return [stream for each in held if (stream := settled(each, now_ms)) is not None]

    def find(self, key: DeliveryStreamId) -> DeliveryStream | None:
        """The delivery stream of this id as of now."""
        stream = self.held(key)
        return None if stream is None else settled(stream, self._engine.now_ms())

    def held(self, key: DeliveryStreamId) -> DeliveryStream | None:
        """The delivery stream of this id as it was kept last."""
        return self._values.find(_key(key))

    def due(self) -> list[DeliveryStreamId]:
        """The delivery streams that something is due for."""
        now_ms, held = self._engine.now_ms(), self._values.values()
        return [stream.id for stream in held if stream.due_ms is not None and stream.due_ms <= now_ms]

    async def settle(self, key: DeliveryStreamId) -> None:
        """Keep what has become of a delivery stream by now, unless somebody else has."""
        async with self._turn:
            await self._replaced(key, self.find(key))

    async def add(self, stream: DeliveryStream, begin: DeliveryProgress | None) -> None:
        """Keep a new delivery stream, with its log, and where its delivery begins, if not at the beginning.

        Raises `DeliveryStreamInUse` for one that is there.
        """
        async with self._turn:
            while True:
                if self.find(stream.id) is not None:
                    raise DeliveryStreamInUse(already_exists(stream.id))
                if await self._replaced(stream.id, stream, begin):
                    return

    async def revise(self, key: DeliveryStreamId, change: Revise) -> None:
        """Keep what `change` makes of the delivery stream.

        Raises `DeliveryStreamNotFound`, and whatever `change` raises.
        """
        async with self._turn:
            while True:
                before = self.find(key)
                if before is None:
                    raise DeliveryStreamNotFound(not_found(key))
                if await self._replaced(key, change(before)):
                    return

    async def put(self, stream: DeliveryStream, datas: Sequence[bytes]) -> int:
        """Make records safe, one after another; where the first is in the log.

        Raises `PutsUnavailable`, and `DeliveryStreamNotFound` for one that is gone.
        """
        assert stream.log_id is not None, "only a delivery stream with a log takes records"
        payloads = [encode_payload(data, None, encrypted=False) for data in datas]
        entry = Entry(stream.log_id, self._engine.arrival_ms(), payloads)
        try:
            (outcome,) = await finished(_appended(self._engine, entry))
        except StoreError as error:
            raise PutsUnavailable(f"Service is unavailable: {error}") from error
        if outcome is None:  # another server has removed the log
            raise DeliveryStreamNotFound(not_found(stream.id))
        if isinstance(outcome, StoreUnavailable):
            raise PutsUnavailable("Service is unavailable.")
        return outcome.position

    async def remove_all(self) -> None:
        """Forget every delivery stream."""
        async with self._turn:
            while held := self._values.values():
                for stream in held:
                    await self._replaced(stream.id, None)

    async def _replaced(
        self,
        key: DeliveryStreamId,
        after: DeliveryStream | None,
        begin: DeliveryProgress | None = None,
    ) -> bool:
        """Commit a value, and the logs and the progress that come and go with it; `None`: it is gone.

        No, if another server has changed it meanwhile.
        """
        before = self.held(key)
        if before == after:
            return True
        made = _logs(after) - _logs(before)
        progress: dict[str, bytes | None] = {}
        if before is not None and (after is None or before.created_ms != after.created_ms):
            progress[delivery_id(before)] = None
        if after is not None and begin is not None:
            progress[delivery_id(after)] = encode_progress(begin)
        value = None if after is None else msgspec.msgpack.encode(after)
        change = Change(
            writes={_key(key): value, **{progress_key(each): its for each, its in progress.items()}},
            expected={_key(key): self._values.version(_key(key))},
            create_logs=tuple(made),
            delete_logs=tuple(_logs(before) - _logs(after)),
            keep_ms=dict.fromkeys(made, KEEP_MS),
        )
        return await finished(self._values.commit(change))


def delivery_id(stream: DeliveryStream) -> str:
    """The name of a delivery stream's progress: lives of a name have different ones."""
    return f"{KIND}:{'/'.join(stream.id)}/{stream.created_ms}"


def _logs(stream: DeliveryStream | None) -> set[int]:
    return set() if stream is None or stream.log_id is None else {stream.log_id}


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
