"""A destination of what a function did not take: a queue, a topic, a bucket or a stream.

Event source mappings send there the records that they give up, functions the asynchronous events.
Refuses to know what a message says, and how it is delivered.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class DestinationMessage(NamedTuple):
    """A message for a destination."""

    destination_arn: str
    body: bytes
    object_key: str
    """Where it lies in a bucket."""
    partition_key: str
    """By which it goes into a stream."""


class DestinationFailed(Exception):
    """A message could not be delivered; the text says why."""


class MessageSender(Protocol):
    """Delivers messages to destinations."""

    async def send(self, message: DestinationMessage) -> None:
        """Deliver a message. A coroutine of asyncio's. Raises `DestinationFailed`."""
