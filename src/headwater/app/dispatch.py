"""What answers the requests of a server: its operations, who may call them, and the routes of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import headwater
from headwater.api.call_rates import rated
from headwater.api.cross_account import enforced
from headwater.api.operation import OPERATIONS
from headwater.app.neighbours import Neighbourhood, ServerContext, has_moto
from headwater.app.tls import own_names
from headwater.engine.engine import Engine
from headwater.engine.faults.faults import Faults
from headwater.model.clock import AdjustableClock
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.access.verification import Verification
from headwater.server.admin import Admin, RouteSet, Streamed
from headwater.server.dispatch import Dispatch
from headwater.server.fault_injection import FaultInjection
from headwater.server.http.exchange import Answer
from headwater.server.request_counts import RequestCounts
from headwater.server.request_feed import RequestFeed
from headwater.server.routes.backup import backup_routes
from headwater.server.routes.console import console_routes
from headwater.server.routes.faults import fault_routes
from headwater.server.routes.limits import limit_routes
from headwater.server.routes.metrics import metric_routes
from headwater.server.wire_formats import WIRE_FORMATS

CONSOLE_FOLDER = Path(headwater.__file__).parent / "console"
"""Built files, which a checkout does not have before `make console`."""


def build_dispatch(
    server: ServerContext, neighbourhood: Neighbourhood, test_clock: AdjustableClock | None
) -> Dispatch:
    """The dispatch of a server. `test_clock` is what streams go by, if it may be moved."""
    config, engine = server.config, server.engine
    operations, authentication = rated(OPERATIONS), Authentication(config.account_id, config.region)
    if server.credentials:
        operations = enforced(operations)  # callers are who they say, so policies mean something
        authentication = Verification(config.account_id, config.region, server.credentials, server.clock)
    requests = RequestCounts(operations)
    injection = FaultInjection(Faults(), engine)
    feed = RequestFeed()
    routes = (
        *_console_routes(server, test_clock, feed),
        limit_routes(engine),
        fault_routes(injection),
        metric_routes(engine, requests, neighbourhood.function_metrics),
        backup_routes(server.opened.begin_copy, partial(server.log.note, "error")),
        neighbourhood.lambda_.routes,
        RouteSet({}, reset=neighbourhood.reset),
    )
    return Dispatch(
        engine,
        operations,
        WIRE_FORMATS,
        authentication=authentication,
        hosts=HostPolicy(own_names(config), config.allow_hosts),
        origins=OriginPolicy(config.allow_origins),
        log=server.log,
        admin=Admin(engine, test_clock, routes),
        neighbours=neighbourhood.neighbours,
        injection=injection,
        requests=requests,
        feed=feed,
        pages_only_read=config.has_console and config.console == "read-only",
    )


def _console_routes(
    server: ServerContext, test_clock: AdjustableClock | None, feed: RequestFeed
) -> tuple[RouteSet, ...]:
    """The console and what is there for it; nothing, where it is turned off."""
    config, engine = server.config, server.engine
    if not config.has_console:
        return ()

    def describe() -> dict[str, Any]:
        return {
            "account": config.account_id,
            "region": config.region,
            "places": sorted({(name.account_id, name.region) for name in engine.metrics.streams()}),
            "is_read_only": config.console == "read-only",
            "must_sign": bool(server.credentials),
            "has_services": config.forward_to is not None or has_moto(),
            "has_test_clock": test_clock is not None,
        }

    return (
        console_routes(CONSOLE_FOLDER, describe),
        _loaded_when_asked((b"streams", b"shards", b"records"), partial(_load_views, engine)),
        feed.routes(),
    )


def _loaded_when_asked(paths: tuple[bytes, ...], load: Callable[[], RouteSet]) -> RouteSet:
    """Routes that are loaded by the first who asks one of them."""
    loaded = cache(load)

    async def ask(path: bytes, query: bytes) -> dict[str, Any] | Answer | Streamed:
        return await loaded().routes[path][b"GET"](query)

    return RouteSet({path: {b"GET": partial(ask, path)} for path in paths})


def _load_views(engine: Engine) -> RouteSet:
    from headwater.server.routes.record_feed import record_routes  # noqa: PLC0415 - for who opens the console
    from headwater.server.routes.stream_views import stream_view_routes  # noqa: PLC0415 - the same

    return RouteSet({**stream_view_routes(engine).routes, **record_routes(engine).routes})
