"""Operations where several engines serve the same data: each answer knows what anybody was told before.

An engine is told of others' changes soon, but not at once. What describes or changes streams waits until
the engine knows all that was acknowledged before the request. Records do not wait: only before such an
operation says no, the engine looks whether it has missed something, and if so it is asked once more.

Refuses to know how engines hear of each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headwater.api.operation import Answered, Handler, Operation
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, ResourceNotFoundException

RECORD_OPERATIONS = {"GetRecords", "GetShardIterator", "PutRecord", "PutRecords", "SubscribeToShard"}
"""Those that do not wait."""
_NO = (InvalidArgumentException, ResourceNotFoundException)


def in_step(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations, each in step with what other engines have done."""
    return {
        name: operation.wrapped(_asked_again if name in RECORD_OPERATIONS else _caught_up)
        for name, operation in operations.items()
    }


def _caught_up(handler: Handler) -> Handler:
    async def handle(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
        await engine.store.catch_up()
        return await handler(engine, caller, request)

    return handle


def _asked_again(handler: Handler) -> Handler:
    async def handle(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
        try:
            return await handler(engine, caller, request)
        except _NO:
            await engine.store.catch_up()
            return await handler(engine, caller, request)

    return handle
