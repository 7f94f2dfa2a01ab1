"""UpdateChannel: another freshness or logging for a channel, which is UPDATING for a while."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.channel_descriptions import describe_channel
from headwater.api.channel_reference import channel_id_of
from headwater.api.channel_requests import rules_after
from headwater.engine import channel_lifecycle
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.channel import BucketTarget, Channel, ChannelRules
from headwater.model.errors import ValidationException


async def update_channel(
    engine: Engine, caller: Caller, request: requests.UpdateChannelInput
) -> answers.UpdateChannelOutput:
    """What is not given stays. The new rules are shown at once, and hold when the update is complete.

    Raises ResourceInUseException, ResourceNotFoundException and ValidationException.
    """
    name, channel_id = channel_id_of(engine, caller, request.ChannelARN)
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(channel: Channel) -> ChannelRules:
        return rules_after(channel.rules, _freshness(request, channel), _logs(request))

    stream = await engine.replace(
        name, lambda stream: channel_lifecycle.update_channel(stream, channel_id, change, due_ms)
    )
    channel = channel_lifecycle.find_channel(stream, channel_id)
    return {"ChannelDescription": describe_channel(stream, channel)}


def _freshness(request: requests.UpdateChannelInput, channel: Channel) -> int | None:
    bucket, table = request.S3DestinationConfiguration, request.S3TablesDestinationConfiguration
    to_bucket = isinstance(channel.target, BucketTarget)
    if (table if to_bucket else bucket) is not None:
        kind = "a general purpose S3 bucket" if to_bucket else "a streaming table"
        raise ValidationException(
            f"Channel {channel.name} delivers to {kind}: its destination cannot change."
        )
    given = bucket or table
    if given is None and request.LoggingConfiguration is None:
        raise ValidationException("Specify a DataFreshnessInSeconds or a LoggingConfiguration.")
    return None if given is None else given.DataFreshnessInSeconds


def _logs(request: requests.UpdateChannelInput) -> requests.CloudWatchLogsUpdateInput | None:
    return None if request.LoggingConfiguration is None else request.LoggingConfiguration.CloudWatchLogs
