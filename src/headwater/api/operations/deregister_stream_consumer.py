"""DeregisterStreamConsumer: the consumer is DELETING for a while, then gone."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import consumer_named
from headwater.engine.consumers import find_by_name, replace_consumer
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.stream import Stream


async def deregister_stream_consumer(
    engine: Engine, caller: Caller, request: requests.DeregisterStreamConsumerInput
) -> None:
    """A consumer that is CREATING goes, too; one that is DELETING already stays so."""
    stream, consumer = await consumer_named(engine, caller, request)
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(stream: Stream) -> Stream:
        present = find_by_name(stream, consumer.name)
        if present.status == "DELETING":
            return stream
        deleting = msgspec.structs.replace(present, status="DELETING", due_ms=due_ms)
        return replace_consumer(stream, deleting)

    await engine.replace(stream.full_name, change)
