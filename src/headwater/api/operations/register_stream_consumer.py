"""RegisterStreamConsumer: a new consumer, CREATING at first."""

from __future__ import annotations

import msgspec

from headwater.api import answers, requests
from headwater.api.descriptions import describe_consumer
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.consumers import arn_of, created_ms, find_by_name, register
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import CONSUMERS_ADVANTAGE_MAX, CONSUMERS_MAX
from headwater.engine.stream_checks import add_tags, require_active
from headwater.model.caller import Caller
from headwater.model.consumer import Consumer
from headwater.model.stream import Stream


async def register_stream_consumer(
    engine: Engine, caller: Caller, request: requests.RegisterStreamConsumerInput
) -> answers.RegisterStreamConsumerOutput:
    """20 consumers a stream; 50 for an on-demand stream of an account with the commitment."""
    now_ms = engine.now_ms()
    committed = engine.account(caller).committed(now_ms)
    name: str = request.ConsumerName

    def change(stream: Stream) -> Stream:
        require_active(stream)
        consumer = Consumer(
            name=name,
            created_ms=created_ms(stream, name, now_ms),
            due_ms=now_ms + engine.settings.transition_ms,
        )
        what = f"consumer {arn_of(stream, consumer)}"
        tagged = msgspec.structs.replace(consumer, tags=add_tags({}, request.Tags or {}, what))
        advantage = committed and stream.mode == "ON_DEMAND"
        return register(stream, tagged, CONSUMERS_ADVANTAGE_MAX if advantage else CONSUMERS_MAX)

    stream = await engine.replace(stream_of_arn(engine, caller, request.StreamARN), change)
    return {"Consumer": describe_consumer(stream, find_by_name(stream, name))}
