"""One round of a scenario: a server that was just started, warmed up, driven by wrk or h2load.

An answer is looked into before wrk runs and after it, as wrk looks at none but their status and length.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.bench import Bench, say
from benchmarks.h2load import H2loadFailed
from benchmarks.kinesis import CALL_ERRORS, CallFailed
from benchmarks.load import Load
from benchmarks.results import Rate
from benchmarks.scenarios import Scenario
from benchmarks.server_process import ServerFailed, ServerProcess
from benchmarks.servers import Role, Server
from benchmarks.wrk import WrkFailed

FAILURES = (*CALL_ERRORS, ServerFailed, WrkFailed, H2loadFailed, ValueError, LookupError)
"""What comes of a server that does something wrong: it is noted, and the bench goes on."""


def measure(bench: Bench, scenario: Scenario, server: Server, turn: int) -> Rate:
    """One round of a scenario with one server."""
    label = server.label(on_disk=scenario.on_disk)
    data = bench.scratch / "data" if scenario.on_disk else None
    shutil.rmtree(bench.scratch / "data", ignore_errors=True)
    answer = bench.folder("answers") / f"{scenario.name}.json"
    try:
        options = ("--tls",) if scenario.transport and scenario.transport.tls else ()
        with bench.start(server, data, answer, options=options, on_one_core=scenario.on_one_core) as process:
            value, cpu_us, errors = _drive(bench, scenario, process, server.role, answer)
    except FAILURES as error:
        value, cpu_us, errors = 0.0, 0.0, str(error) or repr(error)
    shown = f"{value:14,.1f} {scenario.unit:10} {cpu_us:12,.1f} µs CPU a request {errors}"
    say(f"round {turn + 1}  {scenario.name:22} {label:22} {shown}")
    return Rate(scenario.name, label, turn, value, cpu_us, errors)


def _drive(
    bench: Bench, scenario: Scenario, process: ServerProcess, role: Role, answer: Path
) -> tuple[float, float, str]:
    """The rate, the server's CPU time for a request, and what went wrong."""
    make_ready = Load.attach if role is Role.LIMIT else Load.prepare
    load = make_ready(bench, scenario, process)
    if role is Role.OURS:
        answer.write_bytes(load.check())  # for nginx, whose turn comes later
    load.warm_up()
    before_s = process.cpu_s()
    outcome = load.drive(bench.seconds)
    cpu_us = (process.cpu_s() - before_s) * 1e6
    load.check()
    if not outcome.answers:
        raise CallFailed(f"no answer within {outcome.seconds:.1f} s")
    return load.rate(outcome), cpu_us / outcome.answers, load.errors(outcome)
