"""What can be chosen of a consumer, its limits and its usual values."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from math import inf
from typing import Literal

from headwater.client.consumer.handler_delivery import DeadLetters, ErrorSettings
from headwater.client.consumer.polling import PollingPace
from headwater.client.leases.balancing import BalancingSettings
from headwater.client.leases.checkpoint import Start, StartingPosition


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings:
    """How a consumer reads, handles, and shares a stream with others."""

    start: Start = "LATEST"
    """Where to begin without a checkpoint: TRIM_HORIZON, LATEST, a datetime with zone, epoch seconds, or
    what is done already: the last sequence number of each shard."""
    fan_out: str | None = None
    """The name of a registered consumer, by which to read with enhanced fan-out; made when missing."""
    polling: PollingPace | None = None
    """How often a shard is read without it; None: within AWS's limits, and on loopback without any."""
    deaggregate: bool = True
    """Records of the Kinesis Producer Library's format come one by one."""
    misplaced_records: Literal["drop", "hand_over"] = "drop"
    """What becomes of an aggregate of which some user record's key belongs to another shard."""
    checkpoint: Literal["auto", "manual"] = "auto"
    """auto: after the handler returned, or the iterator moved on. manual: `record.checkpoint()` alone."""
    checkpoint_interval_s: float = 0
    """With auto: at most one write for each shard in such a time."""
    retries: int | None = 3
    """How often a handler that failed gets the same batch again; None for ever."""
    on_failure: Literal["stop", "skip"] | DeadLetters = "stop"
    """What follows the last of these: stop, skip, or what takes the records, and skip."""
    processes: int = 0
    """Handlers run in so many processes; 0: in this one."""
    buffer_bytes: int = 64 * 1024 * 1024
    """So much is read ahead of the handlers, and a page for each shard."""
    worker_id: str = ""
    """Unique among those who share the state; made up when empty."""
    lease_duration_s: float = 10
    """A worker that was silent for so long has lost its shards."""
    hand_over_timeout_s: float = 30
    """A worker that was asked for a shard is waited for so long."""
    max_leases: int | None = None
    """A worker never has more shards."""
    max_steals: int = 2
    """A worker never asks for more shards at a time."""
    shard_sync_interval_s: float = 60
    """How often the stream's shards are listed; what follows a shard that ends is known without."""

    def __post_init__(self) -> None:
        _require("checkpoint", self.checkpoint in ("auto", "manual"), "'auto' or 'manual'")
        misplaced_is_known = self.misplaced_records in ("drop", "hand_over")
        _require("misplaced_records", misplaced_is_known, "'drop' or 'hand_over'")
        failure_is_known = callable(self.on_failure) or self.on_failure in ("stop", "skip")
        _require("on_failure", failure_is_known, "'stop', 'skip', or what takes dead letters")
        _require("checkpoint", self.checkpoint == "auto" or not self.processes, "'auto' with processes")
        _require("polling", self.polling is None or self.fan_out is None, "None with fan_out")
        _require("fan_out", self.fan_out != "", "None or a name")
        _require("retries", self.retries is None or self.retries >= 0, "None, 0 or more")
        for name in ("checkpoint_interval_s", "processes", "buffer_bytes", "max_steals"):
            _require(name, getattr(self, name) >= 0, "0 or more")
        for name in ("lease_duration_s", "hand_over_timeout_s", "shard_sync_interval_s"):
            _require(name, getattr(self, name) > 0, "more than 0")
        _require("max_leases", self.max_leases is None or self.max_leases >= 1, "None, 1 or more")
        _ = self.starting_position

    @property
    def starting_position(self) -> StartingPosition:
        """What `start` means. Raises `ConfigurationError`."""
        return StartingPosition.of(self.start)

    @property
    def balancing(self) -> BalancingSettings:
        """How leases are shared."""
        return BalancingSettings(
            self.lease_duration_s * 1000,
            self.hand_over_timeout_s * 1000,
            inf if self.max_leases is None else self.max_leases,
            self.max_steals,
        )

    @property
    def errors(self) -> ErrorSettings:
        """What follows when a handler raises."""
        return ErrorSettings(self.retries, self.on_failure)


def new_worker_id() -> str:
    """A name that no other worker has, and that tells where it is."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def _require(name: str, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise ValueError(f"{name} must be {wanted}")
