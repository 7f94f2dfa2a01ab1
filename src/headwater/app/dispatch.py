"""What answers the requests of a server: its operations, who may call them, and the routes of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import headwater
from headwater.api.call_rates import rated
from headwater.api.operation import OPERATIONS
from headwater.app.neighbours import Neighbourhood, ServerContext, has_services
from headwater.app.tls import own_names
from headwater.engine.metrics.metric_names import FIREHOSE, LAMBDA
from headwater.model.clock import AdjustableClock
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.admin import Admin, RouteSet
from headwater.server.dispatch import Dispatch
from headwater.server.late_injection import LateInjection
from headwater.server.late_routes import late_routes
from headwater.server.request_counts import RequestCounts
from headwater.server.request_feed import RequestFeed
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
        from headwater.api.cross_account import enforced  # noqa: PLC0415 - most servers verify no signature
        from headwater.server.access.verification import Verification  # noqa: PLC0415 - nor need this

        operations = enforced(operations)  # callers are who they say, so policies mean something
        authentication = Verification(config.account_id, config.region, server.credentials, server.clock)
    if engine.store.is_shared:
        from headwater.api.other_engines import in_step  # noqa: PLC0415 - few servers share a store

        operations = in_step(operations, engine)
    requests = RequestCounts(operations)
    injection = LateInjection(engine)
    feed = RequestFeed()
    routes = (
        *_console_routes(server, test_clock, feed),
        *_late_routes(server, neighbourhood, requests, injection),
        *neighbourhood.routes,
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
        admin=Admin(engine, test_clock, routes, server.unready),
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
            "has_services": has_services(config),
            "has_test_clock": test_clock is not None,
            "is_gateway": engine.store.is_shared,
        }

    def console() -> RouteSet:
        from headwater.server.routes.console import console_routes  # noqa: PLC0415 - see above

        return console_routes(CONSOLE_FOLDER, describe)

    def views() -> RouteSet:
        from headwater.server.routes.stream_views import stream_view_routes  # noqa: PLC0415 - see above

        return stream_view_routes(engine)

    def queues() -> RouteSet:
        from headwater.server.routes.queue_views import queue_view_routes  # noqa: PLC0415 - see above

        return queue_view_routes(engine)

    def records() -> RouteSet:
        from headwater.server.routes.record_feed import record_routes  # noqa: PLC0415 - see above

        return record_routes(engine)

    return (
        late_routes(console, (b"about", b"console"), pages=(b"console/",)),
        late_routes(views, (b"streams", b"shards")),
        late_routes(queues, (b"queues", b"dead-letters")),
        late_routes(records, (b"records",)),
        feed.routes(),
    )


def _late_routes(
    server: ServerContext, neighbourhood: Neighbourhood, requests: RequestCounts, injection: LateInjection
) -> tuple[RouteSet, ...]:
    """The routes that few servers are asked for, each with what it imports."""

    def limits() -> RouteSet:
        from headwater.server.routes.limits import limit_routes  # noqa: PLC0415 - see above

        return limit_routes(server.engine)

    def faults() -> RouteSet:
        from headwater.server.routes.faults import fault_routes  # noqa: PLC0415 - see above

        return fault_routes(injection.loaded())

    def metrics() -> RouteSet:
        from headwater.server.routes.metrics import metric_routes  # noqa: PLC0415 - see above

        readers = {LAMBDA: neighbourhood.function_metrics, FIREHOSE: neighbourhood.firehose.metrics}
        return metric_routes(server.engine, requests, readers, neighbourhood.deliveries.status)

    def backup() -> RouteSet:
        from headwater.server.routes.backup import backup_routes  # noqa: PLC0415 - see above

        return backup_routes(server.opened.begin_copy, partial(server.log.note, "error"))

    return (
        late_routes(limits, (b"limits",)),
        late_routes(faults, (b"faults",), (b"faults",), reset=injection.clear),
        late_routes(metrics, (b"metrics", b"cloudwatch")),
        late_routes(backup, (b"backup",)),
    )
