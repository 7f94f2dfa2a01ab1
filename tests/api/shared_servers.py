"""Two servers over the same data in a thread of this process; their clock stands still until it is moved."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, cast

import msgspec

from headwater.app.server import Server
from headwater.config import Config
from headwater.engine.engine import Engine
from headwater.model.clock import ManualClock
from headwater.storage.interface import OpenedStore, Post
from tests.api.clocked_server import CLOCKED, START_MS
from tests.storage.kafka.alternating_front import AlternatingFront
from tests.storage.shared_memory_store import SharedMemoryStore
from tests.waiting import RETRY_FOR_S, wait_until

STEP_MS = 500
SILENT_MS = 4_000


class _SharingServer(Server):
    """A server whose store is in front of the data of another one's."""

    def __init__(self, config: Config, clock: ManualClock, other: _SharingServer | None) -> None:
        super().__init__(config, clock)
        self._other = other

    async def _open_store(self) -> OpenedStore:
        loop = asyncio.get_running_loop()
        other = None if self._other is None else cast("SharedMemoryStore", self._other.engine.store)
        store = SharedMemoryStore(cast("Post", loop.call_soon), other)
        return OpenedStore(store, Path("unused"), None)

    @property
    def engine(self) -> Engine:
        assert self._engine is not None
        return self._engine

    def sleep(self) -> None:
        """Do nothing more that time asks for, as a process that is stopped."""
        assert self._tick_timer is not None
        self._tick_timer.cancel()

    def wake(self) -> None:
        """Go on after `sleep`."""
        self._tick()


class SharedServers:
    """Serves at `url`, each request by the other one in turn, until the block is left."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock(START_MS)
        self._settings = settings
        self.servers: list[_SharingServer] = []
        self.ports: list[int] = []

    def __enter__(self) -> Self:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.result(RETRY_FOR_S)
        self._front = AlternatingFront(self.ports).__enter__()
        self.url = self._front.url
        return self

    def __exit__(self, *_: object) -> None:
        self._front.__exit__()
        self.loop.call_soon_threadsafe(self._told_to_stop.set)
        self._thread.join(RETRY_FOR_S)

    async def _serve(self, ready: Future[None]) -> None:
        self.loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        config = msgspec.structs.replace(CLOCKED, **self._settings)
        for _ in range(2):
            server = _SharingServer(config, self.clock, self.servers[0] if self.servers else None)
            await server.start()
            self.servers.append(server)
            self.ports.append(int(server.endpoints[0].rpartition(":")[2]))
        ready.set_result(None)
        await self._told_to_stop.wait()
        for server in self.servers:
            await server.stop(1)

    def on_loop(self, call: Any) -> Any:
        """What a function gives, called where the servers run."""

        async def called() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(RETRY_FOR_S)

    def holder(self) -> int | None:
        """Which one holds the lease."""
        held = self.on_loop(lambda: [server.engine.lease.is_held for server in self.servers])
        return held.index(True) if True in held else None

    def pass_s(self, duration_s: float) -> None:
        """Let time pass in steps, so that whoever holds the lease can renew it."""
        for _ in range(0, int(duration_s * 1000), STEP_MS):
            self.clock.advance_ms(STEP_MS)
            self.on_loop(self._tick_awake)

    def _tick_awake(self) -> None:
        for server in self.servers:
            if server._tick_timer is not None and not server._tick_timer.cancelled():
                server.engine.tick()

    def fall_asleep(self, at: int) -> None:
        """Let one do nothing more, and wait until the other one has the lease."""
        self.on_loop(self.servers[at].sleep)

        def is_taken_over() -> bool:
            self.pass_s(1)
            return self.holder() == 1 - at

        wait_until(is_taken_over)
