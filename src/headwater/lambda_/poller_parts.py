"""What pollers work with, put together once for all of a server's mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from headwater.engine.engine import Engine
from headwater.lambda_.alarms import Alarms
from headwater.lambda_.function_metrics import FunctionMetrics
from headwater.lambda_.invocation import Invoker
from headwater.lambda_.mapping_store import MappingStore
from headwater.lambda_.on_failure import Message

Note = Callable[[Literal["warning", "error"], str], None]
"""Writes a line in the server's log."""


class DestinationFailed(Exception):
    """A message could not be delivered; the text says why."""


class Sender(Protocol):
    """Delivers messages to on-failure destinations."""

    async def send(self, message: Message) -> None:
        """Deliver a message. A coroutine of asyncio's. Raises `DestinationFailed`."""


@dataclass(frozen=True)
class PollerParts:
    """What all pollers of a server share."""

    engine: Engine
    invoker: Invoker
    sender: Sender
    store: MappingStore
    alarms: Alarms
    metrics: FunctionMetrics
    note: Note
    new_uuid: Callable[[], str]
    retry_delay_ms: int
    """Before the first retry; the following ones wait longer, see `failure_policy.backoff_ms`."""
