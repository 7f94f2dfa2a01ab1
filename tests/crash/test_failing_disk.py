"""A disk that fails: the caller gets an error, what was acknowledged is there, and nothing is pretended.

The server is a real process whose writes and syncs fail on command. Reads go on all the
while, and so do writes as soon as the disk is well and the data file was opened again.
"""

from __future__ import annotations

import base64
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.app.offline_data import check_data
from tests.crash.failing_disk import FailingDisk, Fault
from tests.crash.seen_stream import see_everything
from tests.crash.server_process import ServerProcess
from tests.waiting import wait_until


class Rig:
    """A server on a failing disk, with the stream `orders` of one shard."""

    def __init__(self, folder: Path) -> None:
        self.disk = FailingDisk(folder)
        self.log = folder / "log"
        self.data_dir = folder / "data"
        self.acknowledged: list[str] = []
        self._start()
        self.connection.call("CreateStream", StreamName="orders", ShardCount=1)

    def _start(self) -> None:
        self._server = ServerProcess(self.data_dir, 0, self.log, variables=self.disk.variables)
        self._server.wait_until_ready()
        self.connection = self._server.connect()

    def restart(self) -> None:
        """Kill it, and start another one on the same directory."""
        self.kill()
        self._start()

    def kill(self) -> None:
        self.connection.close()
        self._server.kill()

    def put(self, name: str) -> int:
        """The status of the answer."""
        status, _ = self.connection.ask("PutRecord", **put_named(name))
        if status == 200:
            self.acknowledged.append(name)
        return status

    def put_until_accepted(self, name: str) -> None:
        wait_until(lambda: self.put(name) == 200)

    def names(self) -> list[str]:
        """Of the records that are read, in order."""
        (shard,) = see_everything(self.connection)["orders"].shards
        return [record.name for record in shard.records]


def put_named(name: str) -> dict[str, str]:
    data = base64.b64encode(name.encode() + b"\0" + b"x" * 20_000).decode()
    return {"StreamName": "orders", "PartitionKey": "key", "Data": data}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.kill()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("page"),
        pytest.param(Fault("page", errno.ENOSPC), marks=pytest.mark.long),
        pytest.param(Fault("page", errno.EDQUOT), marks=pytest.mark.long),
        pytest.param(Fault("page", errno.ENOSPC, lands=True), marks=pytest.mark.long),
        pytest.param(Fault("fdatasync"), marks=pytest.mark.long),
        pytest.param(Fault("fdatasync", errno.ENOSPC), marks=pytest.mark.long),
        pytest.param(Fault("meta"), marks=pytest.mark.long),
        pytest.param(Fault("meta", errno.ENOSPC), marks=pytest.mark.long),
        pytest.param(Fault("meta", lands=True), marks=pytest.mark.long),
    ],
    ids=lambda fault: f"{fault.operation}-{errno.errorcode[fault.code]}{'-lands' * fault.lands}",
)
def test_what_fails_is_refused_and_what_was_acknowledged_is_there(rig: Rig, fault: Fault) -> None:
    assert rig.put("before") == 200
    rig.disk.fail(fault)
    assert rig.put("refused") == 500
    assert rig.put("refused, too") == 500
    status, answer = rig.connection.ask("CreateStream", StreamName="others", ShardCount=1)
    assert (status, answer["__type"]) == (500, "InternalFailure")
    assert rig.names() == ["before"]
    rig.disk.fail()
    rig.put_until_accepted("after")
    rig.connection.call("CreateStream", StreamName="others", ShardCount=2)
    for restarted in (False, True):
        if restarted:
            rig.restart()
        assert rig.names() == rig.acknowledged == ["before", "after"]
        assert sorted(see_everything(rig.connection)) == ["orders", "others"]
    rig.kill()
    assert check_data(rig.data_dir) == []


def test_after_a_failed_sync_nothing_is_accepted_until_the_file_was_opened_again(rig: Rig) -> None:
    assert rig.put("before") == 200
    rig.disk.fail(Fault("fdatasync"))
    assert rig.put("refused") == 500
    # From here on every commit would succeed, but the file cannot be opened again yet.
    rig.disk.fail(Fault("fsync"))
    wait_until(lambda: "cannot be opened again" in rig.log.read_text())
    assert rig.put("not yet") == 500
    assert rig.connection.ask("AddTagsToStream", StreamName="orders", Tags={"key": "value"})[0] == 500
    assert rig.names() == ["before"]
    assert "was opened again" not in rig.log.read_text()
    rig.disk.fail()
    rig.put_until_accepted("after")
    wait_until(lambda: "was opened again: it takes writes" in rig.log.read_text())
    assert "mdb_txn_commit: Input/output error; no writes until it is opened again" in rig.log.read_text()
    rig.restart()
    assert rig.names() == ["before", "after"]


def test_a_record_in_doubt_that_has_arrived_is_read_and_followed_by_others(rig: Rig) -> None:
    assert rig.put("before") == 200
    rig.disk.fail(Fault("meta", lands=True), Fault("undo"))
    assert rig.put("in doubt") == 500
    rig.disk.fail()
    rig.put_until_accepted("after")
    assert rig.names() == ["before", "in doubt", "after"]
    rig.restart()
    assert rig.names() == ["before", "in doubt", "after"]
    rig.kill()
    assert check_data(rig.data_dir) == []


def test_changes_in_doubt_that_have_arrived_are_shown(rig: Rig) -> None:
    arrives = (Fault("meta", lands=True), Fault("undo"))
    changes: list[tuple[str, dict[str, Any]]] = [
        ("CreateStream", {"StreamName": "others", "ShardCount": 2}),
        ("AddTagsToStream", {"StreamName": "orders", "Tags": {"key": "value"}}),
        ("UpdateAccountSettings", {"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}),
    ]
    for operation, members in changes:
        see_everything(rig.connection)  # nothing is under way that would meet the fault first
        rig.disk.fail(*arrives)
        status, answer = rig.connection.ask(operation, **members)
        assert (status, answer["message"]) == (
            500,
            "The store has failed: whether the change was made is not known.",
        )
        rig.disk.fail()
        rig.put_until_accepted(f"after {operation}")
    for _ in range(2):
        seen = see_everything(rig.connection)
        assert len(seen["others"].shards) == 2
        assert seen["orders"].tags == {"key": "value"}
        rig.restart()
    rig.disk.fail(*arrives)
    assert rig.connection.ask("DeleteStream", StreamName="orders")[0] == 500
    rig.disk.fail()
    wait_until(lambda: rig.connection.call("ListStreams")["StreamNames"] == ["others"])
    rig.kill()
    assert check_data(rig.data_dir) == []


def test_a_server_can_be_stopped_while_its_disk_fails(rig: Rig) -> None:
    assert rig.put("before") == 200
    rig.disk.fail(Fault("fdatasync"), Fault("fsync"))
    assert rig.put("refused") == 500
    rig.connection.close()
    assert rig._server.stop() == 0
    rig.disk.fail()
    rig._start()
    assert rig.names() == ["before"]


def test_a_server_that_starts_on_a_failing_disk_serves_what_is_there(rig: Rig) -> None:
    assert rig.put("before") == 200
    assert rig.names() == ["before"]
    rig.disk.fail(Fault("page"), Fault("fdatasync"))
    rig.restart()
    assert rig.put("refused") == 500
    assert rig.names() == ["before"]
    rig.disk.fail()
    rig.put_until_accepted("after")
    assert rig.names() == ["before", "after"]
