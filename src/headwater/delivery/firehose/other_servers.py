"""Firehose where several servers have the same delivery streams: each knows what anybody was told before.

As in `api/other_engines.py`: what describes or changes delivery streams waits until everything is known that
was acknowledged before; a put does so only before it says no, and is tried once more then. All that a request
waits for together has a time.

Refuses to know what an operation does.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from headwater.delivery.firehose.errors import DeliveryStreamNotFound, FirehoseError, InvalidArgument
from headwater.delivery.firehose.operations import Document, Handler
from headwater.delivery.firehose.put_requests import is_put
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.server.asyncio_bridge import finished, in_time
from headwater.storage.interface import IN_TIME_S

_InStep = Callable[[Engine, Handler, Caller, Any], Coroutine[Any, Any, Document]]
_NO = (DeliveryStreamNotFound, InvalidArgument)


def in_step(handlers: Mapping[str, Handler], engine: Engine) -> Mapping[str, Handler]:
    """The handlers, each in step with what other servers have done, if there are any."""
    if not engine.store.is_shared:
        return handlers

    def kept(handle: _InStep, handler: Handler) -> Handler:
        async def answer(caller: Caller, members: Any) -> Document:
            return await in_time(handle(engine, handler, caller, members), FirehoseError)

        return answer

    return {
        name: kept(_asked_again if is_put(name) else _caught_up, handler)
        for name, handler in handlers.items()
    }


async def _caught_up(engine: Engine, handler: Handler, caller: Caller, members: Any) -> Document:
    await finished(_catch_up(engine))
    return await handler(caller, members)


async def _asked_again(engine: Engine, handler: Handler, caller: Caller, members: Any) -> Document:
    began_s = engine.stopwatch()
    try:
        return await handler(caller, members)
    except _NO:
        await finished(_catch_up(engine))
        if engine.stopwatch() - began_s > IN_TIME_S:
            raise  # nobody waits for it any more
        return await handler(caller, members)


async def _catch_up(engine: Engine) -> None:
    await engine.store.catch_up()
