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


def put_to_push(bench: Bench, server: Server) -> Iterator[Figure]:
    """Put to pushed event, with boto3, at 1,000 records/s."""
    with bench.start(server) as process:
        command = [sys.executable, str(HERE / "put_to_push.py"), "--json"]
        command += ["--endpoint-url", f"http://127.0.0.1:{process.port}"]
        command += ["--rate", str(RECORDS_S), "--seconds", str(WARM_UP_S + 2 * bench.seconds)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise CallFailed(f"put_to_push.py: {run.stderr.strip()[-300:]}")
    measured = json.loads(run.stdout)
    if measured["records_s"] < 0.95 * RECORDS_S:
        raise CallFailed(f"put_to_push.py: only {measured['records_s']:,.0f} records/s were put")
    yield Figure("push_ms_p50", server.name, measured["ms_p50"])
    yield Figure("push_ms_p99", server.name, measured["ms_p99"])
