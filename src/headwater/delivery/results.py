"""What deliveries have left where, for who looks: of one batch, and of a delivery since it began to run.

Nothing of it is kept. Refuses to know what is delivered.
"""

from __future__ import annotations

from typing import Any

import msgspec


class BatchResult(msgspec.Struct):
    """What one batch has left; whoever delivers it writes it down here."""

    place: str = ""
    """Where records are: the last object's `s3://…`, a table's, or an endpoint's address."""
    set_aside: int = 0
    """How many records went where failures go."""
    set_aside_place: str = ""
    """The last object with those."""
    written_bytes: int = 0
    """What a channel has written of the others: an object, or a table's files."""


class DeliveryResults:
    """What all batches of one delivery have left."""

    def __init__(self) -> None:
        self._records = self._bytes = self._set_aside = 0
        self._last = BatchResult()
        self._last_ms: int | None = None

    def add(self, records: int, size: int, result: BatchResult, now_ms: int) -> None:
        """A batch of so many records and bytes was delivered."""
        self._records += records
        self._bytes += size
        self._set_aside += result.set_aside
        self._last_ms = now_ms
        self._last.place = result.place or self._last.place
        self._last.set_aside_place = result.set_aside_place or self._last.set_aside_place

    def shown(self) -> dict[str, Any]:
        """For the person who runs the server."""
        return {
            "records_delivered": self._records,
            "bytes_delivered": self._bytes,
            "records_set_aside": self._set_aside,
            "last_delivered_ms": self._last_ms,
            "last_place": self._last.place,
            "last_set_aside_place": self._last.set_aside_place,
        }


def object_place(bucket: str, key: str) -> str:
    """The address of an object, or of all whose keys begin so."""
    return f"s3://{bucket}/{key}"


def table_place(bucket: str, namespace: str, table: str) -> str:
    """The address of a table in a table bucket."""
    return f"s3tables://{bucket}/{namespace}/{table}"
