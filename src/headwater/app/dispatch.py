"""What answers the requests of a server: its operations, who may call them, and the routes of its own."""

from __future__ import annotations

from functools import partial

from headwater.api.call_rates import rated
from headwater.api.cross_account import enforced
from headwater.api.operation import OPERATIONS
from headwater.api.other_engines import in_step
from headwater.app.neighbours import Neighbourhood, ServerContext
from headwater.app.tls import own_names
from headwater.engine.faults.faults import Faults
from headwater.model.clock import AdjustableClock
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.access.verification import Verification
from headwater.server.admin import Admin, RouteSet
from headwater.server.dispatch import Dispatch
from headwater.server.fault_injection import FaultInjection
from headwater.server.request_counts import RequestCounts
from headwater.server.routes.backup import backup_routes
from headwater.server.routes.faults import fault_routes
from headwater.server.routes.limits import limit_routes
from headwater.server.routes.metrics import metric_routes
from headwater.server.wire_formats import WIRE_FORMATS


def build_dispatch(
    server: ServerContext, neighbourhood: Neighbourhood, test_clock: AdjustableClock | None
) -> Dispatch:
    """The dispatch of a server. `test_clock` is what streams go by, if it may be moved."""
    config, engine = server.config, server.engine
    operations, authentication = rated(OPERATIONS), Authentication(config.account_id, config.region)
    if server.credentials:
        operations = enforced(operations)  # callers are who they say, so policies mean something
        authentication = Verification(config.account_id, config.region, server.credentials, server.clock)
    if engine.store.is_shared:
        operations = in_step(operations)
    requests = RequestCounts(operations)
    injection = FaultInjection(Faults(), engine)
    routes = (
        limit_routes(engine),
        fault_routes(injection),
        metric_routes(engine, requests, neighbourhood.function_metrics),
        backup_routes(server.opened.begin_copy, partial(server.log.note, "error")),
        neighbourhood.routes,
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
    )
