"""The metrics of producers and consumers, as named numbers.

A source gives its metrics as plain values, so that whatever watches an application can
take them; `PrometheusCollector` gives them to prometheus_client, which is imported only
then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, Protocol


class Metric(NamedTuple):
    """A metric: name, type, description, labels and value."""

    name: str
    """The name, such as `headwater_producer_records_put_total`."""
    kind: Literal["counter", "gauge"]
    documentation: str
    labels: dict[str, str]
    """The labels by name, such as the stream."""
    value: float


class MetricSource(Protocol):
    """A source of metrics: a producer or a consumer."""

    def metrics(self) -> Iterable[Metric]:
        """The present metrics."""


class PrometheusCollector:
    """A collector for prometheus_client: `REGISTRY.register(PrometheusCollector(producer))`."""

    def __init__(self, *sources: MetricSource) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Any]:
        """One metric family for each name, with a sample for each source."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - optional

        families: dict[str, Any] = {}
        for source in self._sources:
            for metric in source.metrics():
                family = families.get(metric.name)
                if family is None:
                    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                    family = make(metric.name, metric.documentation, labels=sorted(metric.labels))
                    families[metric.name] = family
                values = [metric.labels[label] for label in sorted(metric.labels)]
                family.add_metric(values, metric.value)
        yield from families.values()
