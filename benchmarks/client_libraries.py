"""Client libraries side by side: ours and others put and consume at the same server, in turn.

Each is a program of its own (`client_program`), run on the Python of its environment. It works for some
seconds on a stream of four shards: rate is what it did in that time, until the last record was in the
stream or in the application's hands; CPU is that of all its processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import HERE, Bench
from benchmarks.installing import NotInstalled, install
from benchmarks.kinesis import CallFailed
from benchmarks.results import Figure
from benchmarks.server_process import ServerProcess
from benchmarks.servers import Server

SHARDS = 4
RECORD_BYTES = 100
CALL_RECORDS = 500
FILLED_RECORDS = 1_000_000
"""What a consumer finds."""
WORK_TIMEOUT_S = 120.0
END_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Library:
    """One row."""

    name: str
    package: str = ""
    """Of PyPI, installed into an environment of its own; empty: it is this package."""
    package_manager: str = "pip"
    consumes: bool = True

    def install(self, folder: Path) -> tuple[str, str]:
        """Its name with its version, and the interpreter that has it. Raises CallFailed."""
        if not self.package:
            return self.name, sys.executable
        try:
            version = install(self.package_manager, folder, self.package)
        except NotInstalled as error:
            raise CallFailed(str(error)) from error
        return f"{self.name} {version}", str(folder / "bin" / "python")


LIBRARIES = (
    Library("headwater"),
    Library("headwater-asyncio"),
    Library("headwater-aggregated", consumes=False),
    Library("async-kinesis", package="async-kinesis", package_manager="pip with uvloop"),
    Library("kinesis-python", package="kinesis-python", package_manager="old pip"),
)


def is_ours(label: str) -> bool:
    """Whether a label of the results is of one of our own."""
    return label.startswith("headwater")


def compare(library: Library, bench: Bench, server: Server) -> Iterator[Figure]:
    """It puts, and then it consumes, if it can."""
    label, python = library.install(bench.scratch / "installed" / library.name)
    with bench.start(server) as process:
        process.kinesis.create_stream("put", SHARDS)
        yield from _measure(bench, process, library, label, [python, "put"])
        if library.consumes:
            _fill(process)
            yield from _measure(bench, process, library, label, [python, "consume"])


def _measure(
    bench: Bench, server: ServerProcess, library: Library, label: str, python_and_what: list[str]
) -> Iterator[Figure]:
    """Rate, and CPU for each record. The stream is named as what is done with it."""
    python, what = python_and_what
    url = f"http://127.0.0.1:{server.port}"
    # -I: modules beside the program are not looked for, one of which is named as the package of the others.
    command = [python, "-I", str(HERE / "client_program.py"), library.name, what, url, what]
    command += [str(2 * bench.seconds), str(RECORD_BYTES), str(FILLED_RECORDS)]
    variables = os.environ | {
        "AWS_ENDPOINT_URL_KINESIS": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    log = bench.folder("client") / f"{library.name}-{what}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=variables,
            text=True,
            start_new_session=True,
        ) as program,
    ):
        process = ServerProcess(server.port, program.pid, log.parent, 0)
        # Whoever hangs, with processes that hold its output open, has failed.
        watchdog = threading.Timer(WORK_TIMEOUT_S, _end, (program,))
        watchdog.start()
        try:
            _line(program, "begin", log)
            begin_cpu_s = process.cpu_s()
            _go_on(program)
            records, seconds = map(float, _line(program, "end", log))
            cpu_s = process.cpu_s() - begin_cpu_s
        finally:
            watchdog.cancel()
            _end(program)
    if not records:
        raise CallFailed(f"{library.name}: no record to {what}")
    yield Figure(f"client_{what}_rate", label, records / seconds)
    yield Figure(f"client_{what}_cpu_us", label, cpu_s / records * 1e6)


def _line(program: subprocess.Popen[str], word: str, log: Path) -> list[str]:
    """What a program says after a word; other lines are its own."""
    assert program.stdout is not None
    for line in program.stdout:
        first, *rest = line.split() or [""]
        if first == word:
            return rest
    raise CallFailed(f"{log.stem}: {log.read_text(errors='replace').strip()[-300:]}")


def _go_on(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()


def _end(program: subprocess.Popen[str]) -> None:
    """End it, and all processes that it has started: they are its session."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        # The processes that it has started may live on when it has ended itself.
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(program.pid, sent)
            program.wait(END_TIMEOUT_S)


def _fill(server: ServerProcess) -> None:
    """Put what there is to consume."""
    server.kinesis.create_stream("consume", SHARDS)
    data = b64encode(b"x" * RECORD_BYTES).decode()
    records = [{"Data": data, "PartitionKey": f"key-{number}"} for number in range(CALL_RECORDS)]
    body = json.dumps({"StreamName": "consume", "Records": records})
    for _ in range(FILLED_RECORDS // CALL_RECORDS):
        server.kinesis.send("PutRecords", body)
