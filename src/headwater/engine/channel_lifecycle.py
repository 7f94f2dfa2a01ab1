"""What calls and time do to the channels of a stream's value: pure functions from a stream to a stream.

Time ends an update and a deletion. Only who delivers ends a creation, by `settle_channel`: it knows
whether the destination is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from headwater.engine.attachments import (
    begin_deletion,
    begin_update,
    end_transition,
    require_active_attachment,
    require_on_demand,
)
from headwater.model.arn import ChannelId, channel_arn
from headwater.model.channel import Channel, ChannelRules
from headwater.model.errors import LimitExceededException, ResourceNotFoundException
from headwater.model.stream import Stream

REASON_LENGTH_MAX = 2048


class ChannelHost(Protocol):
    """Who delivers what channels are for."""

    def stream_changed(self, stream: Stream | None) -> None:
        """A stream has another value, and so may its channels; `None`: one is gone, or all are."""


def arn_of_channel(stream: Stream, channel: Channel) -> str:
    """The ARN of a channel of the stream."""
    return channel_arn(ChannelId(stream.account_id, stream.region, channel.channel_id))


def add_channel(stream: Stream, channel: Channel) -> Stream:
    """The stream with one more channel.

    Raises ValidationException for a provisioned stream, and LimitExceededException when it has a channel to
    such a destination: one to a bucket and one to a table are what the developer guide allows.
    """
    require_on_demand(stream, channel)
    others = [other.name for other in stream.channels if type(other.target) is type(channel.target)]
    if others:
        raise LimitExceededException(
            f"Stream {stream.label} already has a channel to a destination of this type: {others[0]}. "
            "A stream can have one channel to a general purpose S3 bucket and one to S3 Tables."
        )
    return msgspec.structs.replace(stream, channels=(*stream.channels, channel))


def find_channel(stream: Stream, channel_id: str) -> Channel:
    """The channel of this id. Raises ResourceNotFoundException."""
    channel = stream.channel(channel_id)
    if channel is None:
        arn = channel_arn(ChannelId(stream.account_id, stream.region, channel_id))
        raise ResourceNotFoundException(f"Channel {arn} not found.")
    return channel


def replace_channel(stream: Stream, channel: Channel) -> Stream:
    """The stream with a new value of one of its channels."""
    channels = tuple(
        channel if other.channel_id == channel.channel_id else other for other in stream.channels
    )
    return msgspec.structs.replace(stream, channels=channels)


def update_channel(
    stream: Stream, channel_id: str, rules: Callable[[Channel], ChannelRules], due_ms: int
) -> Stream:
    """The stream with a channel that is UPDATING. Raises ResourceInUseException unless it is ACTIVE."""
    channel = find_channel(stream, channel_id)
    require_active_attachment(stream, channel)
    return replace_channel(stream, begin_update(channel, rules(channel), due_ms))


def delete_channel(stream: Stream, channel_id: str, due_ms: int) -> Stream:
    """The stream with a channel that is DELETING; one that is already stays so."""
    channel = find_channel(stream, channel_id)
    if channel.status == "DELETING":
        return stream
    return replace_channel(stream, begin_deletion(channel, due_ms))


def settle_channel(stream: Stream, channel_id: str, failure: str | None) -> Stream:
    """The stream with a channel ACTIVE that was CREATING, or FAILED for a reason."""
    channel = stream.channel(channel_id)
    if channel is None or channel.status != "CREATING":
        return stream
    settled = msgspec.structs.replace(
        channel,
        status="ACTIVE" if failure is None else "FAILED",
        status_reason=None if failure is None else failure[:REASON_LENGTH_MAX],
        due_ms=None,
    )
    return replace_channel(stream, settled)


def advance_channels(stream: Stream, now_ms: int) -> Stream:
    """Apply to the channels what has become due."""
    if not any(_is_due(channel, now_ms) for channel in stream.channels):
        return stream
    advanced = [
        end_transition(channel) if _is_due(channel, now_ms) else channel for channel in stream.channels
    ]
    return msgspec.structs.replace(
        stream, channels=tuple(channel for channel in advanced if channel is not None)
    )


def next_channel_due_ms(stream: Stream) -> list[int]:
    """When time does something to a channel."""
    return [
        channel.due_ms
        for channel in stream.channels
        if channel.due_ms is not None and channel.status != "CREATING"
    ]


def _is_due(channel: Channel, now_ms: int) -> bool:
    return channel.status != "CREATING" and channel.due_ms is not None and channel.due_ms <= now_ms
