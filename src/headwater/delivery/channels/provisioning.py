"""What a channel needs before it is ACTIVE: that its destination is there.

Refuses to know what becomes of a channel whose destination is not.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.objects import Bucket
from headwater.model.channel import BucketTarget, TableTarget
from headwater.model.key_template import KeyContext, key_of

KEY_BYTES_MAX = 1024
"""Of S3."""
TABLES = "headwater.delivery.channels.table_destination"


async def provision(context: DeliveryContext, delivered: DeliveredChannel) -> None:
    """Find everything that the channel writes to. Raises `DeliveryFailed`."""
    channel, caller = delivered.channel, delivered.caller
    letters = channel.dead_letters
    if isinstance(channel.target, BucketTarget):
        bucket = Bucket.of_arn(channel.target.bucket_arn, channel.target.owner)
        await context.objects.require_bucket(caller, bucket)
        _require_short_keys(delivered, channel.target)
        if channel.target.compression == "ZSTD" and find_spec("zstandard") is None:
            raise not_installed("Compression by ZSTD", "zstandard")
    await context.objects.require_bucket(caller, Bucket.of_arn(letters.bucket_arn, letters.owner))
    if isinstance(channel.target, TableTarget):
        await (await load_tables(context)).make_table(context, delivered)


def _require_short_keys(delivered: DeliveredChannel, target: BucketTarget) -> None:
    channel = delivered.channel
    names = KeyContext(channel.name, channel.channel_id, delivered.stream.name, channel.created_ms, ".zst")
    key = key_of(target.key_template, names, delivered.suffix(BatchPlan(1, channel.created_ms, {})))
    if len(key) > KEY_BYTES_MAX:
        text = f"By the OutputKeyTemplate keys have {len(key)} bytes; S3 takes {KEY_BYTES_MAX} at most."
        raise DeliveryFailed("KeyTooLongError", text)


async def load_tables(context: DeliveryContext) -> ModuleType:
    """What writes tables: a second to import, and of the extra. Raises `DeliveryFailed` without it."""
    try:
        return await context.in_thread(lambda: import_module(TABLES))
    except ModuleNotFoundError as error:
        raise not_installed("Delivery to S3 Tables", str(error.name)) from error


def not_installed(what: str, package: str) -> DeliveryFailed:
    """The failure of what needs a package that is not there."""
    return DeliveryFailed("NotInstalled", f"{what} needs {package}: pip install 'headwater[delivery]'.")
