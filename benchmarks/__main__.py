"""Headwater against its peers, and against what the machine can do: `make bench`, `python -m benchmarks`.

Installs the peers into a scratch folder, starts each server in turn, and drives it with wrk, h2load and
SDKs. All that was measured is kept there as JSON; the report is made of that, now or later.

A usual run measures what has a target, next to the fastest peer and, `--against` a commit, to what
Headwater was then. With `--whole` it is everything, with slower peers, for an hour or more. Only a run that
is no shorter than that replaces RESULTS.md, or WHOLE.md. A smaller one has its report in the scratch folder.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shlex
import signal
import sys
from pathlib import Path

from benchmarks import machine, rates, report
from benchmarks.bench import HERE, Bench, say
from benchmarks.h2load import H2loadFailed
from benchmarks.h2load import check_installed as check_h2load
from benchmarks.installing import NotInstalled, install_sources
from benchmarks.measurements import MEASUREMENTS, Measurement
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import HEADWATER, SERVERS, Role, Server, earlier
from benchmarks.wrk import WrkFailed, check_installed

ROUNDS, SECONDS, RECORDS_HELD = 3, 2, 5_000_000
"""What RESULTS.md is made of, at least."""
SCRATCH = HERE / ".scratch"
COMPLETE, PARTIAL = "complete.json", "partial.json"


def main() -> None:
    """Measure, or take what was measured, and write the report."""
    options = read_options()
    if options.report:
        results = Results.load(options.report)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped, too
        results = measure(options)
    for title, wanted, *found in report.target_rows(results):
        print(f"{title}: {wanted}; {' '.join(found)}")
    name = "WHOLE.md" if results.is_whole else "RESULTS.md"
    output = options.output or (HERE if results.is_complete else options.scratch) / name
    report.write(results, output)
    say(f"the report is {output}")


def read_options() -> argparse.Namespace:
    """The command line."""
    measured: list[Scenario | Measurement] = [*SCENARIOS, *MEASUREMENTS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Headwater against its peers, and against what the machine can do.",
        epilog="What can be measured: " + ", ".join(row.name for row in measured) + ".",
    )
    peers = ", ".join(server.name for server in SERVERS if server.role is Role.PEER)
    add = parser.add_argument
    add("--rounds", type=int, default=ROUNDS)
    add("--seconds", type=int, default=SECONDS, help="how long a load lasts, each time")
    add("--records-held", type=int, default=RECORDS_HELD, metavar="COUNT", help="by a stream that is full")
    add("--only", action="append", metavar="NAME", help="this, and what is named NAME_…; may repeat")
    add("--peers", metavar="NAME,…", help=f"only these of {peers}; may be empty")
    add("--against", metavar="COMMIT", help="what Headwater was at this commit takes part")
    add("--whole", action="store_true", help="everything, with slower peers, for an hour")
    add("--headwater", metavar="COMMAND", help="in place of these sources, installed as users do")
    add("--scratch", type=Path, default=SCRATCH, metavar="DIR", help="for the peers and all files")
    add(
        "--report", type=Path, metavar="FILE", help=f"measure nothing: report what is kept in this {COMPLETE}"
    )
    add("--output", type=Path, metavar="FILE", help="the report; its plot goes beside it")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> Results:
    """Measure what is wanted."""
    try:
        wrk_version = check_installed()
    except WrkFailed as error:
        sys.exit(str(error))
    scratch = options.scratch.resolve()
    bench = Bench(
        scratch,
        options.headwater or _installed(scratch),
        options.rounds,
        options.seconds,
        options.records_held,
    )
    wanted = [row for row in SCENARIOS if is_wanted(row, options)]
    versions, left_out = bench.install(wanted_servers(options))
    if HEADWATER not in bench.servers:
        sys.exit(f"{HEADWATER.name}: {left_out[HEADWATER.name]}")
    results = Results(
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        rounds=bench.rounds,
        seconds=bench.seconds,
        machine=machine.describe(bench.folder(".")),
        versions=versions | {"wrk": wrk_version},
        left_out=left_out,
        is_whole=options.whole,
    )
    complete = is_complete(options)
    kept = scratch / (COMPLETE if complete else PARTIAL)
    try:
        results.versions["h2load"] = check_h2load()
    except H2loadFailed as error:
        results.left_out["HTTP/2"] = str(error)
        say(str(error))
        wanted = [row for row in wanted if row.transport is None]
    measure_rates(bench, results, wanted, kept)
    measure_figures(bench, results, [row for row in MEASUREMENTS if is_wanted(row, options)], kept)
    results.is_complete = complete
    results.save(kept)
    return results


def _installed(scratch: Path) -> str:
    """The command of these sources, installed anew. Ends the run where that fails."""
    say("installing headwater")
    try:
        return shlex.quote(str(install_sources(scratch / "installed" / "headwater", HERE.parent)))
    except NotInstalled as error:
        sys.exit(f"headwater: {error}")


def measure_rates(bench: Bench, results: Results, scenarios: list[Scenario], kept: Path) -> None:
    """Every scenario with every server, round after round."""
    for turn in range(bench.rounds):
        for scenario in scenarios:
            for server in bench.in_turn(turn):
                if scenario.is_for(server):
                    results.rates.append(rates.measure(bench, scenario, server, turn))
                    results.save(kept)


def measure_figures(bench: Bench, results: Results, measurements: list[Measurement], kept: Path) -> None:
    """Everything else, once or once a round."""
    for measurement in measurements:
        for turn in range(bench.rounds * measurement.times_a_round if measurement.in_rounds else 1):
            for server in bench.in_turn(turn):
                if measurement.is_for(server):
                    measure_one(bench, results, measurement, server)
                    results.save(kept)


def measure_one(bench: Bench, results: Results, measurement: Measurement, server: Server) -> None:
    """One measurement of one server; a failure is noted, and the bench goes on."""
    try:
        for figure in measurement.run(bench, server):
            held = f"{figure.held:,} held" if figure.held else ""
            say(f"{figure.name:28} {figure.server:22} {figure.value:12,.1f} {held}")
            results.figures.append(figure)
    except rates.FAILURES as error:
        results.left_out[f"{measurement.name} of {server.name}"] = str(error) or repr(error)
        say(f"{measurement.name} of {server.name} failed: {error!r}")


def is_wanted(row: Scenario | Measurement, options: argparse.Namespace) -> bool:
    """Whether a scenario or a measurement was asked for."""
    if options.only is None:
        return row.is_usual or options.whole
    return any(row.name == wanted or row.name.startswith(f"{wanted}_") for wanted in options.only)


def wanted_servers(options: argparse.Namespace) -> list[Server]:
    """The servers that were asked for; Headwater always is."""
    named = None if options.peers is None else options.peers.split(",")
    servers = [HEADWATER, *([earlier(options.against)] if options.against else [])]
    for server in SERVERS:
        is_usual = options.whole or not (server.is_slow or server.role is Role.LIMIT)
        if server is not HEADWATER and (is_usual if named is None else server.name in named):
            servers.append(server)
    return servers


def is_complete(options: argparse.Namespace) -> bool:
    """Whether the report may stand in the place of the last complete one."""
    at_least = (
        options.rounds >= ROUNDS and options.seconds >= SECONDS and options.records_held >= RECORDS_HELD
    )
    return at_least and options.only is None and options.peers is None


if __name__ == "__main__":
    main()
