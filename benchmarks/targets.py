"""What Headwater is to reach: a row for each target, with what decides it.

Rates are compared by their medians, and with the best of the peers that were measured, whichever
that is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.client_libraries import is_ours
from benchmarks.open_connections import IDLE_CONNECTIONS, SUBSCRIPTIONS
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS
from benchmarks.sdk_clients import figure_name
from benchmarks.servers import (
    EARLIER_PREFIX,
    ELASTICMQ,
    FERROKINESIS,
    HEADWATER,
    KINESALITE,
    NGINX,
    SERVERS,
    Role,
)

OURS = HEADWATER.name
OURS_ON_DISK = HEADWATER.label(on_disk=True)
PEERS = [server for server in SERVERS if server.role is Role.PEER]


@dataclass(frozen=True)
class Measured:
    """What a target is compared with."""

    value: float
    note: str = ""


Measure = Callable[[Results], Measured | None]
"""None: it was not measured."""


@dataclass(frozen=True)
class Target:
    """One row: `measured` is to be `bound` or more, or less where less is better."""

    title: str
    bound: float
    unit: str
    measured: Measure
    less_is_better: bool = False
    is_usual: bool = False
    """What decides it is part of a usual run; else only of one of everything."""

    def is_met(self, value: float) -> bool:
        """Whether a measured value is good enough."""
        return value <= self.bound if self.less_is_better else value >= self.bound


def best_peer(results: Results, scenario: str, *, only_slow: bool = False) -> str | None:
    """The peer with the highest median rate, or the best of the slow ones."""
    labels = [
        peer.label(on_disk=on_disk)
        for peer in PEERS
        for on_disk in (False, True)
        if peer.is_slow or not only_slow
    ]
    medians = {label: median for label in labels if (median := results.median_rate(scenario, label))}
    return max(medians, key=lambda label: medians[label], default=None)


def against_best_slow_peer(scenario: str) -> Measure:
    """Headwater's rate against that of the best of the peers that only a run of everything asks."""

    def measured(results: Results) -> Measured | None:
        best = best_peer(results, scenario, only_slow=True)
        return against(scenario, best)(results) if best else None

    return measured


def against(scenario: str, other: str, ours: str = OURS) -> Measure:
    """Headwater's rate against that of one other server."""
    return rates(scenario, ours, scenario, other)


def rates(scenario: str, server: str, other_scenario: str, other: str) -> Measure:
    """One median rate against another."""

    def measured(results: Results) -> Measured | None:
        rate, other_rate = results.median_rate(scenario, server), results.median_rate(other_scenario, other)
        if not rate or not other_rate:
            return None
        failed = results.failed_rounds_of(scenario, server) + results.failed_rounds_of(other_scenario, other)
        note = f"{rate:,.0f} against {other_rate:,.0f}, {other}"
        return Measured(rate / other_rate, f"{note}; {failed} rounds with errors" if failed else note)

    return measured


def cpu(scenario: str, other_scenario: str) -> Measure:
    """Headwater's CPU time for a request against that in another scenario."""

    def measured(results: Results) -> Measured | None:
        ours, other = results.median_cpu_us(scenario, OURS), results.median_cpu_us(other_scenario, OURS)
        return Measured(ours / other, f"{ours:,.0f} against {other:,.0f} µs") if ours and other else None

    return measured


def full_against_empty(scenario: str) -> Measure:
    """Headwater's rate with a full stream against its rate with an empty one."""

    def measured(results: Results) -> Measured | None:
        full = results.median_figure(f"full_{scenario}", OURS)
        empty = results.median_figure(f"empty_{scenario}", OURS)
        return Measured(full / empty, f"{full:,.0f} against {empty:,.0f}") if full and empty else None

    return measured


def figures(name: str, other_name: str, server: str = OURS, other: str = OURS) -> Measure:
    """The median of one figure against that of another."""

    def measured(results: Results) -> Measured | None:
        value, other_value = results.median_figure(name, server), results.median_figure(other_name, other)
        if not value or not other_value:
            return None
        return Measured(value / other_value, f"{value:,.1f} against {other_value:,.1f}")

    return measured


def figure(name: str, server: str = OURS) -> Measure:
    """The median of a figure."""

    def measured(results: Results) -> Measured | None:
        value = results.median_figure(name, server)
        return None if value is None else Measured(value)

    return measured


def cpu_against_earlier(scenario: str) -> Measure:
    """Headwater's CPU time for a request against that of an earlier one."""

    def measured(results: Results) -> Measured | None:
        ours = results.median_cpu_us(scenario, OURS)
        before = results.median_cpu_us(scenario, earlier_label(results))
        return Measured(ours / before, f"{ours:,.0f} against {before:,.0f} µs") if ours and before else None

    return measured


def rate_against_earlier(scenario: str) -> Measure:
    """Headwater's rate against that of an earlier one."""

    def measured(results: Results) -> Measured | None:
        return against(scenario, earlier_label(results))(results)

    return measured


def figure_against_earlier(name: str, unit: str) -> Measure:
    """Headwater's figure against that of an earlier one."""

    def measured(results: Results) -> Measured | None:
        ours, before = results.median_figure(name, OURS), results.median_figure(name, earlier_label(results))
        return (
            Measured(ours / before, f"{ours:,.1f} against {before:,.1f} {unit}") if ours and before else None
        )

    return measured


def worst_against_earlier(besides: tuple[str, ...]) -> Measure:
    """The least of all rates against those of an earlier Headwater, `besides` those that have a row."""

    def measured(results: Results) -> Measured | None:
        before = earlier_label(results)
        ratios = [
            (rate / other, scenario.title)
            for scenario in SCENARIOS
            if scenario.name not in besides
            for ending in ("", " on disk")
            if (rate := results.median_rate(scenario.name, OURS + ending))
            and (other := results.median_rate(scenario.name, before + ending))
        ]
        return Measured(*min(ratios)) if ratios else None

    return measured


def earlier_label(results: Results) -> str:
    """What the earlier Headwater of a run is called; empty without one."""
    return next((name for name in results.versions if name.startswith(EARLIER_PREFIX)), "")


def filled_memory(results: Results) -> Measured | None:
    """What Headwater holds with the most records."""
    return _memory(results, "filled")


def memory_when_answered(what: str) -> Measure:
    """What Headwater holds with many connections, if it then answered all of them."""

    def measured(results: Results) -> Measured | None:
        return _memory(results, what) if results.figures_of(f"{what}_answered", OURS) else None

    return measured


def _memory(results: Results, when: str) -> Measured | None:
    rss, pss, anonymous = (
        results.figures_of(f"{when}_{kind}_mib", OURS) for kind in ("rss", "pss", "anonymous")
    )
    if not rss:
        return None
    return Measured(rss[-1].value, f"PSS {pss[-1].value:,.0f}, anonymous {anonymous[-1].value:,.0f}")


def best_other_client(results: Results, name: str) -> float | None:
    """The highest median of a figure among the client libraries that are not ours."""
    labels = {
        figure.server for figure in results.figures if figure.name == name and not is_ours(figure.server)
    }
    return max((results.median_figure(name, label) or 0 for label in labels), default=None)


def client_against_best_other(name: str) -> Measure:
    """Our client library's figure against that of the best other."""

    def measured(results: Results) -> Measured | None:
        rate, other = results.median_figure(name, OURS), best_other_client(results, name)
        return Measured(rate / other, f"{rate:,.0f} against {other:,.0f}") if rate and other else None

    return measured


RUST = FERROKINESIS.name
RUST_ON_DISK = FERROKINESIS.label(on_disk=True)


def _usual(title: str, bound: float, measured: Measure, *, less_is_better: bool = False) -> Target:
    return Target(title, bound, "x", measured, less_is_better=less_is_better, is_usual=True)


def _at_most(title: str, bound: float, measured: Measure) -> Target:
    return _usual(title, bound, measured, less_is_better=True)


USUAL_TARGETS = (
    _at_most(
        "PutRecord 100 B on HTTP/2, 16 connections, CPU a request, against the earlier one",
        0.15,
        cpu_against_earlier("h2load_put_record_http2"),
    ),
    _at_most(
        "The same, against HTTP/1.1",
        1.8,
        cpu("h2load_put_record_http2", "h2load_put_record_http1"),
    ),
    _usual(
        "PutRecord on HTTP/2, 1 connection of 32 streams, rate, against the earlier one",
        6,
        rate_against_earlier("h2load_put_record_streams"),
    ),
    _at_most(
        "PutRecords 500 x 100 B on HTTP/2, CPU a request, against HTTP/1.1",
        1.15,
        cpu("h2load_put_records_http2", "h2load_put_records_http1"),
    ),
    _at_most(
        "PutRecords 500 x 100 B in CBOR, CPU a request, against JSON",
        1.2,
        cpu("put_records_100b_cbor", "put_records_100b"),
    ),
    _at_most(
        "GetRecords 10,000 x 100 B in CBOR, CPU a request, against JSON",
        1.5,
        cpu("get_records_100b_cbor", "get_records_100b"),
    ),
    _at_most(
        "The same by the first reader", 1.5, cpu("get_records_100b_first_cbor", "get_records_100b_first")
    ),
    _at_most(
        "PutRecord 100 B on HTTP/1.1, 16 connections, CPU a request, against the earlier one",
        0.65,
        cpu_against_earlier("put_record_16"),
    ),
    *(
        _usual(
            f"PutRecord 100 B on HTTP/1.1, one core, {connections} connections, rate, against {RUST}",
            bound,
            against(f"one_core_put_record_{connections}", RUST),
        )
        for connections, bound in ((1, 0.8), (16, 1.0), (64, 1.3))
    ),
    _usual(f"PutRecords 500 x 100 B, against {RUST}", 4, against("put_records_100b", RUST)),
    _usual(f"PutRecords 100 x 10 KB, against {RUST}", 2.5, against("put_records_10kb", RUST)),
    _usual(f"GetRecords 10,000 x 100 B, against {RUST}", 6, against("get_records_100b", RUST)),
    _usual("The same by the first reader", 6, against("get_records_100b_first", RUST)),
    _usual(f"GetRecords 1,000 x 10 KB, against {RUST}", 3, against("get_records_10kb", RUST)),
    _usual(
        f"PutRecord on disk and synced, 64 connections, against {RUST} on disk and synced",
        30,
        against("durable_put_record", RUST_ON_DISK, OURS_ON_DISK),
    ),
    _usual(
        "PutRecords 500 x 100 B, likewise",
        20,
        against("durable_put_records", RUST_ON_DISK, OURS_ON_DISK),
    ),
    _at_most("Start to first answer, against the earlier one", 0.5, figure_against_earlier("start_ms", "ms")),
    _at_most("Idle memory (RSS), likewise", 0.8, figure_against_earlier("idle_rss_mib", "MiB")),
    _at_most(
        "SDK for JavaScript, 100 puts in flight, server's CPU a put, against the earlier one",
        0.25,
        figure_against_earlier(figure_name("javascript", "put", "cpu_us"), "µs"),
    ),
    _at_most(
        "Fan-out to Java on HTTP/2, 4 shards, 5,000 records/s, server's CPU a record, likewise",
        0.5,
        figure_against_earlier(figure_name("java", "fanout", "cpu_us"), "µs"),
    ),
    _usual(
        "The least of all other rates, against the earlier one",
        1.0,
        worst_against_earlier(besides=("h2load_put_record_streams",)),
    ),
)

TARGETS = (
    *USUAL_TARGETS,
    Target(
        "PutRecord 100 B, 16 connections, against the best of the slow peers",
        5,
        "x",
        against_best_slow_peer("put_record_16"),
    ),
    Target("The same, against nginx's constant answer", 0.5, "x", against("put_record_16", NGINX.name)),
    Target(
        "PutRecords 500 x 100 B, against the best of the slow peers",
        6,
        "x",
        against_best_slow_peer("put_records_100b"),
    ),
    Target(
        "PutRecords 100 x 10 KB, against the best of the slow peers",
        4,
        "x",
        against_best_slow_peer("put_records_10kb"),
    ),
    Target(
        "GetRecords 10,000 x 100 B, against the best of the slow peers",
        4,
        "x",
        against_best_slow_peer("get_records_100b"),
    ),
    Target(
        "GetRecords 1,000 x 10 KB, against the best of the slow peers",
        8,
        "x",
        against_best_slow_peer("get_records_10kb"),
    ),
    Target(
        "PutRecord on disk and synced, 64 connections, against kinesalite on LevelDB, not synced",
        3,
        "x",
        against("durable_put_record", KINESALITE.label(on_disk=True), OURS_ON_DISK),
    ),
    Target(
        "PutRecords 500 x 100 B on disk and synced, against kinesalite on LevelDB, not synced",
        8,
        "x",
        against("durable_put_records", KINESALITE.label(on_disk=True), OURS_ON_DISK),
    ),
    Target(
        "PutRecord with 5 million records held, against an empty stream",
        0.9,
        "x",
        full_against_empty("put_record_16"),
    ),
    Target("PutRecords with the same, likewise", 0.9, "x", full_against_empty("put_records_100b")),
    Target(
        "Queues: receive 10 and acknowledge 10, 16 workers, against ElasticMQ",
        3,
        "x",
        figures("queue_work_rate", "queue_work_rate", other=ELASTICMQ.name),
    ),
    Target(
        "Queues: the same on disk, against ElasticMQ in memory",
        1,
        "x",
        figures("queue_work_rate", "queue_work_rate", OURS_ON_DISK, ELASTICMQ.name),
    ),
    Target(
        "Queues: put to receive of a waiting worker, median, against the fan-out push",
        1.5,
        "x",
        figures("queue_receive_ms_p50", "queue_push_ms_p50"),
        less_is_better=True,
    ),
    Target(
        "Queues: rate with 5 million records waiting, against 10,000",
        0.9,
        "x",
        figures("queue_many_waiting_rate", "queue_few_waiting_rate"),
    ),
    Target(
        "Queues: memory of one with 5 million records waiting",
        20,
        "MiB",
        figure("queue_many_waiting_more_mib"),
        less_is_better=True,
    ),
    Target(
        "Queues: CPU of a server with 1,000 idle ones, against one without",
        1.1,
        "x",
        figures("queue_idle_cpu_ms_s", "queue_idle_alone_cpu_ms_s"),
        less_is_better=True,
    ),
    Target(
        "Queues: memory of the same, more than without",
        30,
        "MiB",
        figure("queue_idle_more_mib"),
        less_is_better=True,
    ),
    Target(
        "PutRecord to a stream of 1,000 shards, against 4 shards",
        0.9,
        "x",
        rates("put_record_1000_shards", OURS, "put_record_16", OURS),
    ),
    Target("Memory (RSS) after 5 million records of 100 B", 200, "MiB", filled_memory, less_is_better=True),
    Target(
        "Start with 5 million records on disk",
        500,
        "ms",
        figure("restart_ms", OURS_ON_DISK),
        less_is_better=True,
    ),
    Target(
        "Put to pushed event at 1,000 records/s, p50", 2, "ms", figure("push_ms_p50"), less_is_better=True
    ),
    Target("The same, p99", 10, "ms", figure("push_ms_p99"), less_is_better=True),
    Target(
        "The same with boto3 at both ends, p50", 2, "ms", figure("push_boto3_ms_p50"), less_is_better=True
    ),
    Target("The same, p99", 10, "ms", figure("push_boto3_ms_p99"), less_is_better=True),
    Target(
        "Producer of the client library, against the best other",
        3,
        "x",
        client_against_best_other("client_put_rate"),
    ),
    Target("Consumer, likewise", 3, "x", client_against_best_other("client_consume_rate")),
    Target(
        f"Memory (RSS) with {SUBSCRIPTIONS:,} subscriptions open, all served",
        400,
        "MiB",
        memory_when_answered("subscriptions"),
        less_is_better=True,
    ),
    Target(
        f"Memory (RSS) with {IDLE_CONNECTIONS:,} connections open, all answered",
        400,
        "MiB",
        memory_when_answered("connections"),
        less_is_better=True,
    ),
)
