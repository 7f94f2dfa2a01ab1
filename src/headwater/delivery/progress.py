"""The progress of every delivery, kept in the store with the streams.

Keys: `delivery-progress/<id>`; an id has the kind of its owner before a colon: `channel:…`.

Of several servers over the same data the holder of the lease delivers: what another one keeps or forgets,
because it has not found out yet that it is not the holder any more, is refused.

Refuses to know what is delivered.
"""

from __future__ import annotations

import msgspec

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.delivery.kept_values import KeptValues
from headwater.engine.engine import Engine
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Change, StoreUnavailable, StoreUnreadable

PROGRESS_KEY = "delivery-progress"
_decoder = msgspec.msgpack.Decoder(DeliveryProgress)


class ProgressStore:
    """The progress of all deliveries of a server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._values = KeptValues(engine, PROGRESS_KEY, decode_progress)

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        self._values.open()

    def ids(self, kind: str) -> list[str]:
        """The deliveries of an owner whose progress is kept."""
        ids = [key.partition("/")[2] for key in self._values.keys_now()]
        return [each for each in ids if each.startswith(f"{kind}:")]

    def progress(self, delivery_id: str) -> DeliveryProgress:
        """How far a delivery is; of one that is not known, the beginning."""
        return self._values.find(progress_key(delivery_id)) or DeliveryProgress()

    async def keep(self, delivery_id: str, progress: DeliveryProgress) -> None:
        """Have it in the store. Raises `StoreUnavailable`, also when it is another server's to deliver."""
        await self._write(delivery_id, encode_progress(progress))

    async def forget(self, delivery_id: str) -> None:
        """Drop what is kept of a delivery. Raises what `keep` raises."""
        if self._values.find(progress_key(delivery_id)) is not None:
            await self._write(delivery_id, None)

    async def forget_all(self, kind: str) -> None:
        """Drop what is kept of the deliveries of an owner, whoever delivers. Raises `StoreUnavailable`."""
        writes = dict.fromkeys(progress_key(each) for each in self.ids(kind))
        if writes:
            await finished(self._values.commit(Change(writes)))

    async def _write(self, delivery_id: str, value: bytes | None) -> None:
        key = progress_key(delivery_id)
        change = Change({key: value}, {key: self._values.version(key), **self._engine.lease.fence()})
        if not await finished(self._values.commit(change)):
            raise StoreUnavailable("nothing was changed: another server delivers by now")


def progress_key(delivery_id: str) -> str:
    """The key of a delivery's progress."""
    return f"{PROGRESS_KEY}/{delivery_id}"


def encode_progress(progress: DeliveryProgress) -> bytes:
    """The value of its key."""
    return msgspec.msgpack.encode(progress)


def decode_progress(key: str, value: bytes) -> DeliveryProgress:
    """The progress that a key has. Raises `StoreUnreadable`."""
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnreadable(f"The delivery's progress of key {key!r} cannot be read: {error}") from error
