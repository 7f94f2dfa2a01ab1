"""ListChannels: a page of the channels of an account and region, in the order of their names."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.channel_descriptions import describe_channel_summary
from headwater.api.part_listing import page_of_parts
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def list_channels(
    engine: Engine, caller: Caller, request: requests.ListChannelsInput
) -> answers.ListChannelsOutput:
    """Raises InvalidArgumentException and ExpiredNextTokenException."""
    listed, next_token = await page_of_parts(
        engine, caller, "ListChannels", request, lambda stream: stream.channels
    )
    answer: answers.ListChannelsOutput = {
        "ChannelSummaries": [describe_channel_summary(stream, channel) for stream, channel in listed]
    }
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer
