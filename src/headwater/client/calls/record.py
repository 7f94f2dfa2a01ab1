"""A record as the application gets it.

One object for each record, decoded from the answer in one step: there are many of them,
so they are slots without a garbage collector's header, and what is not on the wire is
filled in by the reader of the shard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from headwater.wire.aggregated_record import read_tags


class Record(msgspec.Struct, gc=False, eq=False, kw_only=True):
    """A record of a stream, or a user record that a producer aggregated into one."""

    data: bytes = msgspec.field(name="Data")
    partition_key: str = msgspec.field(name="PartitionKey", default="")
    """The partition key; empty when the record has none."""
    sequence_number: str = msgspec.field(name="SequenceNumber")
    """The sequence number, which grows in its shard; the records of one aggregate share it."""
    approximate_arrival_timestamp: float = msgspec.field(name="ApproximateArrivalTimestamp", default=0.0)
    """The time of arrival in the stream, in seconds since the Unix epoch."""
    encryption_type: str | None = msgspec.field(name="EncryptionType", default=None)
    shard_id: str = ""
    """The shard that it was read from."""
    sub_sequence_number: int = 0
    """The place in its aggregate, from 0."""
    is_aggregated: bool = False
    """Whether it is a user record from an aggregate."""
    explicit_hash_key: str | None = None
    """The explicit hash key; known for aggregated records only."""
    tags: tuple[bytes, ...] = ()
    """What its producer put beside it in its aggregate, encoded; `trace_context` reads it."""
    checkpointer: Callable[[Record], Awaitable[None]] | None = None
    """The function that writes its checkpoint; None outside of the consumer's own process."""

    @property
    def arrived_at(self) -> datetime:
        """The time of arrival in the stream, in UTC."""
        return datetime.fromtimestamp(self.approximate_arrival_timestamp, UTC)

    @property
    def trace_context(self) -> dict[str, str]:
        """The W3C trace context that its producer put beside it (`propagate`): what propagators extract.

        Empty without one, and in another process than the consumer's.
        """
        return read_tags(self.tags) if self.tags else {}

    def checkpoint(self) -> Awaitable[None]:
        """Write a checkpoint: this record and all before it in its shard are done.

        `KinesisConsumer` has written it when this returns; with `AsyncKinesisConsumer` await the result.
        A checkpoint never goes back: that of an earlier record changes nothing.
        Raises `LeaseLost` when another worker has the shard now, and RuntimeError in a worker process.
        """
        if self.checkpointer is None:
            raise RuntimeError("a record can be checkpointed only in the process that read it")
        return self.checkpointer(self)

    def fields(self) -> tuple[Any, ...]:
        """The fields of the record as a tuple, for another process."""
        return (
            self.data,
            self.partition_key,
            self.sequence_number,
            self.approximate_arrival_timestamp,
            self.encryption_type,
            self.shard_id,
            self.sub_sequence_number,
            self.is_aggregated,
            self.explicit_hash_key,
        )

    @classmethod
    def of(cls, fields: tuple[Any, ...]) -> Record:
        """The record that `fields` was taken from."""
        data, key, number, arrival, encryption, shard_id, sub_number, is_aggregated, hash_key = fields
        return cls(
            data=data,
            partition_key=key,
            sequence_number=number,
            approximate_arrival_timestamp=arrival,
            encryption_type=encryption,
            shard_id=shard_id,
            sub_sequence_number=sub_number,
            is_aggregated=is_aggregated,
            explicit_hash_key=hash_key,
        )
