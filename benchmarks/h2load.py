"""One run of h2load (Debian's nghttp2-client): the same load on HTTP/2 and HTTP/1.1, in clear text and TLS.

It sends one ready body again and again. What it tells is read from its report, which is text.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installing import version_in
from benchmarks.kinesis import HEADERS
from benchmarks.wrk import Outcome

MISSING = "h2load is not on PATH: install the package `nghttp2-client`"


class H2loadFailed(Exception):
    """h2load is absent, or has ended without a result."""


@dataclass(frozen=True)
class Transport:
    """How requests travel."""

    http2: bool
    streams: int = 1
    """Requests at once on each connection."""
    tls: bool = False


def drive(
    port: int, operation: str, body: Path, transport: Transport, connections: int, seconds: int
) -> Outcome:
    """Keep so many connections busy for so long, from one thread."""
    scheme = "https" if transport.tls else "http"
    command = ["h2load", "--clients", str(connections), "--duration", str(seconds)]
    command += ["--max-concurrent-streams", str(transport.streams)] if transport.http2 else ["--h1"]
    fields = HEADERS | {"X-Amz-Target": f"Kinesis_20131202.{operation}"}
    command += [part for name, value in fields.items() for part in ("--header", f"{name.lower()}: {value}")]
    command += ["--data", str(body), f"{scheme}://127.0.0.1:{port}/"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return read_report(run.stdout) if run.returncode == 0 else _fail(run.stdout + run.stderr)


def read_report(text: str) -> Outcome:
    """What h2load tells. Raises H2loadFailed."""
    seconds = re.search(r"^finished in ([0-9.]+)(ms|s),", text, re.MULTILINE)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    good = re.search(r"^status codes: (\d+) 2xx", text, re.MULTILINE)
    data = re.search(r"\((\d+)\) data$", text, re.MULTILINE)
    if not (seconds and counts and good and data):
        return _fail(text)
    answers = int(counts[1]) + int(counts[2])
    return Outcome(
        seconds=float(seconds[1]) / (1000 if seconds[2] == "ms" else 1),
        answers=answers,
        bytes=int(data[1]),
        not_200=max(answers - int(good[1]), 0),
        broken=int(counts[3]),
        timeouts=int(counts[4]),
    )


def check_installed() -> str:
    """The version of h2load. Raises H2loadFailed."""
    if shutil.which("h2load") is None:
        raise H2loadFailed(MISSING)
    return version_in(
        subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=False).stdout
    )


def _fail(text: str) -> Outcome:
    raise H2loadFailed(f"h2load: {text.strip()[-300:]}")
