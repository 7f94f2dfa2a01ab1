"""How far logs reach, as far as one gateway has seen.

Rules:
- a leader that is new, or does not know yet that it is none, may tell less than was told before: of what
  was read and what is watched, the later end counts;
- where a sealed log ends, the metadata say.

Refuses to know records, and why they are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headwater.storage.interface import Extent, LogPage
from headwater.storage.kafka.cluster import EARLIEST, LATEST, Cluster, KafkaError
from headwater.storage.kafka.log_watch import LogWatch
from headwater.storage.kafka.metadata_log import MetadataLog
from headwater.storage.kafka.topic_reader import until_answered
from headwater.storage.kafka.topics import Topics

NOTHING_SEEN = Extent(0, 0, 0, sealed=False)


class LogExtents:
    """The extents of all logs of one gateway."""

    def __init__(self, cluster: Cluster, topics: Topics, metadata: MetadataLog, watch: LogWatch) -> None:
        self._cluster = cluster
        self._topics = topics
        self._metadata = metadata
        self._watch = watch
        self._seen: dict[int, Extent] = {}

    def extent(self, log_id: int) -> Extent | None:
        """The extent of a log as it was seen last; `None`: there is no such log."""
        log = self._metadata.state.logs.get(log_id)
        if log is None:
            return None
        seen = self._seen.get(log_id, NOTHING_SEEN)
        if log.final is not None:
            return seen._replace(first=min(seen.first, log.final), next=log.final, sealed=True)
        return seen._replace(next=max(seen.next, self._watch.end(log_id)))

    def see(self, log_id: int, page: LogPage) -> None:
        """A page of a log has been read."""
        last_time_ms = page.runs[-1].time_ms if page.runs else 0
        before = self._seen.get(log_id, NOTHING_SEEN)
        self._seen[log_id] = Extent(
            page.first, page.next, max(before.last_time_ms, last_time_ms), sealed=False
        )

    def forget(self, log_id: int) -> None:
        """A log is gone."""
        self._seen.pop(log_id, None)

    async def find(self, log_ids: Sequence[int]) -> list[Extent | None]:
        """The extents of logs as of now, whoever appended. Raises `StoreUnavailable`."""
        unknown = set(log_ids)

        async def ask() -> None:
            nonlocal unknown
            unknown = set(filter(self._is_there, unknown))
            unknown -= await self._ask(tuple(unknown))
            if unknown:
                raise KafkaError("no leader says how far logs reach")

        await until_answered(ask, lambda: False)  # what is gone is asked for no more
        return [self.extent(log_id) for log_id in log_ids]

    async def _ask(self, log_ids: Sequence[int]) -> set[int]:
        """Ask once, and give those logs that somebody told of: a leader may be one no more, or silent."""
        topics = {self._topics.log(log_id): log_id for log_id in log_ids}
        try:
            firsts, ends = await asyncio.gather(
                self._cluster.find_offsets(tuple(topics), EARLIEST),
                self._cluster.find_offsets(tuple(topics), LATEST),
            )
        except KafkaError:
            return set()
        told = firsts.keys() & ends.keys()
        for topic in told:
            if self._is_there(topics[topic]):
                self._grow(topics[topic], firsts[topic], ends[topic])
        return {topics[topic] for topic in told}

    def _is_there(self, log_id: int) -> bool:
        return log_id in self._metadata.state.logs

    def _grow(self, log_id: int, first: int, end: int) -> None:
        seen = self._seen.get(log_id, NOTHING_SEEN)
        self._seen[log_id] = seen._replace(first=max(seen.first, first), next=max(seen.next, end))
