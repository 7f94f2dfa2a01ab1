"""An administrator: creates, changes, describes and deletes streams, mostly as the rules allow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from json import dumps
from typing import Any

from headwater.model.errors import KinesisError
from headwater.storage.interface import StoreUnavailable
from tests.simulation.simulated_server import ConnectionLost
from tests.simulation.stream_book import LOOKS
from tests.simulation.world import World

CONSUMER_NAMES = ("reports", "alarms")
KEY_IDS = ("alias/one", "alias/two")
Choice = Callable[[World, str], dict[str, Any]]


async def administrate(world: World, changes: list[str]) -> None:
    """Make changes of these kinds, and look at what there is, until the history ends."""
    while not world.ending:
        await world.scheduler.turn("an administrator")
        if world.ending:
            return
        name = world.chance.choice(world.names)
        with suppress(KinesisError, StoreUnavailable, ConnectionLost):
            await _step(world, name, changes)


async def change(world: World, operation: str, name: str) -> None:
    """Make one change, whatever comes of it."""
    with suppress(KinesisError, StoreUnavailable, ConnectionLost):
        await world.book.change(operation, **CHOICES[operation](world, name))


async def _step(world: World, name: str, changes: list[str]) -> None:
    if world.stream(name).state is None and world.chance.random() < 0.7:
        await world.book.change("CreateStream", **_create(world, name))
    elif world.chance.random() < 0.4:
        await look(world, name)
    else:
        operation = world.chance.choice(changes)
        if operation in {"SplitShard", "MergeShards", "UpdateShardCount"}:
            await world.book.look("ListShards", StreamName=name)
        members = CHOICES[operation](world, name)
        if members:
            await world.book.change(operation, **members)


async def look(world: World, name: str) -> None:
    """Describe a stream in one of the ways in which that can be done."""
    operation = world.chance.choice(sorted(LOOKS))
    arn = world.book.arn_of(name)
    member = LOOKS[operation]
    await world.book.look(operation, **{member: name if member == "StreamName" else arn})


def _create(world: World, name: str) -> dict[str, Any]:
    members: dict[str, Any] = {"StreamName": name}
    if world.chance.random() < 0.15:
        members["StreamModeDetails"] = {"StreamMode": "ON_DEMAND"}
    else:
        members["ShardCount"] = world.chance.randint(1, 4)
    if world.chance.random() < 0.3:
        members["Tags"] = {"team": "blue"}
    return members


def _delete(world: World, name: str) -> dict[str, Any]:
    return {"StreamName": name, "EnforceConsumerDeletion": world.chance.random() < 0.7}


def _split(world: World, name: str) -> dict[str, Any]:
    book = world.stream(name).shards
    if not book.shards:
        return {}
    closed_too = world.chance.random() < 0.1
    shard_id = world.chance.choice(sorted(book.shards) if closed_too else book.open_shards())
    start, end = book.shards[shard_id].hash_range
    share = world.chance.choice((0, 1, 50, 99))
    hash_key = start + (end - start) * share // 100 if share != 1 else start + 2
    return {"StreamName": name, "ShardToSplit": shard_id, "NewStartingHashKey": str(hash_key)}


def _merge(world: World, name: str) -> dict[str, Any]:
    shards = world.stream(name).shards.open_shards()
    if len(shards) < 2:
        return {}
    at = world.chance.randrange(len(shards) - 1)
    pair = shards[at : at + 2] if world.chance.random() < 0.9 else [shards[at + 1], shards[at]]
    return {"StreamName": name, "ShardToMerge": pair[0], "AdjacentShardToMerge": pair[1]}


def _scale(world: World, name: str) -> dict[str, Any]:
    current = max(1, len(world.stream(name).shards.open_shards()))
    target = world.chance.choice((current * 2, (current + 1) // 2, current, current + 1, current * 2 + 1))
    return {"StreamName": name, "TargetShardCount": min(target, 12), "ScalingType": "UNIFORM_SCALING"}


def _longer_retention(world: World, name: str) -> dict[str, Any]:
    return {"StreamName": name, "RetentionPeriodHours": world.chance.choice((24, 25, 48, 48, 8760, 8761))}


def _shorter_retention(world: World, name: str) -> dict[str, Any]:
    return {"StreamName": name, "RetentionPeriodHours": world.chance.choice((23, 24, 24, 25, 25, 48))}


def _mode(world: World, name: str) -> dict[str, Any]:
    mode = world.chance.choice(("PROVISIONED", "ON_DEMAND"))
    return {"StreamARN": world.book.arn_of(name), "StreamModeDetails": {"StreamMode": mode}}


def _encryption(world: World, name: str) -> dict[str, Any]:
    return {"StreamName": name, "EncryptionType": "KMS", "KeyId": world.chance.choice(KEY_IDS)}


def _tags(world: World, name: str) -> dict[str, Any]:
    return {"StreamName": name, "Tags": {world.chance.choice("abc"): str(world.scheduler.now)}}


def _tag_keys(world: World, name: str) -> dict[str, Any]:
    return {"StreamName": name, "TagKeys": [world.chance.choice("abc")]}


def _consumer(world: World, name: str) -> dict[str, Any]:
    return {"StreamARN": world.book.arn_of(name), "ConsumerName": world.chance.choice(CONSUMER_NAMES)}


def _record_size(world: World, name: str) -> dict[str, Any]:
    return {"StreamARN": world.book.arn_of(name), "MaxRecordSizeInKiB": world.chance.choice((1024, 2048))}


def _policy(world: World, name: str) -> dict[str, Any]:
    arn = world.book.arn_of(name)
    statement = {
        "Sid": f"s{world.scheduler.now}",
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": "kinesis:PutRecord",
        "Resource": arn,
    }
    return {"ResourceARN": arn, "Policy": dumps({"Version": "2012-10-17", "Statement": [statement]})}


def _resource(world: World, name: str) -> dict[str, Any]:
    return {"ResourceARN": world.book.arn_of(name)}


CHOICES: dict[str, Choice] = {
    "AddTagsToStream": _tags,
    "CreateStream": _create,
    "DecreaseStreamRetentionPeriod": _shorter_retention,
    "DeleteResourcePolicy": _resource,
    "DeleteStream": _delete,
    "DeregisterStreamConsumer": _consumer,
    "IncreaseStreamRetentionPeriod": _longer_retention,
    "MergeShards": _merge,
    "PutResourcePolicy": _policy,
    "RegisterStreamConsumer": _consumer,
    "RemoveTagsFromStream": _tag_keys,
    "SplitShard": _split,
    "StartStreamEncryption": _encryption,
    "StopStreamEncryption": _encryption,
    "UpdateMaxRecordSize": _record_size,
    "UpdateShardCount": _scale,
    "UpdateStreamMode": _mode,
}
