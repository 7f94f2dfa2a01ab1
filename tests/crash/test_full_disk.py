"""A full disk, a read-only one, a limit of the size of files: an error, reads go on, and writes come back."""

from __future__ import annotations

import base64
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.crash.seen_stream import see_everything
from tests.crash.server_process import Connection, ServerProcess
from tests.crash.small_disk import SmallDisk
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

BALLAST_MIB = 2


def data_named(name: str, size: int) -> str:
    return base64.b64encode(name.encode() + b"\0" + b"x" * size).decode()


def put(connection: Connection, name: str, size: int = 30_000) -> int:
    status, _ = connection.ask(
        "PutRecord", StreamName="orders", PartitionKey="key", Data=data_named(name, size)
    )
    return status


def put_until_full(connection: Connection, prefix: str) -> list[str]:
    """The names of the records that were acknowledged; several were refused."""
    acknowledged, refused = [], 0
    for serial in range(1_000):
        # The smaller ones find the room in which the larger ones did not fit.
        name = f"{prefix}-{serial:04}"
        if put(connection, name, 30_000 if serial % 3 else 300) == 200:
            acknowledged.append(name)
        else:
            refused += 1
        if refused == 20:
            return acknowledged
    raise AssertionError("the disk does not become full")


def put_until_accepted(connection: Connection, name: str) -> None:
    wait_until(lambda: put(connection, name) == 200)


def names(connection: Connection) -> list[str]:
    (shard,) = see_everything(connection)["orders"].shards
    return [record.name for record in shard.records]


@contextmanager
def serving(server: ServerProcess) -> Iterator[Connection]:
    server.wait_until_ready()
    with closing(server.connect()) as connection:
        yield connection


@pytest.mark.parametrize("kind", [pytest.param("tmpfs", marks=pytest.mark.long), "ext4"])
def test_a_full_disk_loses_nothing_and_takes_records_again_when_there_is_room(
    tmp_path: Path, kind: str
) -> None:
    disk = SmallDisk(tmp_path, kind)
    server = ServerProcess(disk.path / "data", 0, tmp_path / "log", inside=disk.inside())
    try:
        with serving(server) as connection:
            connection.call("CreateStream", StreamName="orders", ShardCount=1)
            see_everything(connection)
            ballast = disk.seen_by(server.pid) / "ballast"
            ballast.write_bytes(bytes(BALLAST_MIB << 20))
            acknowledged = put_until_full(connection, "first")
            assert acknowledged
            assert names(connection) == acknowledged
            status, answer = connection.ask("CreateStream", StreamName="others" * 20, ShardCount=2)
            assert (status, answer.get("__type")) in {(200, None), (500, "InternalFailure")}
            assert names(connection) == acknowledged
            ballast.unlink()
            put_until_accepted(connection, "again")
            acknowledged.append("again")
            acknowledged += put_until_full(connection, "second")
            assert names(connection) == acknowledged
    finally:
        server.kill()


@pytest.mark.long
def test_what_was_acknowledged_on_a_full_disk_outlives_a_kill(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path, "ext4")
    acknowledged: list[str] = []
    for start in range(2):
        server = ServerProcess(disk.path / "data", 0, tmp_path / "log", inside=disk.inside())
        try:
            with serving(server) as connection:
                if start == 0:
                    connection.call("CreateStream", StreamName="orders", ShardCount=1)
                    see_everything(connection)
                    acknowledged = put_until_full(connection, "first")
                assert names(connection) == acknowledged
        finally:
            server.kill()
    check = [sys.executable, "-m", "headwater", "check", "--data-dir", str(disk.path / "data")]
    checked = subprocess.run([*disk.inside(), *check], capture_output=True, text=True, check=False)
    assert checked.stdout.endswith("all is well\n"), checked


def test_a_read_only_disk_is_refused_in_words(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path, "tmpfs")
    server = ServerProcess(disk.path / "data", 0, tmp_path / "log", inside=disk.inside(read_only=True))
    try:
        assert server.wait() == 1
    finally:
        server.kill()
    assert "cannot be used" in (tmp_path / "log").read_text()
    assert "Read-only file system" in (tmp_path / "log").read_text()


def test_a_server_whose_files_may_not_grow_goes_on_reading_and_writes_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", 0, tmp_path / "log")
    try:
        with serving(server) as connection:
            connection.call("CreateStream", StreamName="orders", ShardCount=1)
            see_everything(connection)
            limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
            size = (tmp_path / "data" / "data.mdb").stat().st_size
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size + 200_000, limits[1]))
            acknowledged = put_until_full(connection, "first")
            assert names(connection) == acknowledged
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
            put_until_accepted(connection, "again")
            assert names(connection) == [*acknowledged, "again"]
    finally:
        server.kill()
    assert "InternalFailure" in (tmp_path / "log").read_text()
