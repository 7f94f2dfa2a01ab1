"""From put to push, as `put_to_push.py` measures it, at a server that the bench has started."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.bench import HERE, Bench
from benchmarks.kinesis import CallFailed
from benchmarks.results import Figure
from benchmarks.servers import Server

RECORDS_S = 1000
WARM_UP_S = 2
"""That the script does not count."""
FIGURES = {"sockets": "push", "boto3": "push_boto3"}
"""The clients, and what their figures are called: one shows the server, the other what an SDK's user gets."""


def put_to_push(bench: Bench, server: Server) -> Iterator[Figure]:
    """Put to pushed event at 1,000 records/s, without an SDK and with boto3."""
    for client, figure in FIGURES.items():
        measured = push_latency(bench, server, client)
        yield Figure(f"{figure}_ms_p50", server.name, measured["ms_p50"])
        yield Figure(f"{figure}_ms_p99", server.name, measured["ms_p99"])


def push_latency(bench: Bench, server: Server, client: str) -> dict[str, float]:
    """The percentiles of one client. Raises CallFailed."""
    with bench.start(server) as process:
        command = [sys.executable, str(HERE / "put_to_push.py"), "--json", "--client", client]
        command += ["--endpoint-url", f"http://127.0.0.1:{process.port}"]
        command += ["--rate", str(RECORDS_S), "--seconds", str(WARM_UP_S + 2 * bench.seconds)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise CallFailed(f"put_to_push.py: {run.stderr.strip()[-300:]}")
    measured: dict[str, float] = json.loads(run.stdout)
    if measured["records_s"] < 0.95 * RECORDS_S:
        raise CallFailed(f"put_to_push.py: only {measured['records_s']:,.0f} records/s were put")
    return measured
