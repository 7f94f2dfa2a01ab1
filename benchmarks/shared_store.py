"""Gateways over Apache Kafka against the embedded store, and against Kafka's own clients in Python.

    python -m benchmarks.shared_store                          # starts a node of Kafka: needs Java and Maven
    python -m benchmarks.shared_store --store kafka://h:9092   # uses this one

All servers run during the whole run, and each round visits every one of them with every load, so that
other work of the machine falls on all alike. The CPU time of a server is what its threads have run. Kafka's
clients send the same records from a process of their own: 500 a call, answered before the next call of that
sender, from all in-sync replicas. confluent-kafka takes part where it is installed.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks import put_to_push, wrk
from benchmarks.kinesis import Kinesis
from benchmarks.server_process import ServerProcess, free_port, started

RECORDS, RECORD_BYTES, SHARDS = 500, 100, 4
PAGE_RECORDS = 10_000
PUT_CONNECTIONS, PUTS_CONNECTIONS, GET_CONNECTIONS = 64, 4, 2
PUSH_RATE, PUSH_BATCH = 200, 1
JSON_TYPE = "application/x-amz-json-1.1"
EMBEDDED, DURABLE, GATEWAY, OTHER = "embedded", "embedded, durable", "gateway", "other gateway"
OTHER_EMBEDDED = "other embedded"
PAIRS = {"both": (GATEWAY, OTHER), "both embedded": (EMBEDDED, OTHER_EMBEDDED)}
"""Servers that are driven at the same time. The embedded ones share nothing: what they take more than one
alone is the machine's doing."""
CLIENTS = ("aiokafka", "confluent")
STORE = "store"

Samples = dict[tuple[str, str], list[float]]
"""By measurement and subject, one for each round."""


@dataclass(frozen=True)
class Row:
    """A line of the table: one subject against another, in one measurement."""

    title: str
    figure: str
    subject: str
    against: tuple[str, ...]
    bound: float | None
    """`None`: shown for comparison."""
    less_is_better: bool = True


ROWS = (
    Row("PutRecords 500 x 100 B, CPU us a record", "puts", GATEWAY, (EMBEDDED,), 1.5),
    Row("the store alone against Kafka's clients", "puts", STORE, CLIENTS, 0.5),
    Row("the whole gateway against Kafka's clients", "puts", GATEWAY, CLIENTS, 0.5),
    Row("PutRecord, 64 connections, a second", "put", GATEWAY, (DURABLE,), 0.5, less_is_better=False),
    Row(
        "GetRecords 10,000 x 100 B, records a second", "get", GATEWAY, (EMBEDDED,), 0.5, less_is_better=False
    ),
    Row(
        "the same from a gateway that has not put them", "get", OTHER, (GATEWAY,), None, less_is_better=False
    ),
    Row("put to push, p50 ms", "push", GATEWAY, (EMBEDDED,), 3.0),
    Row("two gateways, CPU us a record", "puts of two", "both", (GATEWAY,), 1.05),
    Row("one with half of the connections", "puts of two", "half of one", (GATEWAY,), None),
    Row("two embedded servers", "puts of two", "both embedded", (EMBEDDED,), None),
)


@dataclass
class Run:
    """The servers that are visited, and what was seen."""

    folder: Path
    seconds: int
    servers: dict[str, ServerProcess] = field(default_factory=dict)
    samples: Samples = field(default_factory=dict)

    def note(self, figure: str, subject: str, value: float) -> None:
        """Keep a figure, and show it."""
        self.samples.setdefault((figure, subject), []).append(value)
        print(f"{figure:12} {subject:18} {value:14,.2f}", flush=True)

    def median(self, figure: str, subject: str) -> float | None:
        """Of all rounds."""
        found = self.samples.get((figure, subject))
        return statistics.median(found) if found else None

    def bodies(self, operation: str, stream: str) -> Path:
        """Requests that are ready, one a line."""
        path = self.folder / f"{operation}-{stream}"
        if not path.exists():
            chance = random.Random(operation)
            path.write_text("".join(_put_body(chance, operation, stream) + "\n" for _ in range(8)))
        return path

    def drive(self, server: str, operation: str, bodies: Path, connections: int) -> wrk.Outcome:
        """Keep a server busy. Raises `WrkFailed`."""
        port = self.servers[server].port
        outcome = wrk.drive(port, operation, bodies, JSON_TYPE, connections, self.seconds)
        if errors := outcome.errors(0):
            raise wrk.WrkFailed(f"{server}, {operation}: {errors}")
        return outcome


def _put_body(chance: random.Random, operation: str, stream: str) -> str:
    def record() -> dict[str, str]:
        data = base64.b64encode(chance.randbytes(RECORD_BYTES)).decode()
        return {"Data": data, "PartitionKey": str(chance.random())}

    if operation == "PutRecord":
        return json.dumps({"StreamName": stream, **record()})
    return json.dumps({"StreamName": stream, "Records": [record() for _ in range(RECORDS)]})


def puts(run: Run) -> None:
    """CPU for each record of PutRecords."""
    for server in (EMBEDDED, GATEWAY, OTHER):
        before_s = run.servers[server].scheduled_s()
        outcome = run.drive(server, "PutRecords", run.bodies("PutRecords", "puts"), PUTS_CONNECTIONS)
        spent_s = run.servers[server].scheduled_s() - before_s
        run.note("puts", server, spent_s / (outcome.answers * RECORDS) * 1e6)
        run.note("puts rate", server, outcome.answers * RECORDS / outcome.seconds)


def puts_of_two(run: Run) -> None:
    """The same of two servers at the same time, each with half of the connections."""
    for subject, servers in {**PAIRS, "half of one": (GATEWAY,)}.items():
        before_s = sum(run.servers[server].scheduled_s() for server in servers)
        driving = [
            subprocess.Popen(_drive_half(run, server), stdout=subprocess.PIPE, text=True)
            for server in servers
        ]
        answers = sum(int(each.communicate()[0]) for each in driving)
        spent_s = sum(run.servers[server].scheduled_s() for server in servers) - before_s
        run.note("puts of two", subject, spent_s / (answers * RECORDS) * 1e6)


def _drive_half(run: Run, server: str) -> list[str]:
    """The command that keeps a server busy with half of the connections, beside others."""
    return [
        *(sys.executable, "-m", "benchmarks.shared_store"),
        *("--drive", str(run.servers[server].port)),
        *("--seconds", str(run.seconds)),
        *("--bodies", str(run.bodies("PutRecords", "puts"))),
    ]


def put(run: Run) -> None:
    """Single puts a second."""
    for server in (DURABLE, GATEWAY):
        outcome = run.drive(server, "PutRecord", run.bodies("PutRecord", "puts"), PUT_CONNECTIONS)
        run.note("put", server, outcome.answers / outcome.seconds)


def get(run: Run) -> None:
    """Records that are read a second, in pages of ten thousand."""
    for server in (EMBEDDED, GATEWAY, OTHER):
        bodies = run.folder / f"get-{server}"
        if not bodies.exists():
            iterator = Kinesis(run.servers[server].port).first_iterator("pages")
            bodies.write_text(json.dumps({"ShardIterator": iterator, "Limit": PAGE_RECORDS}) + "\n")
        outcome = run.drive(server, "GetRecords", bodies, GET_CONNECTIONS)
        run.note("get", server, outcome.answers * PAGE_RECORDS / outcome.seconds)


def push(run: Run) -> None:
    """Milliseconds from a put until a subscriber has it."""
    for server in (EMBEDDED, GATEWAY):
        os.environ["AWS_ENDPOINT_URL_KINESIS"] = f"http://127.0.0.1:{run.servers[server].port}"
        _, took_ms = put_to_push.measure(
            put_to_push.CLIENTS["sockets"], PUSH_RATE, PUSH_BATCH, run.seconds + 2
        )
        run.note("push", server, statistics.median(took_ms[2 * PUSH_RATE :]))


def kafka_clients(run: Run, store: str, turn: int) -> None:
    """CPU for each record that Kafka's own clients send, and a gateway's store without its server."""
    for client in (*CLIENTS, STORE):
        if client == "confluent" and find_spec("confluent_kafka") is None:
            continue
        brokers, _, prefix = store.removeprefix("kafka://").partition("/")
        command = [
            sys.executable,
            "-m",
            "benchmarks.kafka_client",
            client,
            brokers,
            f"{prefix}-{client}-{turn}",
        ]
        sent = subprocess.run([*command, str(run.seconds)], stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(sent.stdout)
        run.note("puts", client, figures["cpu_us"])
        run.note("puts rate", client, figures["rate"])


@contextmanager
def _servers(run: Run, store: str) -> Iterator[None]:
    kinds = {
        EMBEDDED: (),
        OTHER_EMBEDDED: (),
        DURABLE: ("--data-dir", str(run.folder / "data")),
        GATEWAY: ("--store", store),
        OTHER: ("--store", store),
    }
    with ExitStack() as stack:
        for name, options in kinds.items():
            port = free_port()
            command = [
                sys.executable,
                "-m",
                "headwater",
                "start",
                "--port",
                str(port),
                "--log-level",
                "warning",
            ]
            process = stack.enter_context(started([*command, *options], port, run.folder / name))
            run.servers[name] = process
        for name in (EMBEDDED, OTHER_EMBEDDED, DURABLE, GATEWAY):
            kinesis = Kinesis(run.servers[name].port)
            kinesis.create_stream("puts", SHARDS)
            kinesis.create_stream("pages", 1)
            body = run.bodies("PutRecords", "pages").read_text().splitlines()[0]
            for _ in range(PAGE_RECORDS // RECORDS):
                kinesis.send("PutRecords", body)
        yield


def _table(run: Run) -> Iterator[str]:
    for row in ROWS:
        ours = run.median(row.figure, row.subject)
        figure = "puts" if row.figure == "puts of two" else row.figure
        others = {name: value for name in row.against if (value := run.median(figure, name)) is not None}
        if ours is None or not others:
            continue
        choose: Callable[..., str] = min if row.less_is_better else max
        best = choose(others, key=lambda name: others[name])
        ratio = ours / others[best]
        figures = f"| {row.title} | {ours:,.2f} | {others[best]:,.2f} ({best}) | {ratio:.2f} |"
        if row.bound is None:
            yield f"{figures} | |"
            continue
        is_met = ratio <= row.bound if row.less_is_better else ratio >= row.bound
        sign = "<=" if row.less_is_better else ">="
        yield f"{figures} {sign} {row.bound} | {'met' if is_met else 'missed'} |"


def _measure(options: argparse.Namespace, folder: Path, store: str) -> None:
    os.environ |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    run = Run(folder, options.seconds)
    with _servers(run, store):
        puts(run)  # the brokers warm up
        put(run)
        run.samples.clear()
        for turn in range(options.rounds):
            print(f"round {turn + 1}", flush=True)
            for measure in (puts, put, get, puts_of_two, push):
                measure(run)
            kafka_clients(run, store, turn)
    print("| measured | gateway | against | ratio | target | |\n| --- | --- | --- | --- | --- | --- |")
    print("\n".join(_table(run)))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", help="kafka://host:port/name, unless a node shall be started")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each load in each round")
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--bodies", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        outcome = wrk.drive(
            options.drive, "PutRecords", options.bodies, JSON_TYPE, PUTS_CONNECTIONS // 2, options.seconds
        )
        print(outcome.answers)
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        store = options.store
        if store is None:
            from tests.storage.kafka.nodes import KafkaNodes  # noqa: PLC0415 - needs what tests need

            nodes = KafkaNodes(folder / "kafka", 1)
            stack.callback(nodes.close)
            store = nodes.url("bench")
        _measure(options, folder, store)


if __name__ == "__main__":
    main()
