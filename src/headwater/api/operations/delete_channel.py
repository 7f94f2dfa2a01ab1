"""DeleteChannel: the channel is DELETING for a while, then gone; what it has delivered stays."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.channel_reference import channel_id_of
from headwater.engine import channel_lifecycle
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def delete_channel(engine: Engine, caller: Caller, request: requests.DeleteChannelInput) -> None:
    """In any state; nothing is delivered from then on."""
    name, channel_id = channel_id_of(engine, caller, request.ChannelARN)
    due_ms = engine.now_ms() + engine.settings.transition_ms
    await engine.replace(name, lambda stream: channel_lifecycle.delete_channel(stream, channel_id, due_ms))
