"""A stream in memory: its committed value, and what the hot paths derive from it.

Refuses to know the store, and how a value is committed.
"""

from __future__ import annotations

from headwater.engine.limits.enforcement import Rule
from headwater.engine.limits.on_demand_scaling import next_look_ms
from headwater.engine.limits.throughput_limits import StreamLimits
from headwater.engine.metrics.stream_metrics import StreamMetrics
from headwater.engine.routing import Routes
from headwater.engine.stream_lifecycle import next_due_ms
from headwater.model.completion import Completion
from headwater.model.stream import SERVING, Stream


class LiveStream:
    """A stream in memory: its committed value, and what the hot paths derive from it."""

    __slots__ = (
        "awaiting_move",
        "due_ms",
        "limits",
        "metrics",
        "own_rule",
        "routes",
        "serving",
        "stream",
        "version",
    )

    def __init__(self, stream: Stream, version: int, metrics: StreamMetrics) -> None:
        self.metrics = metrics
        self.awaiting_move: list[Completion[None]] | None = None
        """Calls that wait for the due transition under way; `None` when none is."""
        self.limits: StreamLimits | None = None
        """The rates of its shards, if they are limited."""
        self.own_rule: Rule | None = None
        """How it is limited, if it is not as all streams are."""
        self.follow(stream, version)

    def follow(self, stream: Stream, version: int) -> None:
        """Take over a newly committed value."""
        self.stream = stream
        self.version = version
        self.routes = Routes(stream)
        self.serving = stream.status in SERVING
        self.metrics.take_over(stream)
        self.await_next()

    def await_next(self) -> None:
        """Find out when there is something to do about it."""
        self.due_ms = next_due_ms(self.stream)
        if self.limits is not None:
            self.due_ms = min(self.due_ms, next_look_ms(self.stream, self.limits.load))

    def limit(self, limits: StreamLimits | None) -> None:
        """Refuse from now on what is beyond these rates; `None`: nothing."""
        self.limits = limits
        self.await_next()
