"""What a mapping has done since the server started: the numbers behind the metric EventCount."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class EventCounts:
    """Counts of records; their names are those of Lambda's metrics."""

    polled: int = 0
    filtered_out: int = 0
    invoked: int = 0
    """Sent to the function, retries included."""
    failed_invoke: int = 0
    dropped: int = 0
    """Given up, and told to no destination."""
    on_failure_destination_delivered: int = 0
