"""What pollers work with, put together once for all of a server's mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from headwater.engine.engine import Engine
from headwater.lambda_.functions.destination import MessageSender
from headwater.lambda_.functions.invocation import Invoker
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.alarms import Alarms
from headwater.lambda_.mappings.store import MappingStore

Log = Callable[[Literal["warning", "error"], str], None]
"""Writes a line in the server's log."""


@dataclass(frozen=True)
class PollerContext:
    """The context that all pollers of a server share."""

    engine: Engine
    invoker: Invoker
    sender: MessageSender
    store: MappingStore
    alarms: Alarms
    metrics: FunctionMetrics
    log: Log
    new_uuid: Callable[[], str]
    retry_delay_ms: int
    """Before the first retry; the following ones wait longer, see `failure_policy.backoff_ms`."""
