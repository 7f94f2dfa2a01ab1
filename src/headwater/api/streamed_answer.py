"""An answer that goes on: a stream of events instead of one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from headwater.engine.fan_out import FanOutEvent, Subscription


class StreamedAnswer(msgspec.Struct, frozen=True):
    """The answer of an operation that pushes events."""

    event_type: str
    """The name of each event, as the API model has it."""
    subscription: Subscription
    describe: Callable[[FanOutEvent], Mapping[str, object]]
    """The document of an event."""
