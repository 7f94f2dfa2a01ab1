"""What pollers work with, put together once for all of a server's mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headwater.followers.context import FollowerContext
from headwater.lambda_.functions.destination import MessageSender
from headwater.lambda_.functions.invocation import Invoker
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.store import MappingStore


@dataclass(frozen=True)
class PollerContext(FollowerContext):
    """The context that all pollers of a server share."""

    invoker: Invoker
    sender: MessageSender
    store: MappingStore
    metrics: FunctionMetrics
    new_uuid: Callable[[], str]
    retry_delay_ms: int
    """Before the first retry; the following ones wait longer, see `failure_policy.backoff_ms`."""
    may_act: Callable[[], bool]
    """Whether mappings are surely run by no other server."""
