"""Stores one batch that its caller has made, however long it takes.

Refuses to know what is in it: a fence, a piece of a snapshot, records that are moved here.
"""

from __future__ import annotations

import asyncio

from headwater.storage.kafka.cluster import NONE, Cluster, KafkaError

RETRY_S = 0.05
GONE_S = 30.0
"""A topic that the brokers have not known for so long has been deleted by hand."""


async def store_batch(cluster: Cluster, topic: str, batch: bytes, lane: int) -> int | None:
    """Where the batch is; `None` if there is no such topic any more."""
    loop = asyncio.get_running_loop()
    known_s = loop.time()
    while True:
        try:
            produced = await cluster.produce(topic, batch, lane)
            if produced.code == NONE:
                return produced.position
        except KafkaError:
            pass
        if await _is_known(cluster, topic):
            known_s = loop.time()
        if loop.time() - known_s > GONE_S:
            return None
        await asyncio.sleep(RETRY_S)


async def _is_known(cluster: Cluster, topic: str) -> bool:
    """Whether the topic is there, or nobody can say so."""
    try:
        return await cluster.exists(topic)
    except KafkaError:
        return True
