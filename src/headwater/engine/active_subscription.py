"""What tells one subscription from another, and what others may ask of an active one."""

from __future__ import annotations

from typing import Protocol

import msgspec

from headwater.model.arn import StreamName
from headwater.model.errors import KinesisError


class SubscriptionKey(msgspec.Struct, frozen=True):
    """The consumer and shard of a subscription: only one may be active."""

    stream: StreamName
    stream_created_ms: int
    consumer_name: str
    consumer_created_s: int
    shard_index: int


class ActiveSubscription(Protocol):
    """A subscription that is under way; `fan_out` makes them."""

    @property
    def position(self) -> int:
        """Where in its shard's log it reads on."""

    @property
    def started_ms(self) -> int:
        """When it was made."""

    def take_over(self) -> None:
        """Another subscription with the same key begins: end this one."""

    def end_after(self, events: int, error: KinesisError | None) -> None:
        """End this subscription on purpose, after `events` further events."""
