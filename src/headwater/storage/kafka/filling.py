"""A deployment made from what another store holds: topics whose offsets and times are those of its records.

How positions and arrivals stay what they were:
- while a log is filled, its topic takes the times that batches come with; afterwards the broker's, as always;
- positions without a record are taken by batches that readers skip as they skip fences;
- metadata and logs become a snapshot, which is in place with its last piece: gateways begin with it.

A filling that was given up leaves topics that no snapshot names; the next one makes them anew.

Refuses to know where the records come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from headwater.storage.interface import Extent, Metadata, Run, StoreUnavailable, StoreUnreadable
from headwater.storage.kafka import batches, commands
from headwater.storage.kafka.cluster import LATEST, Cluster, KafkaError
from headwater.storage.kafka.single_batch import store_batch
from headwater.storage.kafka.snapshot_format import pack_state
from headwater.storage.kafka.snapshots import MetadataSnapshots
from headwater.storage.kafka.topics import Topics

T = TypeVar("T")

BATCH_BYTES = 1024 * 1024
GAP_POSITIONS_MAX = 500_000
"""So many fit well into the largest batch."""
RETRY_S = 0.2
ANSWER_WITHIN_S = 60.0
AS_THEY_COME = {"message.timestamp.type": "CreateTime"}


class KafkaFilling:
    """See `interface.StoreFilling`."""

    def __init__(self, cluster: Cluster, topics: Topics) -> None:
        """Await `open` before anything else."""
        self._cluster = cluster
        self._topics = topics
        self._snapshots = MetadataSnapshots(cluster, topics.snapshots, topics.meta)
        self._state = commands.State()
        self._producer_id = self._gaps_id = -1

    async def open(self) -> None:
        """Look whether nobody has used the deployment. Raises `StoreUnreadable`, `KafkaError`."""
        used = await self._cluster.find_offset(self._topics.meta, LATEST)
        if used or await self._snapshots.newest() is not None:
            raise StoreUnreadable(
                f"The topics {self._topics.prefix}.… of this cluster are not empty: a gateway has used"
                " them, or data have been moved there. Give another name behind the brokers: kafka://…/name"
            )
        self._producer_id = await self._cluster.new_producer_id()
        self._gaps_id = await self._cluster.new_producer_id()

    async def add_log(self, log_id: int, extent: Extent, keep_ms: int, runs: AsyncIterator[Run]) -> None:
        """Take a log with its records. Raises `StoreUnavailable`."""
        topic, settings = self._topics.log(log_id), self._topics.log_settings(keep_ms)
        await self._make_anew(topic, {**settings, **AS_THEY_COME})
        writer = _LogWriter(self._cluster, topic, log_id, self._producer_id, self._gaps_id)
        await writer.skip_to(extent.first)
        async for run in runs:
            await writer.put(run)
        await writer.skip_to(extent.next)
        if extent.first:
            await _insist(lambda: self._cluster.delete_before(topic, extent.first))
        await _insist(lambda: self._cluster.set_topic(topic, settings))
        self._state.logs[log_id] = commands.Log(final=extent.next if extent.sealed else None)

    async def finish(self, metadata: Mapping[str, Metadata]) -> None:
        """Write the snapshot that gateways begin with. Raises `StoreUnavailable`."""
        self._state.metadata.update(metadata)
        state = pack_state(self._state)
        await _insist(lambda: self._snapshots.write(state, 1))
        # Who does not see the snapshot must not take the deployment for new: no command is at place 0.
        nothing = commands.encode(commands.Beat(self._producer_id))
        batch = batches.build(self._producer_id, 0, 0, [nothing])
        await store_batch(self._cluster, self._topics.meta, batch, 0)
        await _insist(lambda: self._cluster.delete_before(self._topics.meta, 1))

    async def close(self) -> None:
        """Close the connections."""
        await self._cluster.close()

    async def _make_anew(self, topic: str, settings: Mapping[str, str]) -> None:
        """Make a topic; one that is left of a filling that was given up is deleted before."""
        if await _insist(lambda: self._cluster.exists(topic)):
            await _insist(lambda: self._cluster.delete_topics([topic]))
            while await _insist(lambda: self._cluster.exists(topic)):
                await asyncio.sleep(RETRY_S)
        await _insist(lambda: self._cluster.create_topics({topic: settings}, self._topics.replicas))


class _LogWriter:
    """Writes one topic from its beginning."""

    def __init__(self, cluster: Cluster, topic: str, lane: int, producer_id: int, gaps_id: int) -> None:
        self._cluster = cluster
        self._topic = topic
        self._lane = lane
        self._producer_id = producer_id
        self._gaps_id = gaps_id
        self._position = 0
        self._records = self._gaps = 0
        """How many there are: the sequence numbers of the next ones."""

    async def put(self, run: Run) -> None:
        """Write records where they belong. Raises `StoreUnavailable`."""
        await self.skip_to(run.position)
        for payloads in _cut(run.payloads):
            sequence = self._records % batches.SEQUENCES
            await self._store(
                batches.build(self._producer_id, 0, sequence, payloads, run.time_ms), len(payloads)
            )
            self._records += len(payloads)

    async def skip_to(self, position: int) -> None:
        """Leave the positions before this one without records. Raises `StoreUnavailable`."""
        while self._position < position:
            count = min(position - self._position, GAP_POSITIONS_MAX)
            sequence = self._gaps % batches.SEQUENCES
            await self._store(
                batches.build(self._gaps_id, batches.FENCE_EPOCH, sequence, [b""] * count), count
            )
            self._gaps += count

    async def _store(self, batch: bytes, count: int) -> None:
        stored = await store_batch(self._cluster, self._topic, batch, self._lane)
        if stored != self._position:
            raise StoreUnavailable(
                f"Kafka has stored at position {stored} of topic {self._topic} what belongs to"
                f" {self._position}: somebody else writes there, or has deleted it"
            )
        self._position += count


def _cut(payloads: Sequence[bytes | memoryview]) -> Iterator[list[bytes]]:
    """Pieces that each make one batch."""
    piece: list[bytes] = []
    size = 0
    for payload in payloads:
        if piece and size + len(payload) > BATCH_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(bytes(payload))
        size += len(payload)
    yield piece


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, when there is one. Raises `StoreUnavailable` when there is none in time."""
    until_s = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if asyncio.get_running_loop().time() > until_s:
                raise StoreUnavailable(f"Kafka does not answer in time: {error}") from error
        await asyncio.sleep(RETRY_S)
