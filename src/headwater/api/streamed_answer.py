"""An answer that goes on: a stream of events instead of one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from headwater.engine.fan_out import FanOutEvent, Subscription


class StreamedAnswer(NamedTuple):
    """What an operation gives that pushes events."""

    event_type: str
    """The name of each event, as the API model has it."""
    subscription: Subscription
    describe: Callable[[FanOutEvent], Mapping[str, object]]
    """The document of an event."""
