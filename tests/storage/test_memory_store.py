from __future__ import annotations

import pytest

from headwater.storage.interface import Store
from headwater.storage.memory_store import MemoryStore
from tests.storage.inbox import Inbox
from tests.storage.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self, inbox: Inbox) -> Store:
        return MemoryStore(inbox)
