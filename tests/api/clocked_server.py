"""A real server in a thread of this process, whose clock stands still until a test moves it.

So a test sees CREATING for as long as it likes, and 300 seconds of iterator life
or 24 hours of retention pass in a moment.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from headwater.app.server import Server
from headwater.config import Config
from headwater.model.clock import ManualClock
from tests.waiting import RETRY_FOR_S

START_MS = 1_795_000_000_000
TRANSITION_MS = 200
SHARD_LIMIT = 500
ON_DEMAND_STREAM_LIMIT = 3
YEAR_S = 31_536_000.0
CLOCKED = Config(
    ports=(0,),
    transition_ms=TRANSITION_MS,
    shard_limit=SHARD_LIMIT,
    on_demand_stream_limit=ON_DEMAND_STREAM_LIMIT,
    log_level="error",
    idle_timeout_s=100 * YEAR_S,
    request_timeout_s=100 * YEAR_S,
)


@dataclass(frozen=True)
class ClockedServer:
    """Where the server answers, and its clock."""

    endpoint_url: str
    clock: ManualClock


@contextmanager
def clocked_server(start_ms: int = START_MS, **settings: Any) -> Iterator[ClockedServer]:
    """A server on a free port, its limits small enough to be reached; `settings` are more of its `Config`."""
    clock = ManualClock(start_ms)
    config = msgspec.structs.replace(CLOCKED, **settings)
    ready = threading.Event()
    stopping: list[asyncio.Event] = []
    endpoints: list[str] = []

    async def serve() -> None:
        server = Server(config, clock)
        await server.start()
        stopping.append(asyncio.Event())
        endpoints.extend(server.endpoints)
        ready.set()
        await stopping[0].wait()
        await server.stop(1)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(RETRY_FOR_S), "the server did not start"
    try:
        yield ClockedServer(endpoints[0], clock)
    finally:
        loop.call_soon_threadsafe(stopping[0].set)
        thread.join(RETRY_FOR_S)
        loop.close()
