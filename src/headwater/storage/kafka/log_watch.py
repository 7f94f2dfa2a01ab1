"""Tells those who follow a log that it has grown, whoever appended to it.

For each broker that leads a log that somebody watches there is one request that waits for news of all of
these. What this gateway has appended itself it knows when that is acknowledged, which is when readers may see
it: that is told without waiting for the broker to send it back, unless something of others lies before it.
What has come is there for those who read at once when they are told, and nobody else: a later reader
might miss what has come since.

Refuses to know what is appended, and who watches why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from headwater.storage.interface import LogPage
from headwater.storage.kafka.batches import DamagedBatch, Extract
from headwater.storage.kafka.cluster import LATEST, NONE, Cluster, KafkaError
from headwater.storage.kafka.topic_reader import page_of
from headwater.storage.watchers import Watchers

WAIT_MS = 100
"""A log that is watched from now on is asked for after so long at the latest."""
RETRY_S = 0.2


class LogWatch:
    """The watchers of all logs of one gateway."""

    def __init__(self, cluster: Cluster, topic_of: Callable[[int], str], tell: Callable[[int], None]) -> None:
        """`tell` is called with a log that has grown."""
        self._loop = asyncio.get_running_loop()
        self._cluster = cluster
        self._topic_of = topic_of
        self._tell = tell
        self._watchers = Watchers()
        self._counts: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        """How far each watched log is known to reach."""
        self._news: dict[int, Extract | LogPage] = {}
        """What has just come, while it is told."""
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """By broker."""
        self._placing: set[asyncio.Task[None]] = set()

    def add(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Watch a log; returns the function that ends the watch, harmless when called again."""
        end = self._watchers.add(log_id, callback)
        self._counts[log_id] = self._counts.get(log_id, 0) + 1
        if self._counts[log_id] == 1:
            self._place(log_id)
        ended = False

        def end_once() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._counts[log_id] -= 1
                if not self._counts[log_id]:
                    del self._counts[log_id]
                    self._positions.pop(log_id, None)
            end()

        return end_once

    def page(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """A page of what has come of a log, for a watcher that is being told of it."""
        news = self._news.get(log_id)
        if news is None:
            return None
        if isinstance(news, LogPage):
            return _if_it_fits(news, position, max_records, max_bytes)
        try:
            return page_of(news, position, max_records, max_bytes)
        except DamagedBatch:
            return None  # asked for again, it is an error

    def appended(self, log_id: int, page: LogPage) -> None:
        """Tell of what this gateway has appended in one batch, if all before it has been told."""
        if self._positions.get(log_id) == page.runs[0].position:
            self._announce(log_id, page, page.next)

    def is_told_of(self, log_id: int) -> bool:
        """Whether somebody watches a log of which it is known how far it reaches."""
        return log_id in self._positions

    def end(self, log_id: int) -> int:
        """How far a watched log is known to reach; 0 for others."""
        return self._positions.get(log_id, 0)

    def call(self, log_id: int) -> None:
        """Call the watchers of a log."""
        for callback in self._watchers.calls((log_id,)):
            callback()

    def close(self) -> None:
        """Ask for nothing more."""
        for task in (*self._tasks.values(), *self._placing):
            task.cancel()

    def _place(self, log_id: int) -> None:
        task = self._loop.create_task(self._find_broker(log_id))
        self._placing.add(task)
        task.add_done_callback(self._placing.discard)

    async def _find_broker(self, log_id: int) -> None:
        """Find where the log ends now and who leads it, and have that broker asked."""
        while log_id in self._counts:
            topic = self._topic_of(log_id)
            try:
                if log_id not in self._positions:
                    end = await self._cluster.find_offset(topic, LATEST, lane=log_id)
                    if log_id in self._counts:
                        self._positions[log_id] = end
                        self._tell(log_id)  # what came before this may have been missed
                node_id = await self._cluster.leader(topic)
            except KafkaError:
                await asyncio.sleep(RETRY_S)
                continue
            if node_id not in self._tasks:
                task = self._loop.create_task(self._ask(node_id))
                self._tasks[node_id] = task
                task.add_done_callback(partial(self._asked, node_id))
            return

    def _asked(self, node_id: int, _task: asyncio.Task[None]) -> None:
        self._tasks.pop(node_id, None)

    async def _ask(self, node_id: int) -> None:
        """Wait for news of the logs that a broker leads, until there are none."""
        while True:
            topics = {
                self._topic_of(log_id): log_id
                for log_id in self._positions
                if self._cluster.known_leader(self._topic_of(log_id)) == node_id
            }
            if not topics:
                break
            asked = {topic: self._positions[log_id] for topic, log_id in topics.items()}
            try:
                found = await self._cluster.poll(asked, WAIT_MS)
            except KafkaError:
                found = {}
                await asyncio.sleep(RETRY_S)
            for topic, log_id in topics.items():
                answer = found.get(topic)
                if answer is None or answer.code != NONE:
                    if answer is not None:
                        self._positions.pop(log_id, None)
                    self._place(log_id)
                elif log_id in self._positions and answer.end > self._positions[log_id]:
                    self._announce(log_id, Extract(answer.data, answer.first, answer.end), answer.end)

    def _announce(self, log_id: int, news: Extract | LogPage, end: int) -> None:
        self._positions[log_id] = end
        self._news[log_id] = news
        self._tell(log_id)
        del self._news[log_id]


def _if_it_fits(page: LogPage, position: int, max_records: int, max_bytes: int) -> LogPage | None:
    """A page of one run, for who reads from its first record on and has room for all of them."""
    (run,) = page.runs
    has_room = len(run.payloads) <= max_records and sum(map(len, run.payloads)) <= max_bytes
    return page if position == run.position and has_room else None
