"""A Kinesis Client Library application at work: its workers, its lease table, what they printed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

import boto3

from tests.clients.client_process import CLIENTS, CREDENTIALS, Endpoint
from tests.clients.java_project import JavaProject, build, java_variables, running, trusting
from tests.clients.published_metrics import published
from tests.ports import free_port

FOLDER = CLIENTS / "kcl"
FOLDER_OF_KCL_1 = CLIENTS / "kcl_1"
START_TIMEOUT_S = 180.0
DYNAMODB_MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"


class Printed(NamedTuple):
    """One line of a worker: something that a record processor was told."""

    time_ms: int
    worker: int
    shard_id: str
    what: str
    """`start`, `record`, `end` or `lost`."""
    partition_key: str = ""
    text: str = ""


@dataclass
class Application:
    """Workers that share the leases of one stream."""

    name: str
    stream_name: str
    retrieval: str
    endpoint: Endpoint
    dynamodb_url: str
    folder: Path
    project: JavaProject
    workers: list[Popen[bytes]] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def start_worker(self) -> None:
        """Start one more worker, in a process of its own."""
        options = ["-Xmx320m", *trusting(self.endpoint, self.folder)]
        arguments = (self.stream_name, self.name, self.retrieval)
        command = self.project.command("headwater.Worker", *arguments, options=options)
        variables = java_variables(self.endpoint) | {"AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url}
        output = self._output(len(self.workers))
        self.workers.append(self._stack.enter_context(running(command, variables, output)))

    def printed(self) -> list[Printed]:
        """What all workers have printed, in the order of time."""
        lines = [
            Printed(int(time_ms), worker, *fields)
            for worker in range(len(self.workers))
            for line in self._output(worker).read_text().splitlines(keepends=True)
            if line.endswith("\n")
            for time_ms, *fields in [line[:-1].split("\t")]
        ]
        return sorted(lines, key=lambda line: line.time_ms)

    def records_printed(self) -> int:
        """How many records the workers have been given, those given twice counted twice."""
        outputs = [self._output(worker).read_bytes() for worker in range(len(self.workers))]
        return sum(output.count(b"\trecord\t") for output in outputs)

    def leases(self) -> dict[str, dict[str, Any]]:
        """The lease of each shard, its `checkpoint` among other things; none before the first worker."""
        dynamodb = _dynamodb(self.dynamodb_url)
        if self.name not in {table.name for table in dynamodb.tables.all()}:
            return {}
        found = dynamodb.Table(self.name).scan(ConsistentRead=True)["Items"]
        return {item["leaseKey"]: item for item in found if item["leaseKey"].startswith("shardId-")}

    def workers_at_work(self) -> int:
        """How many workers have begun with a shard that they still have."""
        at_work = {}
        for line in self.printed():
            at_work[line.worker, line.shard_id] = line.what in {"start", "record"}
        return len({worker for (worker, _), has in at_work.items() if has})

    def logs(self) -> list[str]:
        """What the library has to say, of each worker."""
        return [self._output(worker).with_suffix(".log").read_text() for worker in range(len(self.workers))]

    def log(self) -> str:
        """The beginning of each, for a test that failed."""
        return "\n".join(f"worker {worker}:\n{log[:3000]}" for worker, log in enumerate(self.logs()))

    def wait_until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Ask again until the answer is yes."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}\n{self.log()}"
            time.sleep(0.25)

    def _output(self, worker: int) -> Path:
        return self.folder / f"{self.name}-{worker}.printed"

    def stop(self) -> None:
        """Stop the workers."""
        self._stack.close()


@contextmanager
def application(
    stream_name: str,
    retrieval: str,
    endpoint: Endpoint,
    dynamodb_url: str,
    folder: Path,
    library: Path = FOLDER,
) -> Iterator[Application]:
    """An application for a stream, without workers yet. `library` is the project of its worker.

    CloudWatch is asked for something first: the server loads the neighbours at the first request,
    and the library waits five seconds for the first answer, which is too little on a busy machine.
    """
    name = f"{stream_name}-{retrieval}"
    published(endpoint, name, "RecordsProcessed")
    begun = Application(name, stream_name, retrieval, endpoint, dynamodb_url, folder, build(library))
    try:
        yield begun
    finally:
        begun.stop()


@contextmanager
def local_dynamodb(folder: Path) -> Iterator[str]:
    """DynamoDB Local on a free port; its URL."""
    project = build(FOLDER / "lease_table", FOLDER / "target" / "lease_table")
    port = free_port()
    native = f"-Djava.library.path={project.target / 'native'}"
    command = project.command(
        DYNAMODB_MAIN, "-inMemory", "-disableTelemetry", "-port", str(port), options=["-Xmx256m", native]
    )
    url = f"http://127.0.0.1:{port}"
    with running(command, java_variables(Endpoint(url)), folder / "dynamodb.printed") as process:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _listens(port):
            assert process.poll() is None, (folder / "dynamodb.log").read_text()
            assert time.monotonic() < deadline, "DynamoDB Local did not start"
            time.sleep(0.1)
        yield url


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _dynamodb(url: str) -> Any:
    return boto3.resource(
        "dynamodb",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
