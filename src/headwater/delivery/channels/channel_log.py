"""What goes wrong with a channel, written into the CloudWatch Logs that it names.

A log that cannot be written is no reason not to deliver: that is said in the server's own log.

Refuses to know what went wrong.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.channels.dead_letters import ChannelDeadLetters
from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.model.channel import ChannelLogging

PREFIX = "Logs_20140328"
REASONS_MAX = 5
EXISTS = "ResourceAlreadyExistsException"


class ChannelLog:
    """The log of one channel."""

    def __init__(self, context: DeliveryContext) -> None:
        self._context = context
        self._made: ChannelLogging | None = None
        """The group and stream that are known to be there."""
        self._writes: set[asyncio.Task[None]] = set()

    def write(self, delivered: DeliveredChannel, code: str, message: str, **more: Any) -> None:
        """Write a line, if the channel has a log; nobody waits for it."""
        logging = delivered.channel.rules.logging
        if not logging.enabled:
            return
        document = {
            "channelArn": delivered.arn,
            "streamArn": delivered.stream.arn,
            "errorCode": code,
            "errorMessage": message,
            **more,
        }
        event = {
            "timestamp": self._context.engine.now_ms(),
            "message": msgspec.json.encode(document).decode(),
        }
        task = asyncio.ensure_future(self._put(delivered, logging, event))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    def write_dead_letters(
        self, delivered: DeliveredChannel, letters: ChannelDeadLetters, plan: BatchPlan
    ) -> None:
        """Say how many records of a batch were set aside, and why."""
        if len(letters):
            reasons = "; ".join(letters.reasons[:REASONS_MAX])
            self.write(delivered, "DeadLetters", reasons, records=len(letters), batch=plan.number)

    async def close(self) -> None:
        """Let what is being written come to its end."""
        if self._writes:
            await asyncio.wait(self._writes)

    async def _put(self, delivered: DeliveredChannel, logging: ChannelLogging, event: dict[str, Any]) -> None:
        try:
            if self._made != logging:
                await self._make(delivered, logging)
                self._made = logging
            place = {"logGroupName": logging.group, "logStreamName": logging.stream}
            await self._call(delivered, "PutLogEvents", {**place, "logEvents": [event]})
        except DeliveryFailed as error:
            self._context.log("error", f"channel {delivered.channel.name}: its log: {error.message}")

    async def _make(self, delivered: DeliveredChannel, logging: ChannelLogging) -> None:
        group = {"logGroupName": logging.group}
        await self._make_one(delivered, "CreateLogGroup", group)
        await self._make_one(delivered, "CreateLogStream", {**group, "logStreamName": logging.stream})

    async def _make_one(self, delivered: DeliveredChannel, operation: str, members: dict[str, str]) -> None:
        try:
            await self._call(delivered, operation, members)
        except DeliveryFailed as error:
            if error.code != EXISTS:
                raise

    async def _call(self, delivered: DeliveredChannel, operation: str, members: dict[str, Any]) -> None:
        services = self._context.services
        await services.call_json(delivered.caller, "logs", f"{PREFIX}.{operation}", members)
