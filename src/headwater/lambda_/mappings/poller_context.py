"""What pollers work with, put together once for all of a server's mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from headwater.engine.engine import Engine
from headwater.lambda_.functions.invocation import Invoker
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.alarms import Alarms
from headwater.lambda_.mappings.on_failure import DestinationMessage
from headwater.lambda_.mappings.store import MappingStore

Note = Callable[[Literal["warning", "error"], str], None]
"""Writes a line in the server's log."""


class DestinationFailed(Exception):
    """A message could not be delivered; the text says why."""


class MessageSender(Protocol):
    """Delivers messages to on-failure destinations."""

    async def send(self, message: DestinationMessage) -> None:
        """Deliver a message. A coroutine of asyncio's. Raises `DestinationFailed`."""


@dataclass(frozen=True)
class PollerContext:
    """What all pollers of a server share."""

    engine: Engine
    invoker: Invoker
    sender: MessageSender
    store: MappingStore
    alarms: Alarms
    metrics: FunctionMetrics
    note: Note
    new_uuid: Callable[[], str]
    retry_delay_ms: int
    """Before the first retry; the following ones wait longer, see `failure_policy.backoff_ms`."""
