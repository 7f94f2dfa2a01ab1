"""Generates dashboards/headwater.json, a dashboard of Grafana for the metrics of docs/metrics.md.

A test compares the two, and holds that every metric that a panel asks for is one of the server's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

PATH = Path(__file__).resolve().parent.parent / "dashboards" / "headwater.json"
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
STREAMS = '{stream=~"$stream"}'
RATE = "[$__rate_interval]"


class Panel(NamedTuple):
    """A chart: its lines are queries, each with its legend."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]


def rate(metric: str, by: str, labels: str = "") -> str:
    """How fast a counter grows, summed."""
    return f"sum by ({by}) (rate(headwater_{metric}{labels}{RATE}))"


def quantile(part: float, metric: str, by: str = "") -> str:
    """The value that a part of a histogram stays below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({labels}) (rate(headwater_{metric}_bucket{RATE})))"


ROWS: dict[str, tuple[Panel, ...]] = {
    "Requests": (
        Panel("Requests", "reqps", ((rate("requests_total", "operation"), "{{operation}}"),)),
        Panel("Errors", "reqps", ((rate("requests_total", "outcome", '{outcome!="ok"}'), "{{outcome}}"),)),
        Panel(
            "Duration, 99 of 100 below",
            "s",
            ((quantile(0.99, "request_duration_seconds", "operation"), "{{operation}}"),),
        ),
    ),
    "Streams": (
        Panel("Records in", "cps", ((rate("incoming_records_total", "stream", STREAMS), "{{stream}}"),)),
        Panel("Records out", "cps", ((rate("outgoing_records_total", "stream", STREAMS), "{{stream}}"),)),
        Panel(
            "Bytes",
            "Bps",
            (
                (rate("incoming_bytes_total", "stream", STREAMS), "{{stream}} in"),
                (rate("outgoing_bytes_total", "stream", STREAMS), "{{stream}} out"),
            ),
        ),
        Panel(
            "Iterator age",
            "s",
            ((f"max by (stream) (headwater_iterator_age_seconds{STREAMS})", "{{stream}}"),),
        ),
        Panel(
            "Throttled",
            "cps",
            (
                (rate("throttled_records_total", "stream", STREAMS), "{{stream}} records"),
                (rate("throttled_reads_total", "stream", STREAMS), "{{stream}} reads"),
            ),
        ),
        Panel(
            "Open subscriptions",
            "short",
            ((f"sum by (stream) (headwater_open_subscriptions{STREAMS})", "{{stream}}"),),
        ),
    ),
    "Queues": (
        Panel(
            "Records held",
            "short",
            ((f"sum by (queue, state) (headwater_queue_records{STREAMS})", "{{queue}} {{state}}"),),
        ),
        Panel(
            "Received and acknowledged",
            "cps",
            (
                (rate("queue_received_records_total", "queue", STREAMS), "{{queue}} received"),
                (rate("queue_acknowledged_records_total", "queue", STREAMS), "{{queue}} acknowledged"),
            ),
        ),
        Panel(
            "Age of the oldest record",
            "s",
            ((f"max by (queue) (headwater_queue_oldest_record_age_seconds{STREAMS})", "{{queue}}"),),
        ),
    ),
    "Store": (
        Panel(
            "Commits",
            "s",
            (
                (quantile(0.5, "store_commit_duration_seconds"), "half below"),
                (quantile(0.99, "store_commit_duration_seconds"), "99 of 100 below"),
            ),
        ),
        Panel(
            "Failures and retries",
            "cps",
            (
                (f"sum(rate(headwater_store_commit_failures_total{RATE}))", "failed commits"),
                (f"sum(rate(headwater_store_retries_total{RATE}))", "retries"),
            ),
        ),
        Panel(
            "Metadata behind",
            "s",
            (("max by (instance) (headwater_store_metadata_lag_seconds)", "{{instance}}"),),
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """The dashboard, in Grafana's JSON."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append({"type": "row", "title": title, "gridPos": {"h": 1, "w": 24, "x": 0, "y": top}})
        top += 1
        for place, panel in enumerate(row):
            at = {"h": HEIGHT, "w": WIDTH, "x": place % COLUMNS * WIDTH, "y": top + place // COLUMNS * HEIGHT}
            panels.append(_chart(panel) | {"gridPos": at})
        top += -(-len(row) // COLUMNS) * HEIGHT
    return {
        "title": "Headwater",
        "uid": "headwater",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "tags": ["headwater", "kinesis"],
        "templating": {"list": [_datasource(), _stream()]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }


def _chart(panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    targets = [
        {"refId": chr(ord("A") + number), "datasource": source, "expr": query, "legendFormat": legend}
        for number, (query, legend) in enumerate(panel.lines)
    ]
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _stream() -> dict[str, Any]:
    query = "label_values(headwater_incoming_records_total, stream)"
    return {
        "name": "stream",
        "label": "Stream",
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": query,
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(dashboard(), indent=2) + "\n")
