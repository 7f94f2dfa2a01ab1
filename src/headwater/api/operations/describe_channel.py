"""DescribeChannel: a channel with its state, destination and source."""

from __future__ import annotations

from headwater.api import answers, channel_descriptions, requests
from headwater.api.channel_reference import channel_of_arn
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def describe_channel(
    engine: Engine, caller: Caller, request: requests.DescribeChannelInput
) -> answers.DescribeChannelOutput:
    """In any state."""
    stream, channel = await channel_of_arn(engine, caller, request.ChannelARN)
    return {"ChannelDescription": channel_descriptions.describe_channel(stream, channel)}
