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
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from ssl import SSLContext
from time import perf_counter
from types import ModuleType
from typing import IO, Any, cast

from headwater import __version__
from headwater.api.call_rates import rated
from headwater.api.cross_account import enforced
from headwater.api.operation import OPERATIONS
from headwater.beside import LARGE_BODIES, Neighbourhood, ServerContext, has_services, lambda_checking
from headwater.config import Config, tls_folder
from headwater.engine.engine import KINDS, SEAL_KEY, Engine
from headwater.engine.faults.faults import Faults
from headwater.engine.settings import Settings
from headwater.model.clock import AdjustableClock, Clock, SystemClock
from headwater.server.access.authentication import Authentication
from headwater.server.access.credentials import (
    Credentials,
    CredentialsError,
    by_access_key,
    is_readable_by_others,
    known_key,
    load_credentials,
)
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.access.verification import Verification
from headwater.server.admin import Admin, RouteSet
from headwater.server.allocator import keep_freed_memory
from headwater.server.dispatch import Dispatch
from headwater.server.fault_injection import FaultInjection
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import EVERY_HEADER, HEADERS_READ
from headwater.server.http.http1 import Http1Connection
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.listener import WILDCARDS, Listener, ListenError, is_loopback
from headwater.server.http.protocol_detector import ConnectionFactory
from headwater.server.http.tls import TlsError, server_context
from headwater.server.request_counts import RequestCounts
from headwater.server.request_log import RequestLog
from headwater.server.routes.backup import backup_routes
from headwater.server.routes.faults import fault_routes
from headwater.server.routes.limits import limit_routes
from headwater.server.routes.metrics import metric_routes
from headwater.server.wire_formats import WIRE_FORMATS
from headwater.storage.interface import (
    FUNCTIONS_FOLDER,
    OpenedStore,
    Post,
    StoreError,
    StoreUnavailable,
    StoreUnreadable,
)
from headwater.storage.open_store import BACK_END, open_store, open_to_read

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:  # not made for this platform: asyncio's own loop serves
    uvloop = None

TICK_INTERVAL_S = 0.1
GC_THRESHOLD = 20_000
"""What requests leave behind has no cycles: looking for some after every 700 objects is for nothing."""
LOG_DELAY_S = 0.02
"""Lines of the log gather for so long: a system call for each would be a tenth of a small request."""
OPEN_TO_ALL = "may read and change everything: listen on 127.0.0.1, or let --credentials say who may call"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
START_ERRORS = (CredentialsError, ListenError, StoreError, TlsError)
"""What can be wrong with what a server was given; the message is for the person who gave it."""


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
        self._opened: OpenedStore | None = None
        self._engine: Engine | None = None
        self._listener: Listener | None = None
        self._beside: Neighbourhood | None = None
        self._ca: Path | None = None
        self._tick_timer: asyncio.TimerHandle | None = None

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
        config = self._config
        credentials = self._load_credentials()
        has_neighbours = has_services(config)
        headers_kept = None if credentials else HEADERS_READ  # a signature may cover any header
        if has_neighbours and not credentials:
            headers_kept = EVERY_HEADER
        connections = OpenConnections(self._clock)
        limits = ConnectionLimits(
            header_bytes=config.header_limit_bytes,
            body_bytes=config.body_limit_bytes,
            upload_bytes=config.upload_limit_bytes if has_neighbours else 0,
            large_bodies=LARGE_BODIES,
            idle_timeout_s=config.idle_timeout_s,
            request_timeout_s=config.request_timeout_s,
        )
        self._ca, tls = open_tls(config)

        def http1() -> asyncio.Protocol:
            return Http1Connection(dispatch, limits, connections, self._loop, headers_kept)

        def http2() -> asyncio.Protocol:
            from headwater.server.http.http2 import Http2Connection  # noqa: PLC0415 - not all clients need it

            return Http2Connection(dispatch, limits, connections, self._loop, headers_kept)

        doorway = ConnectionFactory(
            http1,
            http2,
            tls,
            limits=limits,
            connections=connections,
            loop=self._loop,
            note=partial(self._log.note, "warning"),
        )
        scheme = "http" if tls is None else "https"
        self._listener = Listener(config.host, config.ports, doorway.connection, connections, scheme=scheme)
        try:
            self._engine = self._open_engine()
            self._beside = beside = self._build_beside(self._engine, credentials)
            dispatch = self._build_dispatch(self._engine, credentials, beside)
            await self._listener.open()
            beside.lambda_.open_if_kept()
        except BaseException:
            await self.stop(0)
            raise
        if not credentials and not is_loopback(config.host):
            self._log.note("warning", f"everybody who can reach {config.host} {OPEN_TO_ALL}")
        self._tick()

    async def stop(self, grace_s: float) -> None:
        """Let requests in flight finish, for `grace_s` at most, and close everything."""
        if self._listener is not None:
            await self._listener.close(grace_s)
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        for neighbour in self._beside.neighbours if self._beside else ():
            await neighbour.close()
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
        opened = self._opened = open_store(
            config.data_dir,
            cast("Post", post),  # a `Post` whose result nobody looks at
            log_error=partial(self._log.note, "error"),
            post_from_thread=cast("Post", loop.call_soon_threadsafe),
        )
        settings = Settings(
            account_id=config.account_id,
            region=config.region,
            transition_ms=config.transition_ms,
            enforce_limits=config.enforce_limits,
            shard_limit=config.shard_limit,
            on_demand_stream_limit=config.on_demand_stream_limit,
        )
        engine = Engine(opened.store, self._test_clock or self._clock, settings, os.urandom, perf_counter)
        try:
            engine.open()
        except BaseException:
            opened.store.close()
            raise
        return engine

    def _load_credentials(self) -> Credentials:
        """The keys that requests must be signed with; none: signatures are not verified."""
        config = self._config
        known = []
        if config.credentials is not None:
            known += load_credentials(config.credentials)
            if is_readable_by_others(config.credentials):
                self._log.note("warning", f"other users of this machine can read {config.credentials}")
        if config.access_key_id is not None and config.secret_access_key is not None:
            source = "HEADWATER_ACCESS_KEY_ID"
            known.append(
                known_key(source, config.access_key_id, config.secret_access_key, config.session_token)
            )
        return by_access_key(known)

    def _build_dispatch(self, engine: Engine, credentials: Credentials, beside: Neighbourhood) -> Dispatch:
        config = self._config
        operations, authentication = rated(OPERATIONS), Authentication(config.account_id, config.region)
        if credentials:
            operations = enforced(operations)  # callers are who they say, so policies mean something
            authentication = Verification(config.account_id, config.region, credentials, self._clock)
        requests = RequestCounts(operations)
        injection = FaultInjection(Faults(), engine)
        return Dispatch(
            engine,
            operations,
            WIRE_FORMATS,
            authentication=authentication,
            hosts=HostPolicy(_own_names(config), config.allow_hosts),
            origins=OriginPolicy(config.allow_origins),
            log=self._log,
            admin=self._build_admin(engine, injection, requests, beside),
            neighbours=beside.neighbours,
            injection=injection,
            requests=requests,
        )

    def _build_admin(
        self, engine: Engine, injection: FaultInjection, requests: RequestCounts, beside: Neighbourhood
    ) -> Admin:
        begin_copy = self._opened.begin_copy if self._opened else None
        more = (
            limit_routes(engine),
            fault_routes(injection),
            metric_routes(engine, requests, beside.function_metrics),
            backup_routes(begin_copy, partial(self._log.note, "error")),
            beside.lambda_.routes,
            RouteSet({}, reset=beside.reset),
        )
        return Admin(engine, self._test_clock, more)

    def _build_beside(self, engine: Engine, credentials: Credentials) -> Neighbourhood:
        assert self._opened is not None, "there is an engine, so there is a store"
        return Neighbourhood(
            ServerContext(
                self._config,
                engine,
                self._opened.folder,
                credentials,
                self._clock,
                self._loop,
                note=self._log.note,
                own_url=lambda: self.endpoints[0].replace("https://", "http://", 1),  # the port takes both
            )
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
        announce(config, server.endpoints, server.ca)
        # What lives until the end need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        await told_to_stop.wait()
    finally:
        await server.stop(config.shutdown_grace_s)


def check_data(data_dir: Path) -> list[str]:
    """Everything that is wrong in a data directory that no server has open, in plain words.

    Nothing in it is changed. Raises `StoreError`.
    """
    return [*_check_stored(data_dir), *functions_without_code(data_dir)]


def _check_stored(data_dir: Path) -> list[str]:
    """What is wrong in the data file."""
    checking = lambda_checking()
    store = open_to_read(data_dir).store
    try:
        metadata = store.metadata()
        unknown = [key for key in metadata if key.partition("/")[0] not in (*KINDS, *checking.KINDS)]
        found = [f"key {key!r} is of no kind that is known" for key in unknown]
        found += checking.check_lambda(metadata)
        if metadata and SEAL_KEY not in metadata:
            return [*found, "the key that seals iterators is missing"]
        engine = Engine(store, SystemClock(), Settings(), os.urandom)
        try:
            engine.open()
        except StoreUnreadable as error:
            return [*found, *store.check(), str(error)]
        return [*found, *engine.check()]
    finally:
        store.close()


def functions_without_code(data_dir: Path) -> list[str]:
    """The functions in a data directory whose code is missing, in plain words. Raises `StoreError`."""
    opened = open_to_read(data_dir)
    try:
        folder = opened.folder / FUNCTIONS_FOLDER
        return list(lambda_checking().without_code(opened.store.metadata(), folder))
    finally:
        opened.store.close()


def copy_data(data_dir: Path) -> Iterator[bytes]:
    """The parts of a backup of a data directory that no server has open. Raises `StoreError`."""
    opened = open_to_read(data_dir)
    try:
        if opened.begin_copy is None:
            raise StoreUnavailable(f"The store in {data_dir} cannot be copied.")
        copy = opened.begin_copy()
        while part := copy.next_part():
            yield part
    finally:
        opened.store.close()


def restore_data(backup: IO[bytes], data_dir: Path) -> list[str]:
    """Make a data directory from a backup, and check it; what is wrong with it, if so it is not kept.

    Raises `StoreError`.
    """
    BACK_END.restore(backup, data_dir)
    found = _check_stored(data_dir)
    if found:
        BACK_END.remove(data_dir)
    return found


def require_whole_backup(backup: IO[bytes]) -> None:
    """Raise `StoreError` unless a backup has arrived whole."""
    BACK_END.require_whole_backup(backup)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest loop that this platform has."""
    return uvloop.new_event_loop() if uvloop else asyncio.new_event_loop()


def open_tls(config: Config) -> tuple[Path | None, SSLContext | None]:
    """The authority that clients must be told to trust, and the settings of TLS, as far as there are any."""
    if config.tls_cert is not None and config.tls_key is not None:
        return None, server_context(config.tls_cert, config.tls_key)
    if not config.tls:
        return None, None
    folder = tls_folder(config)
    server = local_ca().ensure_server(folder, (*_own_names(config), *config.tls_names))
    return ensure_ca(config), server_context(server, server)


def _own_names(config: Config) -> tuple[str, ...]:
    """What this machine and the address that is listened on are called."""
    bound = () if config.host in ("", *WILDCARDS) else (config.host,)
    return (*bound, socket.gethostname())


def ensure_ca(config: Config) -> Path:
    """The path of the server's own authority, which is made if there is none. Raises `TlsError`."""
    path: Path = local_ca().ensure_ca(tls_folder(config))
    return path


def local_ca() -> ModuleType:
    """The module that makes certificates, which needs what not every server needs."""
    try:
        from headwater.server.http import local_ca as module  # noqa: PLC0415
    except ImportError as error:
        raise TlsError(
            "--tls makes a certificate with the package `cryptography`: "
            "pip install 'headwater[tls]', or give --tls-cert and --tls-key"
        ) from error
    return module


def announce(config: Config, endpoints: tuple[str, ...], ca: Path | None) -> None:
    """Say on standard output that the server is ready, and how to point a client at it."""
    data = "a temporary folder, gone at exit" if config.data_dir is None else config.data_dir
    with suppress(OSError):  # nobody reads it: that is no reason not to serve
        sys.stdout.write(
            f"Headwater {__version__} is ready at {' and '.join(endpoints)} (data in {data})\n"
            f"  export AWS_ENDPOINT_URL_KINESIS={endpoints[0]}\n"
            + (f"  export AWS_CA_BUNDLE={shlex.quote(str(ca))}\n" if ca else "")
        )
        sys.stdout.flush()


def run(config: Config) -> int:
    """Run a server from a command line; returns the exit code."""
    keep_freed_memory()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(config))
    except START_ERRORS as error:
        sys.stderr.write(f"headwater: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _write_to_stderr(text: str) -> None:
    with suppress(OSError):  # nobody reads it: that is no reason not to serve
        sys.stderr.write(text)
        sys.stderr.flush()
