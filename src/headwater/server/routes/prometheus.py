"""What the server counts, in Prometheus's text format, by its own client library.

The library only writes: the counts are the server's own, read when somebody asks. It is
imported by the first who does (about 30 ms and 5 MiB), which is why nobody imports this
module before.

Every label of a stream is always there. Two accounts may have streams of one name, and
a series whose labels change when the second comes would be another series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from headwater.engine.engine import Engine
from headwater.engine.metrics.stream_metrics import Totals
from headwater.model.completion import drive
from headwater.model.durations import BOUNDS_S, Durations
from headwater.server.request_counts import RequestCounts
from headwater.storage.interface import CommitTimes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STREAM = ("account", "region", "stream")
_QUEUE = (*_STREAM, "queue")
_DELIVERIES: dict[str, tuple[type[CounterMetricFamily | GaugeMetricFamily], str, str]] = {
    "batches_delivered": (
        CounterMetricFamily,
        "headwater_delivery_batches",
        "Batches that a channel or a delivery stream has delivered, ever.",
    ),
    "records_delivered": (
        CounterMetricFamily,
        "headwater_delivery_records",
        "Records of those that were delivered since the server, or the delivery, began.",
    ),
    "bytes_delivered": (
        CounterMetricFamily,
        "headwater_delivery_bytes",
        "The data of these records, in bytes.",
    ),
    "records_behind": (
        GaugeMetricFamily,
        "headwater_delivery_records_behind",
        "Records that are not delivered yet.",
    ),
    "behind_ms": (
        GaugeMetricFamily,
        "headwater_delivery_behind_seconds",
        "For how long the last of them waits.",
    ),
    "failed_attempts": (
        GaugeMetricFamily,
        "headwater_delivery_failed_attempts",
        "Attempts to deliver the batch that is under way.",
    ),
}
_TOTALS = {
    "records_in": ("headwater_incoming_records", "Records stored."),
    "bytes_in": ("headwater_incoming_bytes", "Data and partition keys stored, in bytes."),
    "records_out": ("headwater_outgoing_records", "Records read, by GetRecords and by subscriptions."),
    "bytes_out": ("headwater_outgoing_bytes", "Data and partition keys read, in bytes."),
    "records_refused": ("headwater_throttled_records", "Records that were beyond the rate of their shard."),
    "reads_refused": (
        "headwater_throttled_reads",
        "GetRecords calls that were beyond the rate of their shard.",
    ),
}


DeliveryStatus = Callable[[], Sequence[Mapping[str, Any]]]
"""Gives how far each delivery is."""


def exposition(engine: Engine, requests: RequestCounts, deliveries: DeliveryStatus = list) -> bytes:
    """All metrics as a page to be scraped."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Server(engine, requests, deliveries))
    page: bytes = generate_latest(registry)
    return page


class _Server(Collector):
    def __init__(self, engine: Engine, requests: RequestCounts, deliveries: DeliveryStatus) -> None:
        self._engine = engine
        self._requests = requests
        self._deliveries = deliveries

    def collect(self) -> Iterator[Metric]:
        yield from self._of_requests()
        yield from self._of_streams()
        yield from self._of_subscriptions()
        yield from self._of_queues()
        yield from self._of_deliveries()
        yield from self._of_store()

    def _of_requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "headwater_requests", "Requests answered.", labels=("operation", "outcome")
        )
        durations = HistogramMetricFamily(
            "headwater_request_duration_seconds",
            "From a request's arrival to its answer.",
            labels=("operation",),
        )
        for name, counts in self._requests.called().items():
            for outcome, count in counts.outcomes().items():
                requests.add_metric((name, outcome), count)
            _add_durations(durations, (name,), counts.durations)
        yield requests
        yield durations

    def _of_streams(self) -> Iterator[Metric]:
        streams = self._engine.metrics.streams()
        totals = {name: counts.totals() for name, counts in streams.items()}
        for field in Totals._fields:
            name, text = _TOTALS[field]
            family = CounterMetricFamily(name, text, labels=_STREAM)
            for stream, counted in totals.items():
                family.add_metric(stream, getattr(counted, field))
            yield family
        ages = GaugeMetricFamily(
            "headwater_iterator_age_seconds",
            "How far the last GetRecords of each shard was behind its newest record, of the farthest shard.",
            labels=_STREAM,
        )
        for stream, counts in streams.items():
            if counts.iterator_age_ms:
                ages.add_metric(stream, max(counts.iterator_age_ms.values()) / 1000)
        yield ages

    def _of_subscriptions(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(
            "headwater_open_subscriptions", "Subscriptions to shards that are open.", labels=_STREAM
        )
        found = Counter(key.stream for key in self._engine.subscriptions)
        for stream in self._engine.metrics.streams():
            gauge.add_metric(stream, found[stream])
        yield gauge

    def _of_queues(self) -> Iterator[Metric]:
        records = GaugeMetricFamily(
            "headwater_queue_records",
            "Records of a queue that are visible, in flight, or dead letters that are either.",
            labels=(*_QUEUE, "state"),
        )
        ages = GaugeMetricFamily(
            "headwater_queue_oldest_record_age_seconds",
            "Age of the oldest record of a queue that is neither acknowledged nor a dead letter.",
            labels=_QUEUE,
        )
        totals = [
            CounterMetricFamily(name, text, labels=_QUEUE)
            for name, text in (
                ("headwater_queue_received_records", "Records received from a queue, again and again each."),
                ("headwater_queue_acknowledged_records", "Records of a queue that were acknowledged."),
                ("headwater_queue_empty_receives", "Receives from a queue that ended without a record."),
            )
        ]
        for stream, queue, live in self._engine.queues.looked_at(self._engine.all_streams()):
            labels = (*stream.full_name, queue.name)
            for state, count in live.counts()._asdict().items():
                records.add_metric((*labels, state), count)
            for family, total in zip(totals, live.totals(), strict=True):
                family.add_metric(labels, total)
            drive(live.oldest_age_ms(), partial(_add_age, ages, labels))
        yield records
        yield ages
        yield from totals

    def _of_deliveries(self) -> Iterator[Metric]:
        statuses = self._deliveries()
        for member, (kind, name, text) in _DELIVERIES.items():
            family = kind(name, text, labels=("delivery",))
            for status in statuses:
                if member in status:
                    unit = 1000 if member.endswith("_ms") else 1
                    family.add_metric((status["id"],), status[member] / unit)
            yield family

    def _of_store(self) -> Iterator[Metric]:
        times = self._engine.store.commit_times
        commits = HistogramMetricFamily(
            "headwater_store_commit_duration_seconds", "Commits of the store, without what led to them."
        )
        _add_durations(commits, (), times.durations)
        yield commits
        failures = CounterMetricFamily("headwater_store_commit_failures", "Commits that failed.")
        failures.add_metric((), times.failures)
        yield failures
        if self._engine.store.is_shared:
            yield from self._of_shared_store(times)

    def _of_shared_store(self, times: CommitTimes) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "headwater_store_commits_in_flight",
            "Batches of records, and changes, that the brokers have not answered yet.",
            times.under_way,
        )
        yield GaugeMetricFamily(
            "headwater_store_waiting_bytes",
            "Bytes of records that the brokers have not answered for yet.",
            times.waiting_bytes,
        )
        yield CounterMetricFamily(
            "headwater_store_retries", "How often a batch or a change was sent once more.", times.retries
        )
        yield GaugeMetricFamily(
            "headwater_store_metadata_lag_seconds",
            "For how long it has not been known whether anything was changed by other servers.",
            self._engine.behind_s(),
        )
        yield from self._of_lease()

    def _of_lease(self) -> Iterator[Metric]:
        status = self._engine.lease_status()
        if status is None:
            return
        yield GaugeMetricFamily(
            "headwater_lease_held",
            "1 at the server that does what one alone does, 0 at the others.",
            int(status.is_held),
        )
        holder = GaugeMetricFamily(
            "headwater_lease_holder_info", "Who holds the lease, as this server knows it.", labels=("holder",)
        )
        if status.holder is not None:
            holder.add_metric((status.holder,), 1)
        yield holder


def _add_age(
    family: GaugeMetricFamily, labels: tuple[str, ...], age_ms: int | None, error: BaseException | None
) -> None:
    """An embedded store reads at once; what cannot be read has no age."""
    if error is None and age_ms is not None:
        family.add_metric(labels, age_ms / 1000)


def _add_durations(family: HistogramMetricFamily, labels: Iterable[str], durations: Durations) -> None:
    below, buckets = 0, []
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), durations.counts, strict=True):
        below += count
        buckets.append((bound, below))
    family.add_metric(list(labels), buckets, durations.total_s)
