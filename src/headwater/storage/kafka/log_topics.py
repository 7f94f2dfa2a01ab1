"""The topics of logs that come, change and go with a change of metadata: asked for until that has succeeded.

Refuses to know what a change writes, and whether it has an effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from headwater.storage.interface import Change
from headwater.storage.kafka.cluster import Cluster, KafkaError
from headwater.storage.kafka.topics import Topics

RETRY_S = 1.0


class LogTopics:
    """Makes, sets and deletes topics of one deployment."""

    def __init__(self, cluster: Cluster, topics: Topics, log_error: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._topics = topics
        self._log_error = log_error

    async def make(self, change: Change) -> None:
        """Those of the logs that a change creates."""
        made = {
            self._topics.log(log_id): self._topics.log_settings(change.keep_ms.get(log_id, 0))
            for log_id in change.create_logs
        }
        if made:
            await self._insist(partial(self._cluster.create_topics, made, self._topics.replicas))

    async def set(self, change: Change) -> None:
        """How long the logs that a change names, and that were there before, keep their records."""
        for log_id, keep_ms in change.keep_ms.items():
            if log_id not in change.create_logs:
                settings = self._topics.log_settings(keep_ms)
                await self._insist(partial(self._cluster.set_topic, self._topics.log(log_id), settings))

    async def remove(self, log_ids: Collection[int]) -> None:
        """Those of logs that nobody may use any more."""
        if log_ids:
            topics = [self._topics.log(log_id) for log_id in log_ids]
            await self._insist(partial(self._cluster.delete_topics, topics))

    async def _insist(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask until it has succeeded."""
        while True:
            try:
                return await ask()
            except KafkaError as error:
                self._log_error(f"Kafka: {error}; trying again")
                await asyncio.sleep(RETRY_S)
