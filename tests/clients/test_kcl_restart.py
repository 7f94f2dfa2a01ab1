"""The Kinesis Client Library's leases beside its stream, when the server is killed and starts again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.client_process import Endpoint
from tests.clients.kcl_application import Application, Printed, application
from tests.clients.streams import client, wait_until_active
from tests.crash.server_process import ServerProcess
from tests.ports import free_port

pytestmark = pytest.mark.clients

KEYS = 100
TIMEOUT_S = 300.0

Checkpoints = dict[str, int]
"""The sequence number up to which each shard is done; 0 for none of it."""


class Restarted:
    """A server on one port and one data directory, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self.start()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.port}")

    def start(self) -> None:
        options = ("--port", str(self.port), "--region", "eu-west-1")
        self._process = ServerProcess(self._folder / "data", 100, self._folder / "log", *options)
        self._process.wait_until_ready()

    def kill(self) -> None:
        self._process.kill()


class Kill(NamedTuple):
    """When the server was killed, and what it had acknowledged by then."""

    time_ms: int
    known: Checkpoints


class Place(NamedTuple):
    """Where a record was acknowledged to be."""

    shard_id: str
    sequence_number: int


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Restarted]:
    server = Restarted(tmp_path)
    yield server
    server.kill()


def test_no_shard_begins_again_when_the_server_was_killed(server: Restarted, tmp_path: Path) -> None:
    """The first worker lives through a kill; a second one takes over after another kill, of both."""
    kinesis = client(server.endpoint)
    name = f"kcl-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    places: dict[tuple[str, str], Place] = {}
    with application(name, "polling", server.endpoint, server.endpoint.url, tmp_path) as app:
        put(kinesis, name, places, range(10))
        app.start_worker()
        first = killed_at_work(server, app, len(places))

        server.start()
        assert_kept(first, app)
        put(kinesis, name, places, range(10, 20))
        second = killed_at_work(server, app, len(places))
        app.workers[0].kill()
        app.workers[0].wait()

        server.start()
        assert_kept(second, app)
        before = checkpoints(app)
        put(kinesis, name, places, range(20, 30))
        app.start_worker()
        app.wait_until(lambda: len(seen(app.printed())) == len(places), TIMEOUT_S, "all is read")
        printed = app.printed()
    assert seen(printed) == set(places)
    for kill in (first, second):
        later = [line for line in firsts(printed) if line.time_ms > kill.time_ms]
        assert all(place(places, line).sequence_number > kill.known[line.shard_id] for line in later)
    taken_over = [place(places, line) for line in printed if line.what == "record" and line.worker == 1]
    assert set(taken_over) == {
        each for each in places.values() if each.sequence_number > before[each.shard_id]
    }
    # Only a worker that had no time to renew its lease, and says that it lost it, is given a record twice.
    assert len(taken_over) == len(set(taken_over)) or any(line.what == "lost" for line in printed)


def put(kinesis: Any, name: str, places: dict[tuple[str, str], Place], rounds: range) -> None:
    """One record under each key for each round."""
    for number in rounds:
        keys = [f"key-{key}" for key in range(KEYS)]
        records = [{"PartitionKey": key, "Data": b"%d" % number} for key in keys]
        answer = kinesis.put_records(StreamName=name, Records=records)
        assert answer["FailedRecordCount"] == 0
        for key, at in zip(keys, answer["Records"], strict=True):
            places[key, str(number)] = Place(at["ShardId"], int(at["SequenceNumber"]))


def killed_at_work(server: Restarted, app: Application, count: int) -> Kill:
    """Kill the server in the middle: half of what is new is read, and both shards have a checkpoint."""
    half = count - 10 * KEYS // 2

    def is_at_work() -> bool:
        return len(seen(app.printed())) >= half and min(checkpoints(app).values(), default=0) > 0

    app.wait_until(is_at_work, TIMEOUT_S, "half of it is read")
    known = checkpoints(app)
    server.kill()
    return Kill(int(time.time() * 1000), known)


def assert_kept(kill: Kill, app: Application) -> None:
    """No checkpoint that was seen has gone back."""
    now = checkpoints(app)
    assert now.keys() == kill.known.keys()
    assert all(now[shard_id] >= number for shard_id, number in kill.known.items()), (kill, now)


def checkpoints(app: Application) -> Checkpoints:
    found = {shard_id: lease["checkpoint"] for shard_id, lease in app.leases().items()}
    return {shard_id: int(text) if text.isdigit() else 0 for shard_id, text in found.items()}


def seen(printed: list[Printed]) -> set[tuple[str, str]]:
    return {(line.partition_key, line.text) for line in printed if line.what == "record"}


def place(places: dict[tuple[str, str], Place], line: Printed) -> Place:
    return places[line.partition_key, line.text]


def firsts(printed: list[Printed]) -> list[Printed]:
    """The first record after each time that a worker began with a shard."""
    began: set[tuple[int, str]] = set()
    found = []
    for line in printed:
        at = (line.worker, line.shard_id)
        if line.what == "start":
            began.add(at)
        elif line.what == "record" and at in began:
            began.remove(at)
            found.append(line)
    return found
