"""Streams: one immutable value holds all that is known about one.

A change makes a new value; the engine commits it. Transitions that take time are
data, too: `transition` says what will be done and when it is due, so that a
restart finds unfinished ones and completes them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headwater.model.arn import StreamName, stream_arn
from headwater.model.channel import Channel
from headwater.model.consumer import Consumer
from headwater.model.queue import Queue
from headwater.model.shard import Shard

HOUR_MS = 3_600_000
NEVER_MS = 2**63
"""When nothing becomes due."""

StreamStatus = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING"]
SERVING: tuple[StreamStatus, ...] = ("ACTIVE", "UPDATING")
"""The states in which a stream takes and gives records."""
StreamMode = Literal["PROVISIONED", "ON_DEMAND"]
Distribution = Literal["USER_PARTITION_KEY", "AUTO"]


class Activate(msgspec.Struct, frozen=True, tag=True):
    """The stream becomes ACTIVE; nothing else changes."""


class Delete(msgspec.Struct, frozen=True, tag=True):
    """The stream, its records and its consumers go."""


class Split(msgspec.Struct, frozen=True, tag=True):
    """A shard is split at a hash key, which becomes the second child's first."""

    shard_index: int
    hash_key: str


class Merge(msgspec.Struct, frozen=True, tag=True):
    """Two adjacent shards become one."""

    shard_index: int
    adjacent_shard_index: int


class Scale(msgspec.Struct, frozen=True, tag=True):
    """The open shards become this many, of equal size."""

    shard_count: int


class SplitEvenly(msgspec.Struct, frozen=True, tag=True):
    """Each of these shards is split in its middle."""

    shard_indexes: tuple[int, ...]


class Encrypt(msgspec.Struct, frozen=True, tag=True):
    """Records written from then on carry this encryption."""

    encryption_type: Literal["NONE", "KMS"]
    key_id: str | None = None


Step = Activate | Delete | Split | Merge | Scale | SplitEvenly | Encrypt


class Transition(msgspec.Struct, frozen=True):
    """A transition of a stream: its step, and the time at which it is due."""

    due_ms: int
    step: Step


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream."""

    account_id: str
    region: str
    name: str
    created_ms: int
    status: StreamStatus
    mode: StreamMode
    shards: tuple[Shard, ...]
    """Every shard that is still listed, in the order of their indexes."""
    next_shard_index: int
    transition: Transition | None = None
    retention_hours: int = 24
    tags: dict[str, str] = {}  # msgspec copies the default
    encryption_type: Literal["NONE", "KMS"] = "NONE"
    key_id: str | None = None
    shard_level_metrics: tuple[str, ...] = ()
    max_record_size_kib: int = 1024
    warm_throughput_mibps: int | None = None
    distribution: Distribution = "USER_PARTITION_KEY"
    consumers: tuple[Consumer, ...] = ()
    queues: tuple[Queue, ...] = ()
    channels: tuple[Channel, ...] = ()
    past_consumers_s: dict[str, int] = {}
    """When those that are gone were created, by name: the next one of a name is of a later second."""
    past_consumers_rest_s: int = -1
    """The latest creation of all the others that are gone."""
    policy: str | None = None
    shard_count_updates_ms: tuple[int, ...] = ()
    """When UpdateShardCount was called in the last 24 hours."""
    encryption_starts_ms: tuple[int, ...] = ()
    """When a key was applied in the last 24 hours."""
    encryption_stops_ms: tuple[int, ...] = ()
    """When encryption was stopped in the last 24 hours."""
    mode_changes_ms: tuple[int, ...] = ()
    """When the capacity mode was switched in the last 24 hours."""

    @property
    def full_name(self) -> StreamName:
        """Account, region and name."""
        return StreamName(self.account_id, self.region, self.name)

    @property
    def arn(self) -> str:
        """The stream's ARN."""
        return stream_arn(self.full_name)

    @property
    def label(self) -> str:
        """How AWS's messages name a stream."""
        return f"{self.name} under account {self.account_id}"

    @property
    def open_shards(self) -> list[Shard]:
        """The shards that take records."""
        return [shard for shard in self.shards if shard.is_open]

    @property
    def log_ids(self) -> set[int]:
        """The logs of its shards."""
        return {shard.log_id for shard in self.shards}

    def shard(self, index: int) -> Shard | None:
        """The listed shard with this index."""
        for shard in self.shards:
            if shard.index == index:
                return shard
        return None

    def children_of(self, index: int) -> list[Shard]:
        """The shards that the closed shard with this index was split or merged into."""
        return [shard for shard in self.shards if index in shard.parent_indexes]

    def trim_horizon_ms(self, now_ms: int) -> int:
        """Records that arrived before this are beyond retention."""
        return now_ms - self.retention_hours * HOUR_MS

    def consumer(self, name: str) -> Consumer | None:
        """The registered consumer of this name."""
        for consumer in self.consumers:
            if consumer.name == name:
                return consumer
        return None

    def channel(self, channel_id: str) -> Channel | None:
        """The channel of this id."""
        for channel in self.channels:
            if channel.channel_id == channel_id:
                return channel
        return None

    def queue(self, queue_id: str) -> Queue | None:
        """The queue of this id."""
        for queue in self.queues:
            if queue.queue_id == queue_id:
                return queue
        return None
