"""What a channel needs before it is ACTIVE: that its destination is there.

Refuses to know what becomes of a channel whose destination is not.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.objects import Bucket
from headwater.model.channel import BucketTarget, TableTarget

TABLES = "headwater.delivery.channels.table_destination"


async def provision(context: DeliveryContext, delivered: DeliveredChannel) -> None:
    """Find everything that the channel writes to. Raises `DeliveryFailed`."""
    channel, caller = delivered.channel, delivered.caller
    letters = channel.dead_letters
    if isinstance(channel.target, BucketTarget):
        bucket = Bucket.of_arn(channel.target.bucket_arn, channel.target.owner)
        await context.objects.require_bucket(caller, bucket)
    await context.objects.require_bucket(caller, Bucket.of_arn(letters.bucket_arn, letters.owner))
    if isinstance(channel.target, TableTarget):
        await (await load_tables(context)).make_table(context, delivered)


async def load_tables(context: DeliveryContext) -> ModuleType:
    """What writes tables: a second to import, and of the extra. Raises `DeliveryFailed` without it."""
    try:
        return await context.in_thread(lambda: import_module(TABLES))
    except ModuleNotFoundError as error:
        text = f"Delivery to S3 Tables needs {error.name}: pip install 'headwater[delivery]'."
        raise DeliveryFailed("NotInstalled", text) from error
