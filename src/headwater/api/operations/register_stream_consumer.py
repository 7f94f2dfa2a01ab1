"""RegisterStreamConsumer: a new consumer, CREATING at first."""

from __future__ import annotations

from typing import Any

from headwater.api.descriptions import describe_consumer
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.consumers import arn_of, find_by_name, register
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import CONSUMERS_ADVANTAGE_MAX, CONSUMERS_MAX
from headwater.engine.stream_checks import add_tags, require_active
from headwater.model.caller import Caller
from headwater.model.consumer import Consumer
from headwater.model.stream import Stream


async def register_stream_consumer(engine: Engine, caller: Caller, request: Any) -> dict[str, Any]:
    """20 consumers a stream; 50 for an on-demand stream of an account with the commitment."""
    now_ms = engine.now_ms()
    committed = engine.account(caller).committed(now_ms)
    consumer = Consumer(
        name=request.ConsumerName, created_ms=now_ms, due_ms=now_ms + engine.settings.transition_ms
    )

    def change(stream: Stream) -> Stream:
        require_active(stream)
        what = f"consumer {arn_of(stream, consumer)}"
        tagged = Consumer(
            name=consumer.name,
            created_ms=consumer.created_ms,
            due_ms=consumer.due_ms,
            tags=add_tags({}, request.Tags or {}, what),
        )
        advantage = committed and stream.mode == "ON_DEMAND"
        return register(stream, tagged, CONSUMERS_ADVANTAGE_MAX if advantage else CONSUMERS_MAX)

    stream = await engine.replace(stream_of_arn(engine, caller, request.StreamARN), change)
    return {"Consumer": describe_consumer(stream, find_by_name(stream, consumer.name))}
