"""Leases in Amazon's own DynamoDB for the desktop."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from headwater.client import DynamoDBState
from tests.client.lease_state_contract import LeaseStateContract, MakeState
from tests.clients.kcl_application import local_dynamodb

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def dynamodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_dynamodb(tmp_path_factory.mktemp("dynamodb")) as url:
        yield url


class TestDynamoDBLocal(LeaseStateContract):
    """Each view has connections of its own."""

    @pytest.fixture
    def make_state(self, dynamodb_url: str) -> MakeState:
        name = f"table-{uuid.uuid4().hex[:12]}"
        return lambda: DynamoDBState(name, endpoint_url=dynamodb_url)
