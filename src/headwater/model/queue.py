"""Queues: names on a stream under which its records are handed out one by one, and acknowledged.

    CreateQueue   CREATING ─► ACTIVE
    UpdateQueue   ACTIVE ─► UPDATING ─► ACTIVE
    DeleteQueue   every state ─► DELETING ─► gone

A queue is part of its stream's value, as a consumer is: so a stream with queues is never deleted
by a call that has not seen them. What was acknowledged is kept apart (`engine/queues`).

Refuses to know records, and who receives them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

QueueStatus = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING"]
DELIVERING: tuple[QueueStatus, ...] = ("ACTIVE", "UPDATING")
"""The states in which a queue hands out records and takes receipts."""
StartType = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]

VISIBILITY_TIMEOUT_S = 30
MAX_RECEIVE_COUNT = 6


class QueueRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an UpdateQueue can change."""

    visibility_timeout_s: int = VISIBILITY_TIMEOUT_S
    max_receive_count: int | None = MAX_RECEIVE_COUNT
    """After so many receives a record is a dead letter; `None`: it never is."""

    def is_exhausted(self, receives: int) -> bool:
        """Whether a record that was received so often is not handed out again."""
        return self.max_receive_count is not None and receives >= self.max_receive_count


class QueueStart(msgspec.Struct, frozen=True, kw_only=True):
    """Where a queue begins, settled when it is created."""

    type: StartType
    timestamp_ms: int | None = None
    """As it was asked for."""
    tips: dict[int, int] = {}  # msgspec copies the default
    """Of LATEST: where each open shard ended, by its index."""
    next_shard_index: int = 0
    """Shards from this index on came later: all their records belong to the queue."""
    effective_ms: int | None = None
    """From about when on records are handed out, once the queue is ACTIVE."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """One queue."""

    queue_id: str
    """What its ARN has; not its name."""
    name: str
    created_ms: int
    start: QueueStart
    status: QueueStatus = "CREATING"
    due_ms: int | None = None
    """When the present transition ends; `None` when there is none."""
    rules: QueueRules = QueueRules()
    next_rules: QueueRules | None = None
    """Those that hold once the present update is complete."""
    tags: dict[str, str] = {}  # msgspec copies the default
    policy: str | None = None

    @property
    def is_delivering(self) -> bool:
        """Whether it hands out records and takes receipts."""
        return self.status in DELIVERING

    @property
    def announced_rules(self) -> QueueRules:
        """As descriptions show them: an update is seen at once, and holds when it is complete."""
        return self.next_rules or self.rules
