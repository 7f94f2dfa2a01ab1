"""Nothing is lost, overtaken or overwritten, whatever happens to workers, the service and the state.

The first run is a matter of seconds; others last a minute, on SQLite and on DynamoDB,
against a server that enforces AWS's limits, and with faults on both sides.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.consumer.consumer_chaos import FAN_OUT_FAULTS, POLLING_FAULTS, chaos
from tests.client.faulty_front import FaultyFront
from tests.client.leases.dynamodb import moto_dynamodb
from tests.conftest import RunningServer, started_server
from tests.waiting import RETRY_FOR_S


@contextmanager
def another_that_locks(path: Path, seed: int) -> Iterator[None]:
    """Another process holds the file's write lock now and then."""
    command = [sys.executable, "-m", "tests.client.leases.locking_program", str(path), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield
            printed, _ = process.communicate(timeout=RETRY_FOR_S)
            assert printed.count(b"held") > 1
        finally:
            process.kill()


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[RunningServer]:
    with started_server(tmp_path / "server.log", "--enforce-limits") as running:
        yield running


@pytest.mark.long
def test_nothing_is_lost_in_a_few_seconds_of_chaos(server: RunningServer, tmp_path: Path) -> None:
    state = f"sqlite:{tmp_path / 'leases.db'}"
    chaos(server, state, tmp_path, lease_s=1.0, duration_s=6.0, seed=1)


@pytest.mark.long
def test_nothing_is_lost_in_a_minute_of_chaos_with_a_file_that_others_lock(
    limited: RunningServer, tmp_path: Path
) -> None:
    leases = tmp_path / "leases.db"
    chaos(
        limited,
        f"sqlite:{leases}",
        tmp_path,
        lease_s=3.0,  # on a busy machine one of two seconds is lost to the locks again and again
        duration_s=60.0,
        seed=2,
        rules=POLLING_FAULTS,
        state_faults=another_that_locks(leases, seed=2),
    )


@pytest.mark.long
def test_nothing_is_lost_in_a_minute_of_chaos_with_a_table_that_fails(
    limited: RunningServer, tmp_path: Path
) -> None:
    table = f"dynamodb:leases-{uuid.uuid4().hex[:8]}"
    with moto_dynamodb(tmp_path) as dynamodb_url, FaultyFront(dynamodb_url, seed=3) as front:
        chaos(
            limited,
            f"{table}:{dynamodb_url}",
            tmp_path,
            lease_s=2.0,
            duration_s=60.0,
            seed=3,
            rules=POLLING_FAULTS,
            faulty_state=f"{table}:{front.url}",
            state_faults=front.faults(),
        )


@pytest.mark.long
def test_nothing_is_lost_in_chaos_by_enhanced_fan_out(limited: RunningServer, tmp_path: Path) -> None:
    state = f"sqlite:{tmp_path / 'leases.db'}"
    chaos(
        limited,
        state,
        tmp_path,
        lease_s=2.0,
        duration_s=20.0,
        seed=4,
        fan_out="reader",
        rules=FAN_OUT_FAULTS,
    )
