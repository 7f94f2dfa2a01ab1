"""A scenario made ready for one server: its streams and records are there, its requests are in files.

The requests of a scenario are few and sent in turn. What puts has the same bodies in every run. What
reads has one for each page of the shard, with the iterators that the server itself gave when it was
read once from its beginning by NextShardIterator: wrk then reads the same pages in that order, again
and again, without looking into them. Records and bytes of the pages are known from that first
reading, and a run whose answers were shorter has no rate.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import h2load
from benchmarks.bench import Bench
from benchmarks.kinesis import CallFailed, Kinesis
from benchmarks.scenarios import CBOR, GET, JSON, PUT, PUTS, STREAM, Form, Scenario
from benchmarks.server_process import ServerProcess
from benchmarks.wrk import Outcome, drive
from headwater.wire import cbor_format

WARM_UP_STREAM = "warm-up"
"""So that the first counted put meets an empty stream."""
WARM_UP_S = 1
"""The shortest that wrk can be told."""
FILL_LIMIT_S = 20.0
"""For those pages: a server for which that is not enough does not hold up the others."""
LARGEST_PUT_BYTES = 1_000_000
DIFFERENT_BODIES = {PUT: 256, PUTS: 4}
"""Of an operation's requests."""


@dataclass(frozen=True)
class Load:
    """A scenario, ready to be driven at one server."""

    scenario: Scenario
    process: ServerProcess
    warm_up_bodies: Path
    bodies: Path
    records: float
    """In a request or in its answer, on average."""
    answer_bytes: float
    """Of an answer, on average."""

    @classmethod
    def prepare(cls, bench: Bench, scenario: Scenario, process: ServerProcess) -> Load:
        """Make the scenario's streams, and what is to be read."""
        if scenario.operation == GET:
            pages = list(_pages_of_new_stream(process.kinesis, scenario))
            return cls._of_pages(bench, scenario, process, pages)
        for stream in (WARM_UP_STREAM, STREAM):
            process.kinesis.create_stream(stream, scenario.shards)
        return cls.attach(bench, scenario, process)

    @classmethod
    def attach(cls, bench: Bench, scenario: Scenario, process: ServerProcess) -> Load:
        """For a server that has the streams already, or answers without."""
        if scenario.operation == GET:
            body = _get_body("any", scenario)
            page = Page(body, scenario.records, len(process.kinesis.send(GET, body)))
            return cls._of_pages(bench, scenario, process, [page])
        warm_up, bodies = (_put_file(bench, scenario, stream) for stream in (WARM_UP_STREAM, STREAM))
        answer_bytes = len(_send(process, scenario, _first_line(warm_up)))
        return cls(scenario, process, warm_up, bodies, scenario.records, answer_bytes)

    @classmethod
    def _of_pages(cls, bench: Bench, scenario: Scenario, process: ServerProcess, pages: list[Page]) -> Load:
        bodies = bench.folder("bodies") / scenario.name
        bodies.write_text("".join(page.body + "\n" for page in pages))
        records = sum(page.records for page in pages) / len(pages)
        answer_bytes = sum(page.answer_bytes for page in pages) / len(pages)
        return cls(scenario, process, bodies, bodies, records, answer_bytes)

    def warm_up(self) -> None:
        """Drive the server shortly; nothing is counted."""
        self._drive(self.warm_up_bodies, WARM_UP_S)

    def drive(self, seconds: int) -> Outcome:
        """What wrk sees in so many seconds."""
        return self._drive(self.bodies, seconds)

    def drive_without_errors(self, seconds: int) -> Outcome:
        """The same. Raises CallFailed when an answer was not good."""
        outcome = self.drive(seconds)
        if self.errors(outcome):
            raise CallFailed(f"{self.scenario.title}: {self.errors(outcome)}")
        return outcome

    def check(self) -> bytes:
        """One answer, looked into. Raises one of CALL_ERRORS."""
        return _send(self.process, self.scenario, _first_line(self.warm_up_bodies))

    def errors(self, outcome: Outcome) -> str:
        """Empty when every answer was good."""
        return outcome.errors(self.answer_bytes)

    def records_in(self, outcome: Outcome) -> int:
        """How many records were put or read."""
        return round((outcome.answers - outcome.not_200) * self.records)

    def rate(self, outcome: Outcome) -> float:
        """In the scenario's unit."""
        return self.scenario.rate(self.records_in(outcome) / outcome.seconds)

    def _drive(self, bodies: Path, seconds: int) -> Outcome:
        transport = self.scenario.transport
        if transport is not None:
            body = bodies.with_suffix(".first")
            body.write_text(_first_line(bodies).rstrip("\n"))
            return h2load.drive(
                self.process.port,
                self.scenario.operation,
                body,
                transport,
                self.scenario.connections,
                seconds,
            )
        return drive(
            self.process.port,
            self.scenario.operation,
            bodies,
            self.scenario.form.content_type,
            self.scenario.connections,
            seconds,
        )


@dataclass(frozen=True)
class Page:
    """What asks for a page, and what came."""

    body: str
    records: int
    answer_bytes: int


def _pages_of_new_stream(kinesis: Kinesis, scenario: Scenario) -> Iterator[Page]:
    """Fill a stream of one shard and read it once. A server may put fewer records into a page than it may."""
    kinesis.create_stream(STREAM, scenario.shards)
    in_one_put = min(500, LARGEST_PUT_BYTES // scenario.record_bytes)
    bodies = _put_bodies(PUTS, STREAM, in_one_put, scenario.record_bytes)
    missing = scenario.records * scenario.pages
    deadline = time.monotonic() + FILL_LIMIT_S
    for turn in range(missing // in_one_put):
        if time.monotonic() > deadline:
            raise CallFailed(f"did not take the {missing:,} records to be read within {FILL_LIMIT_S:.0f} s")
        kinesis.send(PUTS, bodies[turn % len(bodies)])
    iterator = kinesis.first_iterator(STREAM)
    while missing:
        body = _get_body(iterator, scenario)
        text = kinesis.send(GET, body)
        answer = json.loads(text)
        if not answer["Records"]:
            raise CallFailed(f"GetRecords: {missing:,} records did not come")
        line = _written({"ShardIterator": iterator, "Limit": scenario.records}, scenario.form)
        if scenario.form is CBOR:
            text = kinesis.send_bytes(GET, bytes.fromhex(line), CBOR.content_type)
        yield Page(line, len(answer["Records"]), len(text))
        missing -= len(answer["Records"])
        iterator = answer["NextShardIterator"]


def _get_body(iterator: str, scenario: Scenario) -> str:
    return json.dumps({"ShardIterator": iterator, "Limit": scenario.records})


def _put_file(bench: Bench, scenario: Scenario, stream: str) -> Path:
    """Bodies that put into a stream, one a line."""
    path = bench.folder("bodies") / f"{scenario.name}-{stream}"
    if not path.exists():
        bodies = _put_bodies(
            scenario.operation, stream, scenario.records, scenario.record_bytes, scenario.form
        )
        path.write_text("".join(body + "\n" for body in bodies))
    return path


def _put_bodies(operation: str, stream: str, records: int, record_bytes: int, form: Form = JSON) -> list[str]:
    """No two records are alike; they are the same in every run."""
    seeded = random.Random(f"{operation} {records} {record_bytes}")
    bodies = []
    for _ in range(DIFFERENT_BODIES[operation]):
        entries = [
            {
                "Data": seeded.randbytes(record_bytes),
                "PartitionKey": f"key-{seeded.randrange(10**6):06}",
            }
            for _ in range(records)
        ]
        members = {"Records": entries} if operation == PUTS else entries[0]
        bodies.append(_written({"StreamName": stream} | members, form))
    return bodies


def _written(document: dict[str, Any], form: Form) -> str:
    """A line of a file of bodies."""
    if form is CBOR:
        return cbor_format.encode(document).hex()
    return msgspec.json.encode(document).decode()  # which writes bytes as base64


def _send(process: ServerProcess, scenario: Scenario, line: str) -> bytes:
    """The answer to a line of a file of bodies."""
    if scenario.form is CBOR:
        return process.kinesis.send_bytes(scenario.operation, bytes.fromhex(line), CBOR.content_type)
    return process.kinesis.send(scenario.operation, line)


def _first_line(path: Path) -> str:
    with path.open() as file:
        return file.readline()
