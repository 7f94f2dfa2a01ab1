"""What deliveries work with, put together once for all of a server's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from headwater.delivery.objects import Objects
from headwater.delivery.progress import ProgressStore
from headwater.delivery.service_calls import ServiceCalls
from headwater.followers.context import FollowerContext
from headwater.followers.loop_share import LoopShare

T = TypeVar("T")


class InThread(Protocol):
    """Runs a function in a thread: what takes long and does not need the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """What the function gives."""


@dataclass(frozen=True)
class DeliveryContext(FollowerContext):
    """The context that all deliveries share. `alarms` ring at the engine's tick."""

    services: ServiceCalls
    objects: Objects
    progress: ProgressStore
    in_thread: InThread
    turns: LoopShare = field(default_factory=LoopShare)
    """What deliveries do on the loop they do in these."""
