"""What followers work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from headwater.engine.engine import Engine
from headwater.followers.alarms import Alarms

Log = Callable[[Literal["warning", "error"], str], None]
"""Writes a line in the server's log."""


@dataclass(frozen=True)
class FollowerContext:
    """The context that all followers of one owner share; who owns the alarms lets them ring."""

    engine: Engine
    alarms: Alarms
    log: Log
