"""DescribeStreamConsumer: one registered consumer."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.descriptions import describe_consumer
from headwater.api.stream_reference import consumer_named
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def describe_stream_consumer(
    engine: Engine, caller: Caller, request: requests.DescribeStreamConsumerInput
) -> answers.DescribeStreamConsumerOutput:
    """Named by its ARN, or by its stream's ARN and its name."""
    stream, consumer = await consumer_named(engine, caller, request)
    return {"ConsumerDescription": {**describe_consumer(stream, consumer), "StreamARN": stream.arn}}
