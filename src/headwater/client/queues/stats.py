"""The statistics of a queue consumer: counts that only grow, and the records that it has in hand.

Refuses to know who counts, and who reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headwater.client.calls.metrics import Metric


@dataclass(slots=True)
class QueueConsumerStats:
    """Counts since the consumer started, and what it has in hand now."""

    received: int = 0
    acknowledged: int = 0
    given_back: int = 0
    restored: int = 0
    handler_errors: int = 0
    extensions: int = 0
    lost_receipts: int = 0
    failed_calls: int = 0
    in_hand: int = 0
    """Received, and neither acknowledged nor given back yet."""

    def metrics(self, queue: str) -> Iterable[Metric]:
        """The same as numbers under names."""
        labels = {"queue": queue}
        for name, documentation in TOTALS.items():
            value = getattr(self, name)
            yield Metric(f"headwater_queue_consumer_{name}_total", "counter", documentation, labels, value)
        name, documentation = "headwater_queue_consumer_in_hand", "Records received and not settled yet"
        yield Metric(name, "gauge", documentation, labels, self.in_hand)


TOTALS = {
    "received": "Records received",
    "acknowledged": "Records acknowledged",
    "given_back": "Records given back to the queue",
    "restored": "Dead letters restored",
    "handler_errors": "Errors of the handler",
    "extensions": "Times that the visibility of a record was extended",
    "lost_receipts": "Records whose receipt was no longer good when they were settled",
    "failed_calls": "Receives that failed and were made again",
}
"""The counters, by their field."""
