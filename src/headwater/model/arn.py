"""Amazon Resource Names of streams, of their consumers, of queues and of channels.

The partition follows the region, as at AWS. Parsing accepts what the patterns of
the API model accept and tells the parts; whether the resource exists is not
known here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from headwater.model.late_pattern import late_pattern
from headwater.model.partition import partition_of

_STREAM = late_pattern(r"arn:(aws[\w-]*):kinesis:([^:]*):(\d{12}):stream/([a-zA-Z0-9_.-]{1,128})", re.ASCII)
_CONSUMER = late_pattern(
    r"(arn:aws[\w-]*:kinesis:[^:]*:\d{12}:stream/[a-zA-Z0-9_.-]{1,128})/consumer/([a-zA-Z0-9_.-]{1,128}):(\d+)",
    re.ASCII,
)
_CHANNEL = late_pattern(r"arn:(aws[\w-]*):kinesis:([^:]*):(\d{12}):channel/([a-z0-9]{1,64})", re.ASCII)
_QUEUE = late_pattern(r"arn:(aws[\w-]*):kinesis:([^:]*):(\d{12}):queue/([a-z0-9]{1,64})", re.ASCII)


class StreamName(NamedTuple):
    """The whole name of a stream: unique over all accounts and regions."""

    account_id: str
    region: str
    name: str


class ConsumerName(NamedTuple):
    """The parts of a consumer's ARN."""

    stream: StreamName
    name: str
    created_s: int


class QueueId(NamedTuple):
    """The parts of a queue's ARN. The id was generated: the queue's name is not in it."""

    account_id: str
    region: str
    queue_id: str


class ChannelId(NamedTuple):
    """The parts of a channel's ARN. The id was generated: the channel's name is not in it."""

    account_id: str
    region: str
    channel_id: str


def stream_arn(stream: StreamName) -> str:
    """The ARN of a stream."""
    return (
        f"arn:{partition_of(stream.region)}:kinesis:{stream.region}:{stream.account_id}:stream/{stream.name}"
    )


def consumer_arn(stream: StreamName, name: str, created_s: int) -> str:
    """The ARN of a consumer; it holds the consumer's creation time in seconds."""
    return f"{stream_arn(stream)}/consumer/{name}:{created_s}"


def queue_arn(queue: QueueId) -> str:
    """The ARN of a queue."""
    partition = partition_of(queue.region)
    return f"arn:{partition}:kinesis:{queue.region}:{queue.account_id}:queue/{queue.queue_id}"


def channel_arn(channel: ChannelId) -> str:
    """The ARN of a channel."""
    partition = partition_of(channel.region)
    return f"arn:{partition}:kinesis:{channel.region}:{channel.account_id}:channel/{channel.channel_id}"


def parse_stream_arn(arn: str) -> StreamName | None:
    """The stream that an ARN names; `None` when it names no stream."""
    match = _STREAM.fullmatch(arn)
    return StreamName(match[3], match[2], match[4]) if match else None


def parse_consumer_arn(arn: str) -> ConsumerName | None:
    """The consumer that an ARN names; `None` when it names no consumer."""
    match = _CONSUMER.fullmatch(arn)
    if not match:
        return None
    stream = parse_stream_arn(match[1])
    return ConsumerName(stream, match[2], int(match[3])) if stream else None


def parse_queue_arn(arn: str) -> QueueId | None:
    """The queue that an ARN names; `None` when it names no queue."""
    match = _QUEUE.fullmatch(arn)
    return QueueId(match[3], match[2], match[4]) if match else None


def parse_channel_arn(arn: str) -> ChannelId | None:
    """The channel that an ARN names; `None` when it names no channel."""
    match = _CHANNEL.fullmatch(arn)
    return ChannelId(match[3], match[2], match[4]) if match else None
