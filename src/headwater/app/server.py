"""One server in the running loop: its store, engine, neighbours and ports, opened and closed in order.

Rules:
- everything is open before the server is announced; when a step fails, what was
  opened before it is closed;
- at the end connections finish first, then the store is closed, which makes
  everything safe.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from headwater.app.credentials import configured_credentials
from headwater.app.dispatch import build_dispatch
from headwater.app.initial_streams import InitialStreamError, create_missing
from headwater.app.neighbours import Neighbourhood, ServerContext
from headwater.app.ports import bind_ports
from headwater.app.tls import open_tls
from headwater.config import Config
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.clock import AdjustableClock, Clock, SystemClock
from headwater.server.access.credentials import Credentials, CredentialsError
from headwater.server.asyncio_bridge import finished
from headwater.server.http.exchange import RequestHandler
from headwater.server.http.listener import Listener, ListenError, is_loopback
from headwater.server.http.tls import TlsError
from headwater.server.request_log import RequestLog
from headwater.storage.interface import OpenedStore, Post, StoreError
from headwater.storage.open_store import open_shared, open_store

if TYPE_CHECKING:
    from headwater.app.init_folder import InitFile
    from headwater.app.tracing import Tracing

TICK_INTERVAL_S = 0.1
RELEASE_WITHIN_S = 1.0
LOG_DELAY_S = 0.02
"""Lines of the log gather for so long: a system call for each would be a tenth of a small request."""
OPEN_TO_ALL = "may read and change everything: listen on 127.0.0.1, or let --credentials say who may call"
APPLYING = "The files of --init-dir are being applied."
START_ERRORS = (CredentialsError, InitialStreamError, ListenError, StoreError, TlsError)
"""The errors of wrong settings; their messages are for the person who set them."""


class Server:
    """One server in the running loop: `start` it, `stop` it."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._test_clock = AdjustableClock(self._clock) if config.test_clock else None
        """What streams go by, if it may be moved; connections, signatures and the log do not."""
        self._loop = asyncio.get_running_loop()
        self._log = RequestLog(
            _write_to_stderr,
            self._clock,
            partial(self._loop.call_later, LOG_DELAY_S),
            config.log_format,
            config.log_level,
        )
        self._engine: Engine | None = None
        self._handler: RequestHandler
        self._tracing: Tracing | None = None
        self._listener: Listener | None = None
        self._neighbourhood: Neighbourhood | None = None
        self._ca: Path | None = None
        self._tick_timer: asyncio.TimerHandle | None = None
        self._unready = ""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs of a started server."""
        return self._listener.endpoints if self._listener else ()

    @property
    def ca(self) -> Path | None:
        """The certificate that clients must trust, if the server has made it."""
        return self._ca

    async def start(self) -> None:
        """Open everything. On one of `START_ERRORS` nothing is left open."""
        config, warn = self._config, partial(self._log.note, "warning")
        credentials = configured_credentials(config, warn)
        files = self._init_files()
        self._ca, tls = open_tls(config)
        self._listener = bind_ports(
            config, tls, self._clock, warn, lambda: self._handler, verifies=bool(credentials)
        )
        try:
            opened = await self._open_store()
            self._engine = self._open_engine(opened)
            if config.create_streams:
                await create_missing(self._engine, config.create_streams)
            context = self._context(self._engine, opened, credentials)
            neighbourhood = self._neighbourhood = Neighbourhood(context)
            self._handler = self._traced(build_dispatch(context, neighbourhood, self._test_clock))
            self._unready = APPLYING if files else ""
            await self._listener.open()
            neighbourhood.open_if_kept()
            self._tick()
            await self._apply(files)
        except BaseException:
            await self.stop(0)
            raise
        if not credentials and not is_loopback(config.host):
            warn(f"everybody who can reach {config.host} {OPEN_TO_ALL}")

    async def stop(self, grace_s: float) -> None:
        """Let requests in flight finish, for `grace_s` at most, and close everything."""
        if self._engine is not None:
            self._engine.queues.end_waits()
        if self._listener is not None:
            await self._listener.close(grace_s)
        if self._neighbourhood is not None:
            await self._neighbourhood.close()  # under the lease still, which the ticks keep
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        if self._engine is not None:
            await self._release_lease(self._engine)
            self._engine.close()
        if self._tracing is not None:
            await self._tracing.close()
        await asyncio.sleep(0)  # what the store still posted runs before the loop may end
        self._log.flush()

    def _traced(self, handler: RequestHandler) -> RequestHandler:
        """What answers requests, with a span for each if that is wanted. Raises `ConfigError`."""
        if not self._config.tracing:
            return handler
        from headwater.app.tracing import Tracing  # noqa: PLC0415 - an extra, and slow to import

        self._tracing = Tracing(partial(self._log.note, "warning"))
        return self._tracing.traced(handler)

    async def _release_lease(self, engine: Engine) -> None:
        with suppress(TimeoutError):  # the others will do without
            async with asyncio.timeout(RELEASE_WITHIN_S):
                await finished(engine.lease.release())

    def abort(self) -> None:
        """Cut off all connections: ends a `stop` that waits for them."""
        if self._listener is not None:
            self._listener.abort()

    def on_loop_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what a callback of the loop raised: a fault of the server, outside of any call."""
        self._log.note("error", str(context.get("message")), context.get("exception"))

    def _init_files(self) -> list[InitFile]:
        """What is to be applied; nothing is done yet. Raises `InitError`."""
        if self._config.init_dir is None:
            return []
        from headwater.app.init_apply import check_templates  # noqa: PLC0415 - few servers have such a folder
        from headwater.app.init_folder import read_folder  # noqa: PLC0415 - as above

        files = read_folder(self._config.init_dir)
        check_templates(files, self._config)
        return files

    async def _apply(self, files: list[InitFile]) -> None:
        """Begin with what a folder has. Raises `InitError`."""
        if not files:
            return
        from headwater.app.init_apply import apply_files  # noqa: PLC0415 - as above

        assert self._engine is not None
        assert self._neighbourhood is not None
        await apply_files(files, self._engine, self._neighbourhood)
        self._unready = ""

    async def _open_store(self) -> OpenedStore:
        config, loop = self._config, self._loop
        if config.store is not None:
            from headwater.app.brokers import broker_security  # noqa: PLC0415 - few servers share a store

            log_error = partial(self._log.note, "error")
            return await open_shared(config.store, broker_security(config), log_error)
        # A synced store answers from its commit thread; the other one on this thread, where
        # waking the loop is not needed.
        post = loop.call_soon if config.data_dir is None else loop.call_soon_threadsafe
        return open_store(
            config.data_dir,
            cast("Post", post),  # a `Post` whose result nobody looks at
            log_error=partial(self._log.note, "error"),
            post_from_thread=cast("Post", loop.call_soon_threadsafe),
        )

    def _name(self) -> str:
        """What people know this server by, among others over the same data."""
        ports = ",".join(endpoint.rpartition(":")[2] for endpoint in self.endpoints)
        return f"{socket.gethostname()}:{ports}"

    def _open_engine(self, opened: OpenedStore) -> Engine:
        """The engine of an open store, which is closed if there can be none."""
        config = self._config
        settings = Settings(
            account_id=config.account_id,
            region=config.region,
            transition_ms=config.transition_ms,
            enforce_limits=config.enforce_limits,
            shard_limit=config.shard_limit,
            on_demand_stream_limit=config.on_demand_stream_limit,
            resubscribe_at_once=config.resubscribe_at_once,
            server_name=self._name(),
        )
        engine = Engine(opened.store, self._test_clock or self._clock, settings, os.urandom, perf_counter)
        try:
            engine.open()
        except BaseException:
            opened.store.close()
            raise
        return engine

    def _context(self, engine: Engine, opened: OpenedStore, credentials: Credentials) -> ServerContext:
        return ServerContext(
            self._config,
            engine,
            opened,
            credentials,
            self._clock,
            self._loop,
            self._log,
            own_url=lambda: self.endpoints[0].replace("https://", "http://", 1),  # the port takes both
            unready=lambda: self._unready,
        )

    def _tick(self) -> None:
        self._tick_timer = self._loop.call_later(TICK_INTERVAL_S, self._tick)
        if self._engine is not None:
            self._engine.tick()


def _write_to_stderr(text: str) -> None:
    with suppress(OSError):  # nobody reads it: that is no reason not to serve
        sys.stderr.write(text)
        sys.stderr.flush()
