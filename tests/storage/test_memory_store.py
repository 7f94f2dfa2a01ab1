from __future__ import annotations

import pytest

from headwater.storage.interface import Store
from headwater.storage.memory_store import MemoryStore
from tests.storage.inbox import Inbox
from tests.storage.shared_memory_store import SharedMemoryStore
from tests.storage.store_contract import StoreContract, UnsharedStoreContract


class TestMemoryStore(UnsharedStoreContract):
    @pytest.fixture
    def store(self, inbox: Inbox) -> Store:
        return MemoryStore(inbox)


class TestSharedMemoryStore(StoreContract):
    """The one that tests of the engine have in Kafka's place."""

    @pytest.fixture
    def store(self, inbox: Inbox) -> Store:
        return SharedMemoryStore(inbox, SharedMemoryStore(inbox))
