"""The settings of a queue consumer, their limits and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from headwater.client.calls.setting_check import require
from headwater.client.calls.tracing_setting import Tracing

VISIBILITY_S_MAX = 43_200
DOUBLINGS_MAX = 16
"""Past the longest visibility: keeps the power a small number."""


class QueueConsumerOptions(TypedDict, total=False):
    """The settings as keyword arguments; `QueueConsumerSettings` says what each is."""

    source: Literal["records", "dead_letters"]
    concurrency: int
    processes: int
    prefetch: int
    acknowledge: Literal["auto", "manual"]
    visibility_timeout_s: int | None
    wait_s: int
    linger_s: float
    retry_first_s: int
    retry_longest_s: int
    tracing: Tracing


@dataclass(frozen=True, kw_only=True)
class QueueConsumerSettings:
    """The settings of one queue consumer. Raises `ValueError` for one that is out of range."""

    source: Literal["records", "dead_letters"] = "records"
    """The records of the queue, or those that it has set aside."""
    concurrency: int = 16
    """The number of records that are handled at the same time."""
    processes: int = 0
    """The number of processes that run handlers, one record at a time each; 0: this process."""
    prefetch: int = 10
    """The number of records that are received ahead of the handlers. Their visibility is extended too."""
    acknowledge: Literal["auto", "manual"] = "auto"
    """The moment of the acknowledgement. auto: after the handler returned, or the iterator moved on.
    manual: when the application calls `record.acknowledge()`."""
    visibility_timeout_s: int | None = None
    """The time until a record of a worker that died is handed out again, from 1 to 43,200 seconds; it is
    extended while a handler works. None: the queue's own."""
    wait_s: int = 20
    """The time that one call waits for a record, from 1 to 20 seconds."""
    linger_s: float = 0.02
    """The time that an acknowledgement waits for others, to share a call with up to nine of them."""
    retry_first_s: int = 1
    """The delay before a record whose handler failed is handed out again; it doubles each time."""
    retry_longest_s: int = 300
    """The longest such delay."""
    tracing: Tracing = False
    """Spans of OpenTelemetry for what handlers do: True, of the global provider, or a `TracerProvider`."""

    def __post_init__(self) -> None:
        require("source", self.source in ("records", "dead_letters"), "'records' or 'dead_letters'")
        require("acknowledge", self.acknowledge in ("auto", "manual"), "'auto' or 'manual'")
        require("acknowledge", self.acknowledge == "auto" or not self.processes, "'auto' with processes")
        require("concurrency", self.concurrency >= 1, "1 or more")
        for name in ("processes", "prefetch", "linger_s"):
            require(name, getattr(self, name) >= 0, "0 or more")
        timeout_s = self.visibility_timeout_s
        is_timeout = timeout_s is None or 1 <= timeout_s <= VISIBILITY_S_MAX
        require("visibility_timeout_s", is_timeout, f"None, or 1 to {VISIBILITY_S_MAX}")
        require("wait_s", 1 <= self.wait_s <= 20, "1 to 20")
        is_delay = 0 <= self.retry_first_s <= self.retry_longest_s <= VISIBILITY_S_MAX
        require("retry_first_s", is_delay, f"0 to retry_longest_s, and that {VISIBILITY_S_MAX} at most")

    @property
    def handlers(self) -> int:
        """The number of records that are handled at the same time."""
        return self.processes or self.concurrency

    def retry_delay_s(self, receive_count: int) -> int:
        """The delay after a handler failed on a record that was received so often, from 1."""
        doublings = min(receive_count - 1, DOUBLINGS_MAX)
        return min(self.retry_longest_s, self.retry_first_s << doublings)
