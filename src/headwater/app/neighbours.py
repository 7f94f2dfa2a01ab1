"""The neighbours of the streams on a server's port: Lambda, and the other services of AWS.

`server` builds a `Neighbourhood` for each server, before it is known whether anybody will ask.

Rules:
- nothing is loaded before its first request: a server of streams alone pays for none of it;
- Lambda and the services know nothing of each other: what one asks of the other is passed in here;
- of several servers of the same streams none has services of its own: they are those of the server that
  requests are forwarded to. Deliveries and event source mappings are what one of them does for all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from headwater.config import Config, environment
from headwater.delivery.firehose.lazy import LazyFirehose
from headwater.delivery.lazy import LazyDeliveries
from headwater.engine.engine import Engine
from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.lambda_.lazy import LazyLambda
from headwater.model.clock import Clock
from headwater.model.completion import Completion
from headwater.neighbours.lazy import LazyServices
from headwater.server.access.credentials import Credentials, KnownKey
from headwater.server.admin import RouteSet
from headwater.server.asyncio_bridge import completed
from headwater.server.http.listener import is_loopback
from headwater.server.neighbour import Neighbour, reset_all
from headwater.server.request_log import RequestLog
from headwater.storage.interface import FUNCTIONS_FOLDER, OpenedStore

if TYPE_CHECKING:
    from headwater.delivery.firehose.json_api import FirehoseApi
    from headwater.delivery.service import DeliveryService
    from headwater.lambda_.service import FunctionCredentials, LambdaService
    from headwater.neighbours.services import Services

LARGE_BODIES = ((b"/2015-03-31/functions", 72 * 1024 * 1024),)
"""A function's code comes as a zip of up to 50 MiB in base64."""
NEIGHBOURS_FOLDER = "neighbours"
DELIVERIES_KEPT = ("delivery-progress", "firehose")
FUNCTION_KEY = "headwater"
"""With what functions sign where signatures are not verified, and account ids are no access keys."""


class ServerContext(msgspec.Struct, frozen=True):
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
    unready: Callable[[], str] = str
    """Why it does not yet say that it is healthy; empty when it is."""


class Neighbourhood:
    """The neighbours of one server."""

    def __init__(self, server: ServerContext) -> None:
        self._server = server
        self.lambda_ = LazyLambda(server.engine, self._build_lambda)
        self.firehose = LazyFirehose(self._firehose_api, self._firehose_metrics)
        is_shared, is_forwarded = server.engine.store.is_shared, server.config.forward_to is not None
        own = partial(_build_services, server, self.lambda_, self.firehose)
        self.services = LazyServices(_refuse_services if is_shared and not is_forwarded else own)
        if not (is_shared or is_forwarded) and has_moto():
            server.engine.key_directory = self.services
        self.neighbours: tuple[Neighbour, ...] = (self.lambda_, self.firehose, self.services)
        """In the order in which requests are offered to them."""
        self.deliveries = LazyDeliveries(
            partial(_build_deliveries, server, self.services, self.lambda_),
            lambda: _has_deliveries(server.engine),
        )
        server.engine.channel_host = self.deliveries
        self.routes: tuple[RouteSet, ...] = (self.lambda_.routes, self.deliveries.routes)
        if is_shared:
            for kind in DELIVERIES_KEPT:
                server.engine.kind_watchers.watch(kind, self.deliveries.kept_changed)

    def open_if_kept(self) -> None:
        """Let those that have something kept be there at once. Call in the running loop."""
        self.lambda_.open_if_kept()
        folder = kept_folder(self._server.config)
        if folder is not None and folder.exists() and has_moto():
            self.services.open_if_kept()
        self.deliveries.open_if_kept()

    def reset(self) -> Completion[None]:
        """Let all forget."""
        return completed(reset_all((self.deliveries, *self.neighbours)))

    async def close(self) -> None:
        """End what is under way in all of them: deliveries first, which ask the others."""
        await self.deliveries.close()
        for neighbour in self.neighbours:
            await neighbour.close()

    def function_metrics(self) -> MetricReader | None:
        """What is counted of functions; `None` while there are none."""
        return self.lambda_.metrics()

    def _firehose_metrics(self) -> MetricReader | None:
        """What is counted of delivery streams; `None` while there are none."""
        service = self.deliveries.if_opened()
        if service is None:
            return None
        from headwater.app.deliveries import firehose_metrics  # noqa: PLC0415 - as for Lambda

        return firehose_metrics(service)

    async def _run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool]:
        """What a neighbouring pipe says to Lambda, whose mapping reads its source."""
        from headwater.lambda_.functions.invocation import FunctionNotFound  # noqa: PLC0415 - as Lambda

        done = await self.services.run_pipe(arn, event)
        if done is None:
            raise FunctionNotFound(arn)
        return done

    def _firehose_api(self) -> FirehoseApi:
        from headwater.app.deliveries import firehose_api  # noqa: PLC0415 - as for Lambda

        return firehose_api(self.deliveries.opened())

    def _build_lambda(self) -> LambdaService:
        from uuid import uuid4  # noqa: PLC0415 - servers of streams alone do not pay for it

        from headwater.lambda_.service import (  # noqa: PLC0415 - nor for this
            FunctionSettings,
            LambdaSettings,
            build_lambda,
        )
        from headwater.wire.signature_v4 import Key  # noqa: PLC0415 - nor for signing

        server, config = self._server, self._server.config

        functions = FunctionSettings(
            concurrency=config.lambda_concurrency,
            code_folder=server.opened.folder / FUNCTIONS_FOLDER,
            endpoint_url=server.own_url,
            credentials_of=partial(_credentials_of, server),
            search_path=environment().get("PATH", os.defpath),
            home=Path.home(),
            interpreters=dict(config.lambda_interpreters),
            may_create=bool(server.credentials) or is_loopback(config.host),
            callers_are_known=bool(server.credentials),
        )
        own = _credentials_of(server, config.account_id)
        settings = LambdaSettings(
            functions,
            services_url=lambda: config.lambda_destination_url or server.own_url(),
            run_pipe=self._run_pipe,
            key=Key(own.access_key_id, own.secret_access_key, own.session_token),
            retry_delay_ms=config.lambda_retry_delay_ms,
            shutdown_grace_s=config.shutdown_grace_s,
        )
        return build_lambda(server.engine, settings, server.clock, server.log.note, lambda: str(uuid4()))


def _credentials_of(server: ServerContext, account_id: str) -> FunctionCredentials:
    """What a function of an account signs with."""
    from headwater.lambda_.service import FunctionCredentials  # noqa: PLC0415 - as for Lambda

    key = _key_of(server, account_id)
    return FunctionCredentials(key.access_key_id, key.secret_access_key, key.session_token)


def _key_of(server: ServerContext, account_id: str) -> KnownKey:
    """A key of the account, or any, if it has none."""
    if not server.credentials:
        return KnownKey(account_id, FUNCTION_KEY)
    keys, own_account_id = list(server.credentials.values()), server.config.account_id
    return next((key for key in keys if (key.account_id or own_account_id) == account_id), keys[0])


def _has_deliveries(engine: Engine) -> bool:
    has_channels = any(stream.channels for stream in engine.all_streams())
    return has_channels or any(True for _ in engine.metadata_of(*DELIVERIES_KEPT))


def _build_deliveries(server: ServerContext, services: LazyServices, lambda_: LazyLambda) -> DeliveryService:
    from headwater.app.deliveries import build_deliveries  # noqa: PLC0415 - as for Lambda

    return build_deliveries(server, services, lambda_, lambda account_id: _key_of(server, account_id))


def _build_services(server: ServerContext, lambda_: LazyLambda, firehose: LazyFirehose) -> Services:
    from headwater.app.services import build_services  # noqa: PLC0415 - as for Lambda

    return build_services(server, lambda_, firehose, with_moto=has_moto())


def _refuse_services() -> Services:
    from headwater.app.services import refused_services  # noqa: PLC0415 - as for Lambda

    return refused_services()


def kept_folder(config: Config) -> Path | None:
    """The folder of the neighbours' state, if it is kept."""
    if config.data_dir is None or config.no_keep_neighbours or config.forward_to is not None:
        return None
    return config.data_dir / NEIGHBOURS_FOLDER


def has_services(config: Config) -> bool:
    """Whether requests for other services are answered: by moto, or by another server."""
    return config.forward_to is not None or (config.store is None and has_moto())


def has_moto() -> bool:
    """Whether the extra is installed. Imports nothing."""
    return find_spec("moto") is not None and find_spec("flask") is not None
