"""Firehose where several servers have the same delivery streams: each knows what anybody was told before.

As in `api/other_engines.py`: what describes or changes delivery streams waits until everything is known that
was acknowledged before; a put does so only before it says no, and is tried once more then.

Refuses to know what an operation does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from headwater.delivery.firehose.errors import DeliveryStreamNotFound, InvalidArgument
from headwater.delivery.firehose.operations import Document, Handler
from headwater.delivery.firehose.put_requests import is_put
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.server.asyncio_bridge import finished

_NO = (DeliveryStreamNotFound, InvalidArgument)


def in_step(handlers: Mapping[str, Handler], engine: Engine) -> Mapping[str, Handler]:
    """The handlers, each in step with what other servers have done, if there are any."""
    if not engine.store.is_shared:
        return handlers
    return {
        name: partial(_asked_again if is_put(name) else _caught_up, engine, handler)
        for name, handler in handlers.items()
    }


async def _caught_up(engine: Engine, handler: Handler, caller: Caller, members: Any) -> Document:
    await finished(_catch_up(engine))
    return await handler(caller, members)


async def _asked_again(engine: Engine, handler: Handler, caller: Caller, members: Any) -> Document:
    try:
        return await handler(caller, members)
    except _NO:
        await finished(_catch_up(engine))
        return await handler(caller, members)


async def _catch_up(engine: Engine) -> None:
    await engine.store.catch_up()
