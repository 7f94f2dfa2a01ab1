"""What becomes of a server as its stream fills: rate, memory, disk, and the next start.

wrk fills the stream with PutRecords of 500 x 100 B in slices of a second or more, each a point of the
curve. Headwater is filled to the end; a peer for as long as is reasonable.

Then the full server and one that was just started are driven in turn: two rates that were measured
minutes apart would compare the machine's moods.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.kinesis import CallFailed
from benchmarks.load import Load
from benchmarks.results import Figure
from benchmarks.scenarios import GET, SCENARIOS, STREAM, Scenario
from benchmarks.server_process import TEMPORARY, ServerProcess, disk_mib
from benchmarks.servers import Role, Server
from benchmarks.starting import SETTLE_S, memory_figures

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
FILL = BY_NAME["put_records_100b"]
COMPARED = (BY_NAME["put_record_16"], FILL)
SLICE_S = {Role.OURS: 1, Role.PEER: 4}
"""Longer for peers, some of which take more than a second for a request."""
PEER_LIMIT_S = 20.0


def in_memory(bench: Bench, server: Server) -> Iterator[Figure]:
    """Fill a server as it starts by default; then compare Headwater with an empty one."""
    with bench.start(server) as process:
        yield from _fill(bench, server, process, process.folder / TEMPORARY, server.name)
        if server.role is Role.OURS:
            for _ in range(bench.rounds):
                for scenario in COMPARED:
                    yield from _empty_and_full(bench, server, process, scenario)


def on_disk(bench: Bench, server: Server) -> Iterator[Figure]:
    """Fill a server that keeps its records on disk; then start it again with them."""
    label = server.label(on_disk=True)
    data = bench.scratch / "data"
    shutil.rmtree(data, ignore_errors=True)
    held = 0
    with bench.start(server, data) as process:
        for figure in _fill(bench, server, process, data, label):
            held = figure.held
            yield figure
    for _ in range(bench.rounds):
        with bench.start(server, data) as process:
            _check_records(process)
            yield Figure("restart_ms", label, process.started_ms, held)
    shutil.rmtree(data, ignore_errors=True)


def _fill(
    bench: Bench, server: Server, process: ServerProcess, stored_in: Path, label: str
) -> Iterator[Figure]:
    load = Load.prepare(bench, FILL, process)
    load.warm_up()
    deadline = time.monotonic() + (PEER_LIMIT_S if server.role is Role.PEER else float("inf"))
    marks = [bench.records_held // 5, bench.records_held]
    held = 0
    while marks and time.monotonic() < deadline:
        outcome = load.drive_without_errors(SLICE_S[server.role])
        held += load.records_in(outcome)
        yield Figure("fill_rate", label, load.rate(outcome), held)
        if held >= marks[0]:
            marks.pop(0)
            yield from _usage(process, stored_in, label, held)
    if marks:
        yield from _usage(process, stored_in, label, held)


def _usage(process: ServerProcess, stored_in: Path, label: str, held: int) -> Iterator[Figure]:
    time.sleep(SETTLE_S)
    yield from memory_figures("filled", label, process.memory(), held)
    yield Figure("filled_disk_mib", label, disk_mib(stored_in), held)


def _empty_and_full(
    bench: Bench, server: Server, full: ServerProcess, scenario: Scenario
) -> Iterator[Figure]:
    with bench.start(server, beside=True) as empty:
        yield _rate(bench, "empty", server, Load.prepare(bench, scenario, empty))
    yield _rate(bench, "full", server, Load.attach(bench, scenario, full))


def _rate(bench: Bench, state: str, server: Server, load: Load) -> Figure:
    load.warm_up()
    outcome = load.drive_without_errors(bench.seconds)
    return Figure(f"{state}_{load.scenario.name}", server.name, load.rate(outcome))


def _check_records(process: ServerProcess) -> None:
    """The server that was started again has its records."""
    iterator = process.kinesis.first_iterator(STREAM)
    if not process.kinesis.call(GET, ShardIterator=iterator, Limit=1)["Records"]:
        raise CallFailed("no record is there after the restart")
