"""A server that is written to at full rate, and forgets as fast: does it grow? `python -m benchmarks.soak`.

A durable Headwater takes PutRecords of 500 x 100 B from many connections, and is read from its
oldest record on, while a test clock moves on so fast that records are beyond retention after a few
seconds. Once as much is forgotten as is put, neither memory nor the file may grow any more. The last
quarter of the run is compared with the second one: in the first the server fills.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median

from benchmarks.kinesis import CALL_ERRORS, CallFailed, Kinesis, ask
from benchmarks.server_process import ServerProcess, disk_mib, free_port, started

STREAM = "soak"
SHARDS = 4
WRITERS = 16
RECORDS = 500
RECORD_BYTES = 100
RETENTION_MS = 24 * 3600 * 1000
PAGES_PER_READER_TURN = 5
GROWTH_MAX = 0.10
SLACK_MIB = 8.0
"""What counts as flat: a tenth more, or as much as one large request leaves behind."""
MAPPED_MIB = 48.0
"""Pages of the file count as memory until its map is made anew; between this and nothing is all the same."""
SHARES_SHOWN = 10


@dataclass(frozen=True)
class Sample:
    """What was seen at one moment."""

    at_s: float
    records: int
    """Put so far."""
    rss_mib: float
    anonymous_mib: float
    file_mib: float


@dataclass(frozen=True)
class Verdict:
    """A figure in the second quarter and in the last one."""

    name: str
    before_mib: float
    after_mib: float
    slack_mib: float = SLACK_MIB

    @property
    def is_flat(self) -> bool:
        return self.after_mib <= max(self.before_mib * (1 + GROWTH_MAX), self.before_mib + self.slack_mib)

    def __str__(self) -> str:
        said = "flat" if self.is_flat else "GROWS"
        return f"{self.name:<10} {self.before_mib:9.1f} MiB -> {self.after_mib:9.1f} MiB  {said}"


class Traffic:
    """Everybody who talks to the server, until told to stop."""

    def __init__(self, kinesis: Kinesis) -> None:
        self._kinesis = kinesis
        self._over = threading.Event()
        self.faults: list[BaseException] = []
        self._put = [0] * WRITERS
        workers = [partial(self._write, at) for at in range(WRITERS)]
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,)) for work in (*workers, self._read)
        ]

    @property
    def records(self) -> int:
        return sum(self._put)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except CALL_ERRORS as fault:
            self.faults.append(fault)
            self._over.set()

    def _write(self, at: int) -> None:
        data = base64.b64encode(b"x" * RECORD_BYTES).decode()
        entries = [{"Data": data, "PartitionKey": f"{at}-{n}"} for n in range(RECORDS)]
        body = json.dumps({"StreamName": STREAM, "Records": entries})
        with closing(self._kinesis.connect()) as connection:
            while not self._over.is_set():
                failed = _answer(connection, "PutRecords", body).get("FailedRecordCount")
                if failed:
                    raise CallFailed(f"{failed} records failed")
                self._put[at] += RECORDS

    def _read(self) -> None:
        """Pages from the oldest record on: what is about to be forgotten is looked at, too."""
        while not self._over.is_set():
            iterator = self._kinesis.first_iterator(STREAM)
            with closing(self._kinesis.connect()) as connection:
                for _ in range(PAGES_PER_READER_TURN):
                    ask(connection, "GetRecords", json.dumps({"ShardIterator": iterator}))
                    answer = connection.getresponse()
                    page = json.loads(answer.read())
                    if answer.status != 200:  # the clock has moved on by more than an iterator lives
                        break
                    iterator = page["NextShardIterator"]


def main() -> int:
    """Run, print the figures, and say whether they are flat; 1 if not."""
    options = _options()
    folder = options.scratch.resolve() / "soak"
    port = free_port()
    command = [*shlex.split(options.headwater), "start", "--port", str(port), "--log-level", "error"]
    command += ["--data-dir", str(folder / "data"), "--test-clock"]
    with started(command, port, folder) as process:
        samples = _soak(process, folder / "data", options.seconds, options.held_s)
    shutil.rmtree(folder)
    _print_samples(samples)
    verdicts = verdicts_of(samples)
    print(*verdicts, sep="\n")
    return 0 if all(verdict.is_flat for verdict in verdicts) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=int, default=600)
    add("--held-s", type=float, default=5.0, metavar="SECONDS", help="how long a record is kept")
    add("--headwater", default=shlex.join([sys.executable, "-m", "headwater"]), metavar="COMMAND")
    add("--scratch", type=Path, default=Path(__file__).parent / ".scratch", metavar="DIR")
    return parser.parse_args()


def _soak(process: ServerProcess, data: Path, seconds: int, held_s: float) -> list[Sample]:
    """A sample each second."""
    process.kinesis.create_stream(STREAM, SHARDS)
    traffic = Traffic(process.kinesis)
    begin = time.monotonic()
    samples: list[Sample] = []
    traffic.start()
    try:
        while (at_s := time.monotonic() - begin) < seconds and not traffic.faults:
            memory = process.memory()
            size_mib = disk_mib(data)
            samples.append(Sample(at_s, traffic.records, memory.rss_mib, memory.anonymous_mib, size_mib))
            time.sleep(1)
            _move_clock(process.port, int(RETENTION_MS / held_s))
    finally:
        traffic.stop()
    if traffic.faults:
        raise traffic.faults[0]
    return samples


def _move_clock(port: int, advance_ms: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.request("POST", "/_headwater/clock", json.dumps({"advance_ms": advance_ms}))
        answer = connection.getresponse()
        text = answer.read()
    if answer.status != 200:
        raise CallFailed(f"the clock was not moved: {text!r}")


def _answer(connection: http.client.HTTPConnection, operation: str, body: str) -> dict[str, object]:
    ask(connection, operation, body)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise CallFailed(f"{operation}: {answer.status} {text[:200]!r}")
    read: dict[str, object] = json.loads(text)
    return read


def verdicts_of(samples: list[Sample]) -> list[Verdict]:
    """For memory and for the file."""
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    if not second:
        raise CallFailed("the run was too short for a verdict")

    def verdict(name: str, figure: str, slack_mib: float = SLACK_MIB) -> Verdict:
        before, after = (median(getattr(s, figure) for s in share) for share in (second, last))
        return Verdict(name, before, after, slack_mib)

    return [
        verdict("memory", "rss_mib", SLACK_MIB + MAPPED_MIB),
        verdict("anonymous", "anonymous_mib"),
        verdict("file", "file_mib"),
    ]


def _print_samples(samples: list[Sample]) -> None:
    print(f"{'seconds':>9} {'records/s':>11} {'memory MiB':>11} {'anonymous':>10} {'file MiB':>9}")
    size = max(1, len(samples) // SHARES_SHOWN)
    for at in range(0, len(samples) - 1, size):
        share = samples[at : at + size + 1]
        if len(share) < 2:
            break
        rate = (share[-1].records - share[0].records) / (share[-1].at_s - share[0].at_s)
        memory, anonymous, file = (
            mean(getattr(s, name) for s in share) for name in ("rss_mib", "anonymous_mib", "file_mib")
        )
        print(f"{share[-1].at_s:9.0f} {rate:11,.0f} {memory:11.1f} {anonymous:10.1f} {file:9.1f}")


if __name__ == "__main__":
    sys.exit(main())
