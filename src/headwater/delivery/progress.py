"""The progress of every delivery, kept in the store with the streams.

Keys: `delivery-progress/<id>`; an id has the kind of its owner before a colon: `channel:…`.

Refuses to know what is delivered.
"""

from __future__ import annotations

import msgspec

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.engine.engine import Engine
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreUnreadable

PROGRESS_KEY = "delivery-progress"
_decoder = msgspec.msgpack.Decoder(DeliveryProgress)


class ProgressStore:
    """The progress of all deliveries of a server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: dict[str, DeliveryProgress] = {}

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        for key, value in self._engine.metadata_of(PROGRESS_KEY):
            self._held[key.partition("/")[2]] = decode_progress(key, value)

    def ids(self, kind: str) -> list[str]:
        """The deliveries of an owner whose progress is kept."""
        return [held for held in self._held if held.startswith(f"{kind}:")]

    def progress(self, delivery_id: str) -> DeliveryProgress:
        """How far a delivery is; of one that is not known, the beginning."""
        return self._held.get(delivery_id) or DeliveryProgress()

    async def keep(self, delivery_id: str, progress: DeliveryProgress) -> None:
        """Have it in the store. Raises `StoreUnavailable`."""
        await finished(self._write(delivery_id, msgspec.msgpack.encode(progress)))
        self._held[delivery_id] = progress

    async def forget(self, delivery_id: str) -> None:
        """Drop what is kept of a delivery. Raises `StoreUnavailable`."""
        if delivery_id in self._held:
            await finished(self._write(delivery_id, None))
            self._held.pop(delivery_id, None)

    async def _write(self, delivery_id: str, value: bytes | None) -> None:
        await self._engine.write_metadata({f"{PROGRESS_KEY}/{delivery_id}": value})


def decode_progress(key: str, value: bytes) -> DeliveryProgress:
    """The progress that a key has. Raises `StoreUnreadable`."""
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnreadable(f"The delivery's progress of key {key!r} cannot be read: {error}") from error
