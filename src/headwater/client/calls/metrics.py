"""What a producer or a consumer tells of itself, as numbers under names.

A source gives its metrics as plain values, so that whatever watches an application can
take them; `PrometheusCollector` gives them to prometheus_client, which is imported only
then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, Protocol


class Metric(NamedTuple):
    """One number."""

    name: str
    """As in `headwater_producer_records_put_total`."""
    kind: Literal["counter", "gauge"]
    documentation: str
    labels: dict[str, str]
    value: float


class MetricSource(Protocol):
    """What has metrics."""

    def metrics(self) -> Iterable[Metric]:
        """All of them, as they are now."""


class PrometheusCollector:
    """Gives the metrics of sources to a registry: `REGISTRY.register(PrometheusCollector(producer))`."""

    def __init__(self, *sources: MetricSource) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Any]:
        """A family for each name, with a sample for each source that has it."""
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
