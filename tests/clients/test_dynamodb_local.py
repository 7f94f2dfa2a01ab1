"""Leases in Amazon's own DynamoDB for the desktop: one after the other, and in the middle of chaos."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from headwater.client import DynamoDBState
from tests.client.consumer.consumer_chaos import POLLING_FAULTS, chaos
from tests.client.faulty_front import FaultyFront
from tests.client.leases.lease_store_contract import LeaseStateContract, MakeState
from tests.conftest import started_server

pytestmark = pytest.mark.clients


class TestDynamoDBLocal(LeaseStateContract):
    """Each view has connections of its own."""

    @pytest.fixture
    def make_state(self, dynamodb_url: str) -> MakeState:
        name = f"table-{uuid.uuid4().hex[:12]}"
        return lambda: DynamoDBState(name, endpoint_url=dynamodb_url)


def test_nothing_is_lost_in_a_minute_of_chaos(dynamodb_url: str, tmp_path: Path) -> None:
    table = f"dynamodb:leases-{uuid.uuid4().hex[:8]}"
    with (
        started_server(tmp_path / "server.log", "--enforce-limits") as server,
        FaultyFront(dynamodb_url, seed=5) as front,
    ):
        chaos(
            server,
            f"{table}:{dynamodb_url}",
            tmp_path,
            lease_s=2.0,
            duration_s=60.0,
            seed=5,
            rules=POLLING_FAULTS,
            faulty_state=f"{table}:{front.url}",
            state_faults=front.faults(),
        )
