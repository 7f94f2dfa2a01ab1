"""A channel with what its delivery needs to know of the stream.

Refuses to know how anything is delivered.
"""

from __future__ import annotations

from typing import NamedTuple

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.objects import Bucket
from headwater.delivery.results import object_place, table_place
from headwater.engine.channel_lifecycle import arn_of_channel
from headwater.model.caller import Caller
from headwater.model.channel import BucketTarget, Channel
from headwater.model.stream import Stream

DELIVERY_KIND = "channel"


def delivery_id_of(channel: Channel) -> str:
    """The id of a channel's delivery."""
    return f"{DELIVERY_KIND}:{channel.channel_id}"


class DeliveredChannel(NamedTuple):
    """A channel and its stream, as they are now."""

    stream: Stream
    channel: Channel

    @property
    def caller(self) -> Caller:
        """Whose it is: for whom the services are asked."""
        return Caller(self.stream.account_id, self.stream.region)

    @property
    def arn(self) -> str:
        """The channel's ARN."""
        return arn_of_channel(self.stream, self.channel)

    @property
    def place(self) -> str:
        """Where it delivers to: the address of its bucket, or of its table."""
        target = self.channel.target
        bucket = Bucket.of_arn(target.bucket_arn).name
        if isinstance(target, BucketTarget):
            return object_place(bucket, "")
        return table_place(bucket, target.namespace, target.table)

    @property
    def set_aside_to(self) -> str:
        """Where its dead letters go."""
        letters = self.channel.dead_letters
        return object_place(Bucket.of_arn(letters.bucket_arn).name, letters.prefix)

    def suffix(self, plan: BatchPlan) -> str:
        """What tells the objects of a batch from all others: the same when the batch is made again."""
        return f"{self.channel.channel_id[:8]}-{plan.number:010d}"
