"""Enhanced monitoring of the stream `orders`: its metrics, and what names none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.refusals import invalid

EVERY_METRIC = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)

INVALID_METRICS = [
    pytest.param(
        [],
        invalid(
            "Value '[]' at 'shardLevelMetrics' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
        id="none",
    ),
    pytest.param(
        [*EVERY_METRIC, "ALL"],
        invalid(
            f"Value '[{', '.join(EVERY_METRIC)}, ALL]' at 'shardLevelMetrics' failed to satisfy constraint: "
            "Member must have length less than or equal to 7"
        ),
        id="more than seven",
    ),
    pytest.param(
        ["IncomingBytes", "Latency"],
        invalid(
            "Value '[IncomingBytes, Latency]' at 'shardLevelMetrics' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must satisfy enum value set: "
            f"[{', '.join(EVERY_METRIC)}, ALL]]"
        ),
        id="unknown",
    ),
]
"""Lists of metrics, and their refusal."""


def metrics_of(kinesis: Any) -> set[str]:
    """The metrics of the stream, as both operations that describe it tell them."""
    (summary,) = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"][
        "EnhancedMonitoring"
    ]
    (whole,) = kinesis.describe_stream(StreamName="orders")["StreamDescription"]["EnhancedMonitoring"]
    assert summary == whole
    return set(summary["ShardLevelMetrics"])
