"""RESULTS.md, or WHOLE.md, made of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks import plot
from benchmarks.filling import PEER_LIMIT_S
from benchmarks.results import Figure, Results
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import NGINX, SERVERS
from benchmarks.targets import TARGETS, Target, best_other_client, best_peer, earlier_label

HELD = (0, 100_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
"""Where the table reads the curve of a stream that fills."""
MEMORY = {
    "idle": "nothing to do",
    "filled": "{count} records",
    "connections": "{count} idle connections",
    "subscriptions": "{count} subscriptions",
}
"""The occasions on which memory is measured, by the beginning of the figures' names."""

BEGINNING = """\
# Results

Measured on {date} by `make bench`: {rounds} rounds of {seconds} s for each rate, over loopback, with
the load on the same machine. Each server is started anew for each of them, and a round visits every server
in turn. What is measured how: [scenarios.py](scenarios.py), [measurements.py](measurements.py).
Everything, slower peers and client libraries among it, is in [WHOLE.md](WHOLE.md), which is made less often.
"""

ABOUT_RATES = """\
KB and MB are 1,000 and 1,000,000 bytes of the records' data, before base64. The ratios are of medians.
nginx answers the same requests with a constant, which is Headwater's first answer: that is what the
machine, the network and wrk leave to any server. CPU is what the server takes for one request, user
and system. A round with an error has no rate; the error is shown.
"""

ABOUT_CLIENTS = """\
Records of 100 B in a stream of 4 shards at Headwater, which runs on the same machine; medians. CPU is what
a library takes for one record, in all its processes. The others run without the limits that they keep for
each shard; kinesis-python runs on the last Python that it knows. What is measured how:
[client_libraries.py](client_libraries.py).
"""

ABOUT_TARGETS = """\
The earlier one is Headwater at the commit that the run was told (`--against`). On disk both Headwater and
ferrokinesis answer a put when it is synced: ferrokinesis syncs for each call, Headwater once for all that
came meanwhile. With one core the server has the machine's first to itself, as far as the load leaves it.
What a single put is made of: [PUT.md](PUT.md); what is left of other targets: [FLOORS.md](FLOORS.md).
"""
NOT_MEASURED = "not measured"

ABOUT_SDKS = """\
Real SDKs with their defaults, as programs use them: JavaScript puts 100 records at once, both put batches
of 500 (4 at once) and read 4 shards; Java is pushed 5,000 records/s of 4 shards while it puts them. Rates
are calls, pushed records with fanout; CPU is the server's, for one of them. What is done how:
[sdk_clients.py](sdk_clients.py).
"""

CLIENT_RATES = ("client_put_rate", "client_consume_rate")

ABOUT_MEMORY = """\
RSS and PSS count pages of mapped files, too, which the kernel takes back when it needs them; anonymous
memory is what the server holds for itself.
"""

ABOUT_FILLING = """\
Records/s of PutRecords 500 x 100 B, in the first moments in which the stream held as many. Headwater
is filled to the end, a peer for {limit_s:.0f} s.
"""


def labels_of(results: Results) -> list[str]:
    """All labels that servers of the run can have, in the order of the tables."""
    ours, *others = (server.name for server in SERVERS if server is not NGINX)
    before = earlier_label(results)
    names = [ours, *([before] if before else []), *others]
    return [*names, *(f"{name} on disk" for name in names), NGINX.name]


def write(results: Results, path: Path) -> None:
    """The report, and its plot beside it."""
    drawing = path.with_suffix(".svg")
    plot.draw(results, drawing)
    parts = [
        BEGINNING.format(date=results.date, rounds=results.rounds, seconds=results.seconds),
        table(("machine", ""), results.machine.items()),
        table(("server", "version"), results.versions.items()),
        table(("left out", "why"), results.left_out.items()),
        "## Targets\n",
        ABOUT_TARGETS,
        table(("target", "wanted", "measured", "met", ""), target_rows(results)),
        "## Rates\n",
        f"![Ratios to the best peer, and rates as a stream fills]({drawing.name})\n",
        ABOUT_RATES,
        table(
            (
                "scenario",
                "server",
                "min",
                "median",
                "max",
                "unit",
                "of the best peer",
                "of nginx",
                "CPU µs",
                "",
            ),
            [
                rate_row(results, scenario, server)
                for scenario in SCENARIOS
                for server in labels_of(results)
                if results.rates_or_errors_of(scenario.name, server)
            ],
        ),
        sdk_section(results),
        client_section(results),
        "## Start\n",
        "Milliseconds until the first answer: min / median / max.\n",
        table(("server", "empty", "with records", "records"), start_rows(results)),
        "## Memory and disk\n",
        ABOUT_MEMORY,
        table(
            ("server", "with", "RSS MiB", "PSS MiB", "anonymous MiB", "disk MiB"),
            [row for when, what in MEMORY.items() for row in memory_rows(results, when, what)],
        ),
        filling_section(results),
    ]
    path.write_text("\n".join(part for part in parts if part))


def sdk_section(results: Results) -> str:
    """What the calls of real SDKs take of the server; nothing when none was measured."""
    names = dict.fromkeys(
        figure.name.removesuffix("_rate")
        for figure in results.figures
        if figure.name.startswith("sdk_") and figure.name.endswith("_rate")
    )
    rows = [
        [name.removeprefix("sdk_").replace("_", ": "), label, f"{rate:,.0f}", f"{cpu_us:,.0f}"]
        for name in names
        for label in labels_of(results)
        if (rate := results.median_figure(f"{name}_rate", label))
        and (cpu_us := results.median_figure(f"{name}_cpu_us", label))
    ]
    heads = ("SDK", "server", "rate", "server's CPU µs")
    return "\n".join(("## SDKs\n", ABOUT_SDKS, table(heads, rows))) if rows else ""


def client_section(results: Results) -> str:
    """What each client library does, against the best that is not ours; nothing when none was measured."""
    labels = list(dict.fromkeys(figure.server for figure in results.figures if figure.name in CLIENT_RATES))
    if not labels:
        return ""
    heads = ("library", "put records/s", "CPU µs", "of the best other", "consumed records/s", "CPU µs")
    rows = [client_row(results, label) for label in labels]
    return "\n".join(("## Client libraries\n", ABOUT_CLIENTS, table((*heads, "of the best other"), rows)))


def client_row(results: Results, label: str) -> list[str]:
    """One library: medians of its rounds."""
    cells = [label]
    for name in CLIENT_RATES:
        rate = results.median_figure(name, label)
        cpu_us = results.median_figure(name.replace("rate", "cpu_us"), label)
        if rate is None or cpu_us is None:
            cells += ["", "", ""]
        else:
            cells += [f"{rate:,.0f}", f"{cpu_us:,.1f}", ratio(rate, best_other_client(results, name))]
    return cells


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; nothing without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), *lines, ""]) if lines else ""


def target_rows(results: Results) -> list[list[str]]:
    """The targets of the run: what a usual run measures, and else what was measured."""
    rows = [(target, target_row(target, results)) for target in TARGETS]
    return [row for target, row in rows if target.is_usual or row[2] != NOT_MEASURED]


def target_row(target: Target, results: Results) -> list[str]:
    """A target, and what came of it."""
    wanted = f"{'at most' if target.less_is_better else 'at least'} {target.bound:g} {target.unit}"
    measured = target.measured(results)
    if measured is None:
        return [target.title, wanted, NOT_MEASURED, "", ""]
    met = "yes" if target.is_met(measured.value) else "**no**"
    return [target.title, wanted, f"{measured.value:.3g} {target.unit}", met, measured.note]


def rate_row(results: Results, scenario: Scenario, server: str) -> list[str]:
    """One server's rounds of one scenario."""
    rounds = results.rates_or_errors_of(scenario.name, server)
    good = results.rates_of(scenario.name, server)
    errors = " / ".join(sorted({rate.errors for rate in rounds if rate.errors})).replace("|", "¦")
    failed = results.failed_rounds_of(scenario.name, server)
    note = f"{failed} of {len(rounds)} rounds: {errors}" if errors else ""
    if not good:
        return [scenario.title, server, "", "", "", scenario.unit, "", "", "", note]
    values = [rate.value for rate in good]
    median = statistics.median(values)
    return [
        scenario.title,
        server,
        *(
            f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
            for value in (min(values), median, max(values))
        ),
        scenario.unit,
        ratio(median, results.median_rate(scenario.name, best_peer(results, scenario.name) or "")),
        ratio(median, results.median_rate(scenario.name, NGINX.name)),
        f"{statistics.median(rate.cpu_us for rate in good):,.0f}",
        note,
    ]


def ratio(value: float, of: float | None) -> str:
    """With two digits that count; empty when there is nothing to compare with."""
    if not of:
        return ""
    return f"{value / of:.0f}" if value / of >= 10 else f"{value / of:.2g}"


def start_rows(results: Results) -> Iterator[list[str]]:
    """How long each server took to start, without records and with them."""
    for server in labels_of(results):
        empty, full = results.figures_of("start_ms", server), results.figures_of("restart_ms", server)
        if empty or full:
            held = f"{full[0].held:,}" if full else ""
            yield [server, spread(empty), spread(full), held]


def spread(figures: list[Figure]) -> str:
    """Min / median / max."""
    values = [figure.value for figure in figures]
    return f"{min(values):,.0f} / {statistics.median(values):,.0f} / {max(values):,.0f}" if values else ""


def memory_rows(results: Results, when: str, what: str) -> Iterator[list[str]]:
    """What each server held at one occasion: the median, for as many of `what`."""
    for server in labels_of(results):
        for count in sorted({figure.held for figure in results.figures_of(f"{when}_rss_mib", server)}):
            cells = []
            for kind in ("rss", "pss", "anonymous", "disk"):
                figures = results.figures_of(f"{when}_{kind}_mib", server)
                values = [figure.value for figure in figures if figure.held == count]
                cells.append(f"{statistics.median(values):,.0f}" if values else "")
            yield [server, what.format(count=f"{count:,}"), *cells]


def filling_section(results: Results) -> str:
    """The curves; nothing when none was measured."""
    rows = list(filling_rows(results))
    heads = ("server", *(f"{held:,}" if held else "at first" for held in HELD))
    about = ABOUT_FILLING.format(limit_s=PEER_LIMIT_S)
    return "\n".join(("## As a stream fills\n", about, table(heads, rows))) if rows else ""


def filling_rows(results: Results) -> Iterator[list[str]]:
    """Where each server's curve passes the numbers of `HELD`."""
    for server in labels_of(results):
        curve = results.figures_of("fill_rate", server)
        if curve:
            passed = [next((point for point in curve if point.held >= held), None) for held in HELD]
            yield [server, *(f"{point.value:,.0f}" if point else "" for point in passed)]
