"""One subscription for each consumer and shard, where several engines serve the same data.

    subscription/<account>/<region>/<stream>/<consumer>/<shard>     when it was asked for, and for what

Who subscribes writes the key, on condition that nobody has since it looked: so of two that ask at the same
time one is refused, and whoever is told of another's key ends what it has under it. What is older than a
subscription can be is removed by whoever comes across it.

Refuses to know what a subscription does.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headwater.engine.active_subscription import ActiveSubscription, SubscriptionKey
from headwater.model.arn import StreamName
from headwater.storage.interface import Change, Metadata, Store

KIND = "subscription"
DEAD_AFTER_MS = 600_000
"""Twice as long as a subscription lasts."""
REMOVED_MAX = 20
"""So many dead keys are removed by one call."""


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """The value of a key."""

    asked_ms: int
    stream_created_ms: int
    consumer_created_s: int


_decoder = msgspec.msgpack.Decoder(Begun)


def asked_ms(store: Store, key: SubscriptionKey) -> int | None:
    """When such a subscription was last asked for with success, by anybody."""
    begun = _begun(store.metadata_of(_name(key)))
    if begun is None:
        return None
    is_same = (begun.stream_created_ms, begun.consumer_created_s) == (
        key.stream_created_ms,
        key.consumer_created_s,
    )
    return begun.asked_ms if is_same else None


async def begin(store: Store, key: SubscriptionKey, now_ms: int) -> bool:
    """Tell the others that a subscription begins; False when another one has begun meanwhile."""
    name = _name(key)
    found = store.metadata_of(name)
    begun = Begun(now_ms, key.stream_created_ms, key.consumer_created_s)
    writes: dict[str, bytes | None] = dict.fromkeys(_dead(store.metadata(), now_ms))
    writes[name] = msgspec.msgpack.encode(begun)
    return await store.commit(Change(writes, {name: found.version if found else 0})) > 0


def end_superseded(name: str, subscriptions: Mapping[SubscriptionKey, ActiveSubscription]) -> None:
    """Another engine has begun a subscription under a name: end the one here."""
    for key, subscription in tuple(subscriptions.items()):
        if _name(key) == name:
            subscription.take_over()


def _dead(metadata: Mapping[str, Metadata], now_ms: int) -> list[str]:
    dead: list[str] = []
    for name, found in metadata.items():
        if name.partition("/")[0] == KIND and len(dead) < REMOVED_MAX:
            begun = _begun(found)
            if begun is None or begun.asked_ms < now_ms - DEAD_AFTER_MS:
                dead.append(name)
    return dead


def _begun(found: Metadata | None) -> Begun | None:
    return None if found is None else _decoder.decode(found.value)


def _name(key: SubscriptionKey) -> str:
    stream: StreamName = key.stream
    return "/".join((KIND, *stream, key.consumer_name, str(key.shard_index)))
