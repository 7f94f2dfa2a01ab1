"""Two engines over the same data on one clock, for what is kept beside the streams."""

from __future__ import annotations

from random import Random

from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.clock import ManualClock
from tests.storage.inbox import Inbox
from tests.storage.shared_memory_store import SharedMemoryStore


class TwoEngines:
    """Both are open; the first one holds the lease."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.clock = ManualClock()
        first = SharedMemoryStore(self.inbox)
        stores = (first, SharedMemoryStore(self.inbox, first))
        self.one, self.other = (
            Engine(store, self.clock, Settings(), Random(seed).randbytes) for seed, store in enumerate(stores)
        )
        for engine in (self.one, self.other):
            engine.open()
            self.inbox.run_posted()
        self.one.tick()
        self.inbox.run_posted()
