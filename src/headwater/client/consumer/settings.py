"""The settings of a consumer, their limits and defaults."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from math import inf
from typing import Literal, TypedDict

from headwater.client.calls.setting_check import require
from headwater.client.calls.tracing_setting import Tracing
from headwater.client.consumer.handler_delivery import DeadLetters, ErrorSettings
from headwater.client.consumer.polling import PollingPace
from headwater.client.leases.balancing import BalancingSettings
from headwater.client.leases.checkpoint import Start, StartingPosition


class ConsumerOptions(TypedDict, total=False):
    """The settings as keyword arguments; `ConsumerSettings` says what each is."""

    start: Start
    fan_out: str | None
    polling: PollingPace | None
    deaggregate: bool
    misplaced_records: Literal["drop", "hand_over"]
    checkpoint: Literal["auto", "manual"]
    checkpoint_interval_s: float
    retries: int | None
    on_failure: Literal["stop", "skip"] | DeadLetters
    processes: int
    buffer_bytes: int
    worker_id: str
    lease_duration_s: float
    hand_over_timeout_s: float
    max_leases: int | None
    max_steals: int
    shard_sync_interval_s: float
    tracing: Tracing


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings:
    """The settings of one consumer.

    Raises `ValueError` for one that is out of range, `ConfigurationError` for a `start` that is none.
    """

    start: Start = "LATEST"
    """The position in a shard without a checkpoint: TRIM_HORIZON, LATEST, a datetime with a
    time zone, seconds since the Unix epoch, or the last processed sequence number of each shard id."""
    fan_out: str | None = None
    """The name of the registered consumer for enhanced fan-out, registered if missing; None: polling."""
    polling: PollingPace | None = None
    """The pace of GetRecords calls without fan-out; None: within AWS's limits, and unlimited on loopback."""
    deaggregate: bool = True
    """De-aggregation: user records in the format of the Kinesis Producer Library come one by one."""
    misplaced_records: Literal["drop", "hand_over"] = "drop"
    """The treatment of an aggregate that has a key of another shard: drop it, or deliver it (hand_over)."""
    checkpoint: Literal["auto", "manual"] = "auto"
    """The moment of a checkpoint. auto: after the handler returned, or the iterator moved on. manual: when
    the application calls `record.checkpoint()`."""
    checkpoint_interval_s: float = 0
    """The shortest time between two checkpoint writes of a shard, in seconds; for auto only."""
    retries: int | None = 3
    """The number of retries of a batch whose handler failed; None: without end."""
    on_failure: Literal["stop", "skip"] | DeadLetters = "stop"
    """The step after the last retry. stop: raise `HandlerFailed`. skip: go on after the failed records.
    A function: call it with the failed records and the error, then go on."""
    processes: int = 0
    """The number of processes that run handlers; 0: handlers run in this process."""
    buffer_bytes: int = 64 * 1024 * 1024
    """The most bytes that are read ahead of the handlers; each shard may read one page in any case."""
    worker_id: str = ""
    """The worker's name, unique in its lease store; empty: host, process and random digits."""
    lease_duration_s: float = 10
    """The seconds without a renewal after which a lease expires and another worker may take the shard."""
    hand_over_timeout_s: float = 30
    """The seconds that a worker has to finish its batch and hand a shard off, when another asks for it."""
    max_leases: int | None = None
    """The most shards that this worker holds; None: no limit."""
    max_steals: int = 2
    """The most shards that this worker steals from others at a time."""
    shard_sync_interval_s: float = 60
    """The seconds between two listings of the shards; the end of a shard also tells its children."""

    tracing: Tracing = False
    """Spans of OpenTelemetry for what handlers do: True, of the global provider, or a `TracerProvider`."""

    def __post_init__(self) -> None:
        require("checkpoint", self.checkpoint in ("auto", "manual"), "'auto' or 'manual'")
        misplaced_is_known = self.misplaced_records in ("drop", "hand_over")
        require("misplaced_records", misplaced_is_known, "'drop' or 'hand_over'")
        failure_is_known = callable(self.on_failure) or self.on_failure in ("stop", "skip")
        require("on_failure", failure_is_known, "'stop', 'skip', or what takes dead letters")
        require("checkpoint", self.checkpoint == "auto" or not self.processes, "'auto' with processes")
        require("polling", self.polling is None or self.fan_out is None, "None with fan_out")
        require("fan_out", self.fan_out != "", "None or a name")
        require("retries", self.retries is None or self.retries >= 0, "None, 0 or more")
        for name in ("checkpoint_interval_s", "processes", "buffer_bytes", "max_steals"):
            require(name, getattr(self, name) >= 0, "0 or more")
        for name in ("lease_duration_s", "hand_over_timeout_s", "shard_sync_interval_s"):
            require(name, getattr(self, name) > 0, "more than 0")
        require("max_leases", self.max_leases is None or self.max_leases >= 1, "None, 1 or more")
        _ = self.starting_position

    @property
    def starting_position(self) -> StartingPosition:
        """The position that `start` stands for. Raises `ConfigurationError`."""
        return StartingPosition.of(self.start)

    @property
    def balancing(self) -> BalancingSettings:
        """The settings of balancing."""
        return BalancingSettings(
            self.lease_duration_s * 1000,
            self.hand_over_timeout_s * 1000,
            inf if self.max_leases is None else self.max_leases,
            self.max_steals,
        )

    @property
    def errors(self) -> ErrorSettings:
        """The settings for errors of a handler."""
        return ErrorSettings(self.retries, self.on_failure)


def new_worker_id() -> str:
    """A unique worker name: host, process and random digits."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
