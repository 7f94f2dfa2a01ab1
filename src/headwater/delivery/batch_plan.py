"""What a batch of a delivery is, as it is kept before the batch is delivered.

Refuses to know the records.
"""

from __future__ import annotations

import msgspec


class ShardPlace(msgspec.Struct, frozen=True):
    """How far a delivery is in one shard's log."""

    position: int
    """Every record before it is done."""
    is_finished: bool = False
    """Whether the shard was closed, and is done to its end."""


class BatchPlan(msgspec.Struct, frozen=True):
    """A batch: a number, a time and an end in each shard. It begins where the delivery was before it."""

    number: int
    """The first batch of a delivery has 1. Names of objects are made of it, and so the same again."""
    made_ms: int
    """By the engine's clock."""
    places: dict[int, ShardPlace]
    """Where each shard is after it, by the shard's log."""


class DeliveryProgress(msgspec.Struct, frozen=True):
    """How far a delivery is: every batch before `next_number` is delivered."""

    places: dict[int, ShardPlace] = {}  # msgspec copies the default
    next_number: int = 1
    plan: BatchPlan | None = None
    """The batch whose delivery has begun."""

    def planned(self, made_ms: int, places: dict[int, ShardPlace]) -> DeliveryProgress:
        """With the next batch begun."""
        return msgspec.structs.replace(self, plan=BatchPlan(self.next_number, made_ms, places))

    def delivered(self) -> DeliveryProgress:
        """With the batch done that was begun."""
        assert self.plan is not None
        return DeliveryProgress(self.plan.places, self.plan.number + 1)
