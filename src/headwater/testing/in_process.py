"""A server in a thread of the caller's process: real requests, and nothing left behind.

    with Headwater() as headwater:
        kinesis = headwater.client()

Rules:
- each has a free port of 127.0.0.1, and its data in a temporary folder, gone at the end,
  unless it is given a data directory;
- streams are ready at once unless a transition time is given;
- it has an event loop of its own, so it serves synchronous and asynchronous callers alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from threading import Thread
from types import TracebackType
from typing import Any, Self, Unpack
from weakref import WeakSet

from headwater.app.run import new_event_loop
from headwater.app.server import Server
from headwater.config import Config
from headwater.testing.admin_client import AdminClient
from headwater.testing.server_clock import ServerClock
from headwater.testing.server_faults import ServerFaults
from headwater.testing.server_limits import ServerLimits
from headwater.testing.server_settings import ServerSettings

START_TIMEOUT_S = 120.0
INIT_TIMEOUT_S = 300.0
"""The same, when files are to be applied: stacks take as long as they take."""
STOP_GRACE_S = 2.0
ACCESS_KEY = "test"
"""The access key of clients: any will do."""


class Headwater:
    """A server in this process. Use it in a `with` block, or call `start` and `stop`."""

    def __init__(self, **settings: Unpack[ServerSettings]) -> None:
        """`settings` are fields of `headwater.config.Config`, such as `region` or `transition_ms`.

        Raises `TypeError` for an unknown one.
        """
        ours: ServerSettings = {
            "ports": (0,),
            "transition_ms": 0,
            "test_clock": True,
            "log_level": "error",
        }
        self._config = Config(**(ours | settings))
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_stop: asyncio.Event | None = None
        self._endpoint_url: str | None = None
        self._clients: WeakSet[Any] = WeakSet()

    def start(self) -> Self:
        """Start the server, and wait until it serves.

        Raises what a setting makes impossible: `ListenError`, `StoreError`, `TlsError`, `CredentialsError`,
        `InitialStreamError`.
        """
        started: Future[str] = Future()
        self._thread = Thread(target=self._run, args=(started,), name="headwater", daemon=True)
        self._thread.start()
        has_files = self._config.init_dir is not None
        self._endpoint_url = started.result(INIT_TIMEOUT_S if has_files else START_TIMEOUT_S)
        return self

    def stop(self) -> None:
        """Stop the server, and remove its temporary folder. May be called again."""
        for client in tuple(self._clients):
            client.close()
        if self._thread is not None and self._loop is not None and self._told_to_stop is not None:
            self._loop.call_soon_threadsafe(self._told_to_stop.set)
            self._thread.join()
        self._thread = self._endpoint_url = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """The URL of the server. Raises RuntimeError when it is not running."""
        if self._endpoint_url is None:
            raise RuntimeError("the server is not running")
        return self._endpoint_url

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which any AWS SDK finds the server, here or in a child process."""
        return {
            "AWS_ENDPOINT_URL_KINESIS": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_REGION": self._config.region,
            "AWS_DEFAULT_REGION": self._config.region,
        }

    def client(self, **options: Any) -> Any:
        """A boto3 client for Kinesis, closed with the server; `options` are further arguments of boto3."""
        import boto3  # noqa: PLC0415 - it is the caller's, and takes longer to import than all the rest

        client = boto3.client("kinesis", **(self._client_arguments() | options))
        self._clients.add(client)
        return client

    @asynccontextmanager
    async def async_client(self, **options: Any) -> AsyncIterator[Any]:
        """An aiobotocore client for Kinesis, open in the block: `async with headwater.async_client() as …`.

        It belongs to the event loop of the block; `options` are further arguments of aiobotocore.
        """
        from aiobotocore.session import get_session  # noqa: PLC0415 - it is the caller's

        arguments = self._client_arguments() | options
        async with get_session().create_client("kinesis", **arguments) as client:
            yield client

    def reset(self) -> None:
        """Remove every stream, record, setting, limit and fault, of all accounts and regions."""
        AdminClient(self.endpoint_url).post("reset")

    @property
    def clock(self) -> ServerClock:
        """The clock of its streams."""
        return ServerClock(AdminClient(self.endpoint_url))

    @property
    def limits(self) -> ServerLimits:
        """The limits of its streams: AWS's, others or none."""
        return ServerLimits(AdminClient(self.endpoint_url))

    @property
    def faults(self) -> ServerFaults:
        """The faults that happen on purpose."""
        return ServerFaults(AdminClient(self.endpoint_url))

    def _client_arguments(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": self._config.region,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": ACCESS_KEY,
        }

    def _run(self, started: Future[str]) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        server = Server(self._config)
        try:
            await server.start()
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits for the start
            started.set_exception(error)
            return
        started.set_result(server.endpoints[0])
        await self._told_to_stop.wait()
        await server.stop(STOP_GRACE_S)
