"""Operations of Lambda where several servers share functions and mappings: as if there were one.

Each waits until this server knows what anybody was told before; one that was overtaken by another one's
change is done again, of what there is then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from headwater.engine.engine import Engine
from headwater.engine.held_versions import Overtaken, catch_up
from headwater.lambda_.api.errors import ResourceConflictException
from headwater.lambda_.api.rest_api import Handler
from headwater.model.caller import Caller
from headwater.server.asyncio_bridge import finished
from headwater.server.http.exchange import Answer

T = TypeVar("T")

ATTEMPTS_MAX = 100


def in_step(engine: Engine, operations: Mapping[str, Handler]) -> dict[str, Handler]:
    """The operations, each in step with what other servers have done."""
    return {name: _kept_in_step(engine, handler) for name, handler in operations.items()}


async def until_not_overtaken(engine: Engine, call: Callable[[], Awaitable[T]]) -> T:
    """What a call gives that nobody has overtaken.

    Raises what it raises, `StoreUnavailable`, and ResourceConflictException where others are always first.
    """
    for _ in range(ATTEMPTS_MAX):
        if engine.lease.is_needed:
            await finished(catch_up(engine))
        try:
            return await call()
        except Overtaken:
            continue
    raise ResourceConflictException("An update is in progress for resource: others change it all the time.")


def _kept_in_step(engine: Engine, handler: Handler) -> Handler:
    async def handle(caller: Caller, request: dict[str, Any]) -> dict[str, Any] | Answer:
        return await until_not_overtaken(engine, lambda: handler(caller, dict(request)))

    return handle
