"""How a request names its channel: by ARN.

Channels of other accounts and regions are never seen, as with streams.
"""

from __future__ import annotations

from headwater.api.stream_reference import elsewhere
from headwater.engine.channel_lifecycle import find_channel
from headwater.engine.engine import Engine
from headwater.model.arn import StreamName, parse_channel_arn
from headwater.model.caller import Caller
from headwater.model.channel import Channel
from headwater.model.errors import InvalidArgumentException, ResourceNotFoundException
from headwater.model.stream import Stream


def channel_id_of(engine: Engine, caller: Caller, arn: str) -> tuple[StreamName, str]:
    """The stream of a channel, and the channel's id.

    Raises InvalidArgumentException for text that is no channel's ARN, ResourceNotFoundException, and
    UnrecognizedClientException for an account that nobody has heard of.
    """
    named = parse_channel_arn(arn)
    if named is None:
        raise InvalidArgumentException(f"{arn} is not the ARN of a channel.")
    if named[:2] != caller:
        error = elsewhere(engine, caller, StreamName(named.account_id, named.region, ""))
        raise _not_found(arn) if isinstance(error, ResourceNotFoundException) else error
    for stream in engine.current_streams(caller):
        if stream.channel(named.channel_id) is not None:
            return stream.full_name, named.channel_id
    raise _not_found(arn)


async def channel_of_arn(engine: Engine, caller: Caller, arn: str) -> tuple[Stream, Channel]:
    """The channel that an ARN names, in any state, and its stream. Raises what `channel_id_of` raises."""
    name, channel_id = channel_id_of(engine, caller, arn)
    stream = await engine.stream(name)
    return stream, find_channel(stream, channel_id)


def _not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Channel {arn} not found.")
