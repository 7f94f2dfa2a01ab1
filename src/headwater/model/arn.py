"""Amazon Resource Names of streams and of their consumers.

The partition follows the region, as at AWS. Parsing accepts what the patterns of
the API model accept and tells the parts; whether the resource exists is not
known here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from headwater.model.partition import partition_of

_STREAM = re.compile(r"arn:(aws[\w-]*):kinesis:([^:]*):(\d{12}):stream/([a-zA-Z0-9_.-]{1,128})", re.ASCII)
_CONSUMER = re.compile(
    r"(arn:aws[\w-]*:kinesis:[^:]*:\d{12}:stream/[a-zA-Z0-9_.-]{1,128})/consumer/([a-zA-Z0-9_.-]{1,128}):(\d+)",
    re.ASCII,
)


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


def stream_arn(stream: StreamName) -> str:
    """The ARN of a stream."""
    return (
        f"arn:{partition_of(stream.region)}:kinesis:{stream.region}:{stream.account_id}:stream/{stream.name}"
    )


def consumer_arn(stream: StreamName, name: str, created_s: int) -> str:
    """The ARN of a consumer; it holds the consumer's creation time in seconds."""
    return f"{stream_arn(stream)}/consumer/{name}:{created_s}"


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
