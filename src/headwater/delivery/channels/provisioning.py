"""What a channel needs before it is ACTIVE: that its destination is there.

Refuses to know what becomes of a channel whose destination is not.
"""

from __future__ import annotations

from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.objects import Bucket
from headwater.model.channel import BucketTarget


async def provision(context: DeliveryContext, delivered: DeliveredChannel) -> None:
    """Find everything that the channel writes to. Raises `DeliveryFailed`."""
    channel, caller = delivered.channel, delivered.caller
    letters = channel.dead_letters
    if isinstance(channel.target, BucketTarget):
        bucket = Bucket.of_arn(channel.target.bucket_arn, channel.target.owner)
        await context.objects.require_bucket(caller, bucket)
    else:
        raise DeliveryFailed("NotImplemented", "Delivery to S3 Tables is not offered.")
    await context.objects.require_bucket(caller, Bucket.of_arn(letters.bucket_arn, letters.owner))
    await context.services.keep()
