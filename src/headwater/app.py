"""The one place that builds a store, an engine and a server, and runs them.

`run` is for the command line; `Server` for everything that wants one in its own loop.

Rules:
- everything is open before the server is announced; when a step fails, what was
  opened before it is closed;
- at the end connections finish first, then the store is closed, which makes
  everything safe;
- the first SIGTERM or SIGINT lets requests in flight finish, the second one does not.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any, cast

from headwater import __version__
from headwater.api.constraints import accept
from headwater.api.operation import OPERATIONS
from headwater.config import Config
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.clock import Clock, SystemClock
from headwater.server.authentication import Authentication
from headwater.server.connections import OpenConnections
from headwater.server.cross_origin import OriginPolicy
from headwater.server.dispatch import Dispatch
from headwater.server.http1 import Http1Connection, Http1Limits
from headwater.server.listener import Listener, ListenError
from headwater.server.request_log import RequestLog
from headwater.storage.interface import Post, StoreError
from headwater.storage.open_store import open_store

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:  # not made for this platform: asyncio's own loop serves
    uvloop = None

TICK_INTERVAL_S = 0.1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Server:
    """One server in the running loop: `start` it, `stop` it."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._loop = asyncio.get_running_loop()
        self._log = RequestLog(
            _write_to_stderr,
            self._clock,
            self._loop.call_soon,
            config.log_format,
            config.log_level,
        )
        self._engine: Engine | None = None
        self._listener: Listener | None = None
        self._tick_timer: asyncio.TimerHandle | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs of a started server."""
        return self._listener.endpoints if self._listener else ()

    async def start(self) -> None:
        """Open everything. On `ListenError` and `StoreError` nothing is left open."""
        config = self._config
        connections = OpenConnections(self._clock)
        limits = Http1Limits(
            config.header_limit_bytes,
            config.body_limit_bytes,
            config.idle_timeout_s,
            config.request_timeout_s,
        )

        def make_connection() -> asyncio.Protocol:
            return Http1Connection(dispatch, limits, connections, self._loop)

        self._listener = Listener(config.host, config.ports, make_connection, connections)
        try:
            self._engine = self._open_engine()
            dispatch = self._build_dispatch(self._engine)
            await self._listener.open()
        except BaseException:
            await self.stop(0)
            raise
        self._tick()

    async def stop(self, grace_s: float) -> None:
        """Let requests in flight finish, for `grace_s` at most, and close everything."""
        if self._listener is not None:
            await self._listener.close(grace_s)
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        if self._engine is not None:
            self._engine.close()
        await asyncio.sleep(0)  # what the store still posted runs before the loop may end
        self._log.flush()

    def abort(self) -> None:
        """Cut off all connections: ends a `stop` that waits for them."""
        if self._listener is not None:
            self._listener.abort()

    def on_loop_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what a callback of the loop raised: a fault of the server, outside of any call."""
        self._log.note("error", str(context.get("message")), context.get("exception"))

    def _open_engine(self) -> Engine:
        config, loop = self._config, self._loop
        # A synced store answers from its commit thread; the other one on this thread, where
        # waking the loop is not needed.
        post = loop.call_soon if config.data_dir is None else loop.call_soon_threadsafe
        store = open_store(config.data_dir, cast("Post", post))  # a `Post` whose result nobody looks at
        settings = Settings(
            account_id=config.account_id,
            region=config.region,
            transition_ms=config.transition_ms,
            shard_limit=config.shard_limit,
            on_demand_stream_limit=config.on_demand_stream_limit,
        )
        engine = Engine(store, self._clock, settings, os.urandom)
        try:
            engine.open()
        except BaseException:
            store.close()
            raise
        return engine

    def _build_dispatch(self, engine: Engine) -> Dispatch:
        config = self._config
        return Dispatch(
            engine,
            OPERATIONS,
            accept,
            authentication=Authentication(config.account_id, config.region),
            origins=OriginPolicy(config.allow_origins),
            log=self._log,
        )

    def _tick(self) -> None:
        self._tick_timer = self._loop.call_later(TICK_INTERVAL_S, self._tick)
        if self._engine is not None:
            self._engine.tick()


async def serve(config: Config) -> None:
    """Run a server until a signal stops it."""
    loop = asyncio.get_running_loop()
    server = Server(config)
    told_to_stop = asyncio.Event()

    def on_signal() -> None:
        if told_to_stop.is_set():
            server.abort()
        told_to_stop.set()

    loop.set_exception_handler(server.on_loop_fault)
    await server.start()
    try:
        for number in STOP_SIGNALS:
            with suppress(NotImplementedError):  # Windows: Ctrl-C cancels this coroutine instead
                loop.add_signal_handler(number, on_signal)
        announce(config, server.endpoints)
        # What lives until the end need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        await told_to_stop.wait()
    finally:
        await server.stop(config.shutdown_grace_s)


def announce(config: Config, endpoints: tuple[str, ...]) -> None:
    """Say on standard output that the server is ready, and how to point a client at it."""
    data = "a temporary folder, gone at exit" if config.data_dir is None else config.data_dir
    with suppress(OSError):  # nobody reads it: that is no reason not to serve
        sys.stdout.write(
            f"Headwater {__version__} is ready at {' and '.join(endpoints)} (data in {data})\n"
            f"  export AWS_ENDPOINT_URL_KINESIS={endpoints[0]}\n"
        )
        sys.stdout.flush()


def run(config: Config) -> int:
    """Run a server from a command line; returns the exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
            runner.run(serve(config))
    except (ListenError, StoreError) as error:
        sys.stderr.write(f"headwater: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _write_to_stderr(text: str) -> None:
    with suppress(OSError):  # nobody reads it: that is no reason not to serve
        sys.stderr.write(text)
        sys.stderr.flush()
