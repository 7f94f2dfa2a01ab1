"""Closes a log for good: a fence for each producer that may write, and then where the log ends.

A fence is a batch in the name of another gateway's producer, with the highest epoch. The partition's
leader refuses everything that this producer sends afterwards, and the fence is replicated with the log.
A fence that is there already is recognised, and its position given: whoever seals finds the same end.

Refuses to know why a log is closed, and who may write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from headwater.storage.kafka import batches
from headwater.storage.kafka.cluster import (
    INVALID_PRODUCER_EPOCH,
    NONE,
    OUT_OF_ORDER_SEQUENCE,
    Cluster,
    KafkaError,
)
from headwater.storage.kafka.single_batch import store_batch

FENCE_TEXT = b"fence: this log is closed for the producer of this batch"
FETCH_BYTES = 1024 * 1024
RETRY_S = 0.05
_OF_PRODUCER = (NONE, INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE)
"""Answers after which it is known whether a producer's batch is taken."""


class NotFenced(Exception):
    """These brokers do not refuse what a fenced producer sends: a store on them would lose records."""


async def close_log(cluster: Cluster, topic: str, producer_ids: Collection[int], lane: int) -> int:
    """Fence the producers in a topic, however long it takes; the position behind its last record."""
    fences = [await _fence(cluster, topic, producer_id, lane) for producer_id in producer_ids]
    found = [position for position in fences if position is not None]
    return await _end(cluster, topic, min(found), max(found), lane) if found else 0


async def prove(cluster: Cluster, topic: str) -> None:
    """Try on a topic of its own whether fences hold. Raises `NotFenced`, `KafkaError`."""
    producer_id = await cluster.new_producer_id()
    await store_batch(cluster, topic, batches.build(producer_id, 0, 0, [b"before the fence"]), 0)
    await _fence(cluster, topic, producer_id, 0)
    for late in (
        batches.build(producer_id, 0, 1, [b"behind it"]),
        batches.build(producer_id, 5, 0, [b"too"]),
    ):
        if await _answered(cluster, topic, late) != INVALID_PRODUCER_EPOCH:
            raise NotFenced(
                "These brokers go on to take batches of a producer whose epoch another batch has raised. "
                "Shards could not be closed safely on them. Use Apache Kafka 2.5 or later."
            )


async def _answered(cluster: Cluster, topic: str, batch: bytes) -> int:
    """What the leader says of a batch, once it is about the producer: it may have to be found first."""
    while True:
        try:
            code = (await cluster.produce(topic, batch)).code
        except KafkaError:
            code = -1
        if code in _OF_PRODUCER:
            return code
        await asyncio.sleep(RETRY_S)


async def _fence(cluster: Cluster, topic: str, producer_id: int, lane: int) -> int | None:
    batch = batches.build(producer_id, batches.FENCE_EPOCH, 0, [FENCE_TEXT])
    return await store_batch(cluster, topic, batch, lane)


async def _end(cluster: Cluster, topic: str, first: int, last: int, lane: int) -> int:
    """The position behind the last record before the last fence; `first` and `last` are fences."""
    end = position = first
    while position <= last:
        try:
            fetched = await cluster.fetch(topic, position, FETCH_BYTES, lane=lane)
        except KafkaError:
            fetched = None
        if fetched is None or fetched.code != NONE or not fetched.data:
            await asyncio.sleep(RETRY_S)
            continue
        for batch in batches.batches(fetched.data):
            if not batch.is_fence and batch.position < last:
                end = max(end, batch.next)
            position = batch.next
    return end
