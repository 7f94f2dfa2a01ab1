"""Consumers: names registered on a stream for enhanced fan-out.

CREATING, then ACTIVE, then DELETING, then gone. The ARN holds the creation time,
so a consumer registered again under the same name is another one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ConsumerStatus = Literal["CREATING", "ACTIVE", "DELETING"]


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """One registered consumer."""

    name: str
    created_ms: int
    status: ConsumerStatus = "CREATING"
    due_ms: int | None = None
    """When the present transition ends; `None` when there is none."""
    tags: dict[str, str] = {}  # msgspec copies the default
    policy: str | None = None

    @property
    def created_s(self) -> int:
        """Creation in whole seconds, as the ARN has it."""
        return self.created_ms // 1000
