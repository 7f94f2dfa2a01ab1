"""Leases in memory."""

from __future__ import annotations

import pytest

from headwater.client.leases.memory_store import MemoryState
from tests.client.leases.lease_store_contract import LeaseStateContract, MakeState


class TestMemoryState(LeaseStateContract):
    """The same object is what workers of one process share."""

    @pytest.fixture
    def make_state(self) -> MakeState:
        state = MemoryState()
        return lambda: state
