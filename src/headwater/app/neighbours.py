"""The neighbours of the streams on a server's port: Lambda, and the other services of AWS.

`server` builds a `Neighbourhood` for each server, before it is known whether anybody will ask.

Rules:
- nothing is loaded before its first request: a server of streams alone pays for none of it;
- Lambda and the services know nothing of each other: what one asks of the other is passed in here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.config import Config, environment
from headwater.engine.engine import Engine
from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.lambda_.api.errors import LambdaError
from headwater.lambda_.lazy import LazyLambda
from headwater.model.caller import Caller
from headwater.model.clock import Clock
from headwater.model.completion import Completion
from headwater.model.errors import KinesisError
from headwater.neighbours.calls.kinesis import StreamCalls
from headwater.neighbours.calls.lambda_ import CallRefused, FunctionSaid, LambdaCalls
from headwater.neighbours.keeping.kept_state import KeptState
from headwater.neighbours.missing import MissingServices
from headwater.neighbours.moto import FunctionLine, LoadedMoto, MotoServices
from headwater.neighbours.services import Services
from headwater.server.access.credentials import Credentials, KnownKey
from headwater.server.asyncio_bridge import completed
from headwater.server.http.listener import is_loopback
from headwater.server.neighbour import Neighbour, reset_all
from headwater.server.request_log import RequestLog
from headwater.storage.interface import FUNCTIONS_FOLDER, OpenedStore
from headwater.wire.signature_v4 import Key

if TYPE_CHECKING:
    from headwater.lambda_.service import LambdaService

LARGE_BODIES = ((b"/2015-03-31/functions", 72 * 1024 * 1024),)
"""A function's code comes as a zip of up to 50 MiB in base64."""
NEIGHBOURS_FOLDER = "neighbours"
FUNCTION_KEY = "headwater"
"""With what functions sign where signatures are not verified, and account ids are no access keys."""


@dataclass(frozen=True)
class ServerContext:
    """The parts of one server that its neighbours and its dispatch are made of."""

    config: Config
    engine: Engine
    opened: OpenedStore
    credentials: Credentials
    """The keys that requests must be signed with; none: signatures are not verified."""
    clock: Clock
    """The machine's."""
    loop: asyncio.AbstractEventLoop
    log: RequestLog
    own_url: Callable[[], str]
    """Where the server is, in clear text; known once it listens."""


class Neighbourhood:
    """The neighbours of one server."""

    def __init__(self, server: ServerContext) -> None:
        self._server = server
        engine, loop = server.engine, server.loop
        self.lambda_ = LazyLambda(engine, self._build_lambda)
        self._kinesis_calls = StreamCalls(engine, loop)
        self._lambda_calls = LambdaCalls(
            self._ask_lambda, self._ask_mappings, self._invoke, self.function_metrics, loop
        )
        self._moto: MotoServices | None = None
        self.neighbours: tuple[Neighbour, ...] = (self.lambda_, self._build_services())
        """In the order in which requests are offered to them."""

    def open_if_kept(self) -> None:
        """Let those that have something kept be there at once. Call in the running loop."""
        self.lambda_.open_if_kept()
        if self._moto is not None:
            self._moto.open_if_kept()

    def reset(self) -> Completion[None]:
        """Let all forget."""
        return completed(reset_all(self.neighbours))

    def function_metrics(self) -> MetricReader | None:
        """What is counted of functions; `None` while there are none."""
        return self.lambda_.metrics()

    def _build_services(self) -> Services:
        config, known = self._server.config, bool(self._server.credentials)
        if config.forward_to is not None:
            from headwater.neighbours.forwarded import (  # noqa: PLC0415 - as asked for
                ForwardedServices,
            )

            return Services(ForwardedServices(config.forward_to), callers_are_known=known)
        if has_moto():
            warn = partial(self._server.log.note, "warning")
            moto = MotoServices(self._load_moto, kept_neighbours(config, warn), warn)
            self._server.engine.key_directory = moto
            self._moto = moto
            return Services(moto, callers_are_known=known)
        return Services(MissingServices(), is_provided=False)

    def _load_moto(self) -> LoadedMoto:
        from headwater.neighbours.loaded_moto import Moto  # noqa: PLC0415 - a second, and what it imports

        def lines_after(caller: Caller, after: int) -> list[FunctionLine]:
            return self._kinesis_calls.on_loop(partial(self._function_lines, caller, after))

        warn = partial(self._server.log.note, "warning")
        return Moto(self._kinesis_calls, self._lambda_calls, lines_after, warn)

    def _function_lines(self, caller: Caller, after: int) -> list[FunctionLine]:
        """What functions have written since the line `after`."""
        lines = self.lambda_.lines_in(caller, after)
        return [FunctionLine(name, line.number, line.time_ms, line.text) for name, line in lines]

    async def _ask_lambda(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """Lambda's answer to a neighbour, which knows none of its errors."""
        try:
            return await self.lambda_.call(caller, operation, members)
        except (LambdaError, KinesisError) as error:
            raise CallRefused(error.code, error.message or "") from error

    async def _ask_mappings(
        self, caller: Caller, operation: str, members: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What Lambda's mappings say to a neighbour."""
        try:
            return await self.lambda_.ask_mappings(caller, operation, members)
        except (LambdaError, KinesisError) as error:
            raise CallRefused(error.code, error.message or "") from error

    async def _invoke(self, caller: Caller, reference: str, payload: bytes) -> FunctionSaid:
        """What a function says to a neighbour."""
        from headwater.lambda_.functions.invocation import InvocationRefused  # noqa: PLC0415 - as all of Lambda

        try:
            result = await self.lambda_.invoke(caller, reference, payload)
        except InvocationRefused as error:
            return FunctionSaid(str(error).encode(), type(error).__name__)
        return FunctionSaid(result.payload, result.function_error)

    async def _run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool]:
        """What a neighbouring pipe says to Lambda, whose mapping reads its source."""
        from headwater.lambda_.functions.invocation import FunctionNotFound  # noqa: PLC0415 - as above

        done = None if self._moto is None else await self._moto.run_pipe(arn, event)
        if done is None:
            raise FunctionNotFound(arn)
        return done

    def _build_lambda(self) -> LambdaService:
        from uuid import uuid4  # noqa: PLC0415 - servers of streams alone do not pay for it

        from headwater.lambda_.service import (  # noqa: PLC0415 - nor for this
            FunctionCredentials,
            FunctionSettings,
            LambdaSettings,
            build_lambda,
        )

        server, config = self._server, self._server.config

        def credentials_of(account_id: str) -> FunctionCredentials:
            if not server.credentials:
                return FunctionCredentials(account_id, FUNCTION_KEY)
            key = self._key_of(account_id)
            return FunctionCredentials(key.access_key_id, key.secret_access_key, key.session_token)

        functions = FunctionSettings(
            concurrency=config.lambda_concurrency,
            code_folder=server.opened.folder / FUNCTIONS_FOLDER,
            endpoint_url=server.own_url,
            credentials_of=credentials_of,
            search_path=environment().get("PATH", os.defpath),
            home=Path.home(),
            interpreters=dict(config.lambda_interpreters),
            may_create=bool(server.credentials) or is_loopback(config.host),
            callers_are_known=bool(server.credentials),
        )
        own = credentials_of(config.account_id)
        settings = LambdaSettings(
            functions,
            services_url=lambda: config.lambda_destination_url or server.own_url(),
            run_pipe=self._run_pipe,
            key=Key(own.access_key_id, own.secret_access_key, own.session_token),
            retry_delay_ms=config.lambda_retry_delay_ms,
            shutdown_grace_s=config.shutdown_grace_s,
        )
        return build_lambda(server.engine, settings, server.clock, server.log.note, lambda: str(uuid4()))

    def _key_of(self, account_id: str) -> KnownKey:
        """A key of the account, or any, if it has none."""
        keys = list(self._server.credentials.values())
        own_account_id = self._server.config.account_id
        return next((key for key in keys if (key.account_id or own_account_id) == account_id), keys[0])


def kept_neighbours(config: Config, warn: Callable[[str], None]) -> KeptState | None:
    """Where moto's state is kept, if it is. Raises OSError."""
    if config.data_dir is None or config.no_keep_neighbours:
        return None
    return KeptState(config.data_dir / NEIGHBOURS_FOLDER, moto_version, warn)


def moto_version() -> str:
    """Which moto is installed."""
    from importlib.metadata import version  # noqa: PLC0415 - servers of streams alone do not pay for it

    return version("moto")


def has_services(config: Config) -> bool:
    """Whether requests for other services are answered: by moto, or by another server."""
    return config.forward_to is not None or has_moto()


def has_moto() -> bool:
    """Whether the extra is installed. Imports nothing."""
    return find_spec("moto") is not None and find_spec("flask") is not None
