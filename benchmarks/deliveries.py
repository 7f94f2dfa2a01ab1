"""What channels do in a second, what they need, and what the puts of others notice of it.

    python -m benchmarks.deliveries [--records N] [--rounds N] [--only gzip|puts|table]

- `gzip`: a backlog of 100 B records in JSON to the neighbouring S3 as GZIP, three times: records a second,
  and a second of CPU (all of the server's, with the neighbouring S3); the peak of anonymous memory, which is
  flat when it does not grow from time to time; what was delivered is deleted in between;
- `puts`: PutRecord of 100 B by 16 connections of wrk at two servers in turn, one that is idle and one that
  delivers such a backlog from another stream meanwhile;
- `table`: the same backlog to an Iceberg table as Parquet, and pyiceberg's own `append` of the same rows in
  batches of 1,000 to a table in local files, which has no server between.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.delivering import DATA_BYTES, DeliveringServer, MemoryPeak, delivering_server
from benchmarks.pyiceberg_append import append_rate
from benchmarks.wrk import drive

RECORDS = 1_000_000
REPETITIONS = 3
ROUNDS = 5
SLICE_S = 4
CONNECTIONS = 16
MOST_A_SECOND = 200_000
"""A backlog is to last for a slice."""
PEER_RECORDS = 100_000
"""pyiceberg's appends become slower with each snapshot: fewer of them are in its favour."""
STREAM = "puts"


def gzip_rate(count: int, folder: Path) -> None:
    with delivering_server(folder, "gzip") as server:
        for _ in range(REPETITIONS):
            rate(server, "GZIP", count)


def rate(server: DeliveringServer, kind: str, count: int) -> float:
    """Deliver a backlog, and say how that went; records a second."""
    backlog = server.backlog(kind, count)
    before_s = server.process.cpu_s()
    with MemoryPeak(server.process) as peak:
        took_s = backlog.deliver()
    cpu_s = server.process.cpu_s() - before_s
    print(
        f"{kind}: {count / took_s:,.0f} records/s, {count / cpu_s:,.0f} a second of CPU, "
        f"at most {peak.mib:.0f} MiB",
        flush=True,
    )
    backlog.forget()
    return count / took_s


class Puts(NamedTuple):
    """What wrk saw of PutRecord."""

    rate: float
    """A second."""
    of_loop: float
    """For a second of processor time of the server's event loop, whatever else the machine does."""


def puts(rounds: int, folder: Path) -> None:
    bodies = put_bodies(folder)
    with delivering_server(folder, "idle") as idle, delivering_server(folder, "delivering") as delivering:
        for server in (idle, delivering):
            server.make_stream(STREAM)
            put(server, bodies, 1)
        seen: list[tuple[float, float, float]] = []
        for turn in range(rounds):
            backlog = delivering.backlog("GZIP", MOST_A_SECOND * (SLICE_S + 1))
            alone = put(idle, bodies, SLICE_S) if turn % 2 else None
            backlog.begin()
            while not (before := backlog.read()):
                pass  # until its first pages are read
            beside = put(delivering, bodies, SLICE_S)
            read = (backlog.read() - before) / SLICE_S
            alone = alone or put(idle, bodies, SLICE_S)
            backlog.deliver()
            backlog.forget()
            seen.append((read, beside.rate / alone.rate, beside.of_loop / alone.of_loop))
            print(
                f"PutRecord: {beside.rate:,.0f}/s beside {read:,.0f} records/s delivered, "
                f"{alone.rate:,.0f}/s alone: {seen[-1][1]:.3f}; "
                f"for a second of the loop {beside.of_loop:,.0f} and {alone.of_loop:,.0f}: {seen[-1][2]:.3f}",
                flush=True,
            )
        read, by_clock, by_loop = (statistics.median(each) for each in zip(*seen, strict=True))
        print(
            f"PutRecord beside {read:,.0f} delivered records/s: {by_clock:.3f} of an idle server's rate, "
            f"{by_loop:.3f} for a second of the loop (medians of {rounds} rounds)"
        )


def put(server: DeliveringServer, bodies: Path, seconds: int) -> Puts:
    process, content_type = server.process, "application/x-amz-json-1.1"
    before_s = process.loop_s()
    outcome = drive(process.port, "PutRecord", bodies, content_type, CONNECTIONS, seconds)
    loop_s = process.loop_s() - before_s
    if outcome.not_200 or outcome.broken or outcome.timeouts:
        raise SystemExit(f"wrk met errors: {outcome}")
    return Puts(outcome.answers / outcome.seconds, outcome.answers / loop_s)


def put_bodies(folder: Path) -> Path:
    path = folder / "bodies"
    lines = [
        msgspec.json.encode(
            {"StreamName": STREAM, "Data": f"{number:0{DATA_BYTES}}".encode(), "PartitionKey": str(number)}
        ).decode()
        for number in range(256)
    ]
    path.write_text("".join(line + "\n" for line in lines))
    return path


def table_rate(count: int, folder: Path) -> None:
    with delivering_server(folder, "table") as server:
        ours = rate(server, "table", count)
    theirs = append_rate(PEER_RECORDS, folder / "local")
    print(f"pyiceberg's append, batches of 1,000: {theirs:,.0f} records/s; ours {ours / theirs:.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliveries")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=["gzip", "puts", "table"])
    asked = parser.parse_args()
    parts: dict[str, Callable[[Path], None]] = {
        "gzip": lambda folder: gzip_rate(asked.records, folder),
        "puts": lambda folder: puts(asked.rounds, folder),
        "table": lambda folder: table_rate(asked.records, folder),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, part in parts.items():
            if asked.only in (None, name):
                part(Path(folder))


if __name__ == "__main__":
    main()
