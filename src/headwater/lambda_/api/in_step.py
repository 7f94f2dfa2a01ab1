"""Operations of Lambda where several servers share functions and mappings: as if there were one.

Each waits until this server knows what anybody was told before; one that was overtaken by another one's
change is done again, of what there is then. All that it waits for together has a time; an invocation may take
as long as its function, and sees by itself to how long it waits for the store.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from headwater.engine.engine import Engine
from headwater.engine.held_versions import Overtaken, catch_up
from headwater.lambda_.api.errors import LambdaError, ResourceConflictException
from headwater.lambda_.api.rest_api import Handler
from headwater.model.caller import Caller
from headwater.server.asyncio_bridge import finished, in_time
from headwater.server.http.exchange import Answer
from headwater.storage.interface import IN_TIME_S

T = TypeVar("T")

ATTEMPTS_MAX = 100
INVOKE = "Invoke"


def in_step(engine: Engine, operations: Mapping[str, Handler]) -> dict[str, Handler]:
    """The operations, each in step with what other servers have done."""
    return {
        name: handler if name == INVOKE else _kept_in_step(engine, handler)
        for name, handler in operations.items()
    }


async def until_not_overtaken(engine: Engine, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What a call gives that nobody has overtaken.

    Raises what it raises, `StoreUnavailable`, and ResourceConflictException where others are always first.
    """
    if engine.lease.is_needed:
        return await in_time(_until_not_overtaken(engine, call), LambdaError)
    return await _until_not_overtaken(engine, call)


async def _until_not_overtaken(engine: Engine, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    began_s = engine.stopwatch()
    for _ in range(ATTEMPTS_MAX):
        await finished(catch_up(engine))
        try:
            return await call()
        except Overtaken:
            if engine.stopwatch() - began_s > IN_TIME_S:
                break  # nobody waits for it any more
    raise ResourceConflictException("An update is in progress for resource: others change it all the time.")


def _kept_in_step(engine: Engine, handler: Handler) -> Handler:
    async def handle(caller: Caller, request: dict[str, Any]) -> dict[str, Any] | Answer:
        return await until_not_overtaken(engine, lambda: handler(caller, dict(request)))

    return handle
