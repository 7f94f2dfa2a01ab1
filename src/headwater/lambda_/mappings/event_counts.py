"""What a mapping has done since the server started: the numbers behind the metric EventCount."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from headwater.lambda_.mappings.work_history import WorkHistory

Done = Literal[
    "polled", "filtered_out", "invoked", "failed_invoke", "dropped", "on_failure_destination_delivered"
]

METRICS: dict[Done, str] = {
    "polled": "PolledEventCount",
    "filtered_out": "FilteredOutEventCount",
    "invoked": "InvokedEventCount",  # sent to the function, retries included
    "failed_invoke": "FailedInvokeEventCount",
    "dropped": "DroppedEventCount",  # given up, and told to no destination
    "on_failure_destination_delivered": "OnFailureDestinationDeliveredEventCount",
}
"""What can be done with records, and the metric of Lambda that has their number."""


class EventCounts:
    """Counts of records."""

    def __init__(self, tell: Callable[[str, int], None]) -> None:
        """`tell` gets each metric with its value, as it is counted."""
        self._tell = tell
        self.history = WorkHistory()
        self.totals: dict[Done, int] = dict.fromkeys(METRICS, 0)

    def add(self, done: Done, records: int) -> None:
        """Count records; none are no value."""
        if records:
            self.totals[done] += records
            self._tell(METRICS[done], records)
