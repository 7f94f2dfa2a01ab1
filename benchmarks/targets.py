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
from benchmarks.servers import HEADWATER, KINESALITE, NGINX, SERVERS, Role

OURS = HEADWATER.name
OURS_ON_DISK = HEADWATER.label(on_disk=True)
PEERS = [
    server.label(on_disk=on_disk)
    for server in SERVERS
    for on_disk in (False, True)
    if server.role is Role.PEER
]


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

    def is_met(self, value: float) -> bool:
        """Whether a measured value is good enough."""
        return value <= self.bound if self.less_is_better else value >= self.bound


def best_peer(results: Results, scenario: str) -> str | None:
    """The peer with the highest median rate."""
    medians = {peer: results.median_rate(scenario, peer) for peer in PEERS}
    return max((peer for peer in PEERS if medians[peer]), key=lambda peer: medians[peer] or 0, default=None)


def against_best_peer(scenario: str) -> Measure:
    """Headwater's rate against that of the best peer."""

    def measured(results: Results) -> Measured | None:
        best = best_peer(results, scenario)
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


def figure(name: str, server: str = OURS) -> Measure:
    """The median of a figure."""

    def measured(results: Results) -> Measured | None:
        value = results.median_figure(name, server)
        return None if value is None else Measured(value)

    return measured


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


TARGETS = (
    Target(
        "PutRecord 100 B, 16 connections, against the best peer", 5, "x", against_best_peer("put_record_16")
    ),
    Target("The same, against nginx's constant answer", 0.5, "x", against("put_record_16", NGINX.name)),
    Target("PutRecords 500 x 100 B, against the best peer", 6, "x", against_best_peer("put_records_100b")),
    Target("PutRecords 100 x 10 KB, against the best peer", 4, "x", against_best_peer("put_records_10kb")),
    Target("GetRecords 10,000 x 100 B, against the best peer", 4, "x", against_best_peer("get_records_100b")),
    Target("GetRecords 1,000 x 10 KB, against the best peer", 8, "x", against_best_peer("get_records_10kb")),
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
        "PutRecord 100 B on HTTP/2, 16 connections, CPU against HTTP/1.1",
        1.8,
        "x",
        cpu("h2load_put_record_http2", "h2load_put_record_http1"),
        less_is_better=True,
    ),
    Target(
        "PutRecords 500 x 100 B on HTTP/2, CPU against HTTP/1.1",
        1.15,
        "x",
        cpu("h2load_put_records_http2", "h2load_put_records_http1"),
        less_is_better=True,
    ),
    Target(
        "PutRecord with 5 million records held, against an empty stream",
        0.9,
        "x",
        full_against_empty("put_record_16"),
    ),
    Target("PutRecords with the same, likewise", 0.9, "x", full_against_empty("put_records_100b")),
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
