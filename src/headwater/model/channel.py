"""Channels: what delivers a stream's records to a bucket, or to a table.

    CreateChannel   CREATING ─► ACTIVE, or FAILED for good
    UpdateChannel   ACTIVE ─► UPDATING ─► ACTIVE
    DeleteChannel   every state ─► DELETING ─► gone

A channel is part of its stream's value, as a queue is: so a stream with channels is never deleted by a call
that has not seen them. Whether the destination is there is found out by who delivers (`delivery/channels`):
only that makes a channel ACTIVE, or FAILED.

Refuses to know records, and how they are delivered.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ChannelStatus = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING", "FAILED"]
DELIVERING: tuple[ChannelStatus, ...] = ("ACTIVE", "UPDATING")
"""The states in which a channel delivers."""
RecordFormat = Literal["GSR_JSON", "JSON", "STRING", "BYTE_ARRAY"]
StorageClass = Literal["STANDARD", "INTELLIGENT_TIERING", "GLACIER_IR"]
ObjectCompression = Literal["NONE", "GZIP", "ZSTD"]
ParquetCompression = Literal["NONE", "ZSTD", "SNAPPY"]

FRESHNESS_S = 300
LOG_STREAM = "DestinationDelivery"


class ChannelLogging(msgspec.Struct, frozen=True, kw_only=True):
    """Where a channel writes what goes wrong."""

    enabled: bool = False
    group: str
    stream: str = LOG_STREAM


class ChannelRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an UpdateChannel can change."""

    freshness_s: int = FRESHNESS_S
    """The age that undelivered data may have."""
    logging: ChannelLogging


class DeadLetterBucket(msgspec.Struct, frozen=True, kw_only=True):
    """Where records go that cannot be delivered."""

    bucket_arn: str
    owner: str
    prefix: str


class BucketTarget(msgspec.Struct, frozen=True, kw_only=True, tag="S3"):
    """A general purpose bucket."""

    bucket_arn: str
    owner: str
    key_template: str | None = None
    """`None`: the service's own."""
    storage_class: StorageClass | None = None
    compression: ObjectCompression


class TableTarget(msgspec.Struct, frozen=True, kw_only=True, tag="S3_TABLES"):
    """A table in a table bucket."""

    bucket_arn: str
    namespace: str
    table: str
    compression: ParquetCompression
    hour_columns: tuple[str, ...] = ()
    """By whose hours the table is partitioned."""


class ChannelStart(msgspec.Struct, frozen=True, kw_only=True):
    """Where a channel begins: with what is put after it was created."""

    tips: dict[int, int] = {}  # msgspec copies the default
    """Where each open shard ended, by its index; a shard that was closed by then is done."""
    next_shard_index: int = 0
    """Shards from this index on came later: all their records are delivered."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel."""

    channel_id: str
    """What its ARN has; not its name."""
    name: str
    created_ms: int
    role_arn: str
    record_format: RecordFormat
    schema_arn: str | None = None
    start: ChannelStart
    target: BucketTarget | TableTarget
    dead_letters: DeadLetterBucket
    rules: ChannelRules
    next_rules: ChannelRules | None = None
    """Those that hold once the present update is complete."""
    kms_key_id: str | None = None
    status: ChannelStatus = "CREATING"
    status_reason: str | None = None
    due_ms: int | None = None
    """When the present transition ends, or while CREATING may end; `None` when there is none."""
    tags: dict[str, str] = {}  # msgspec copies the default

    @property
    def is_delivering(self) -> bool:
        """Whether it delivers."""
        return self.status in DELIVERING

    @property
    def announced_rules(self) -> ChannelRules:
        """As descriptions show them: an update is seen at once, and holds when it is complete."""
        return self.next_rules or self.rules
