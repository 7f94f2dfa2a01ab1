"""Keeps the topic of the commands short: a snapshot of what they have made, and then without them.

Any gateway writes one when enough commands lie behind the newest, the first of those registered a little
before the second; two at the same time do no harm. The last but one is kept with the commands behind it,
for a gateway that has begun to read it.

Rules:
- commands are deleted only once a later snapshot is whole on all in-sync replicas, and has been read back;
- a snapshot is of the state between two commands, however long it takes to write it.

Refuses to know what is in the state.
"""

from __future__ import annotations

from headwater.storage.kafka import batches
from headwater.storage.kafka.cluster import Cluster, KafkaError
from headwater.storage.kafka.commands import State
from headwater.storage.kafka.single_batch import store_batch
from headwater.storage.kafka.snapshot_format import Assembly, MetadataSnapshot, pack_state, pieces_of
from headwater.storage.kafka.topic_reader import TopicReader

COMMANDS_MIN = 10_000
"""So many commands lie between two snapshots, or as many as there are keys and logs if these are more."""
PIECES_PER_READ = 8
BYTES_PER_READ = 4 * 1024 * 1024
KEPT = 2


class MetadataSnapshots:
    """The snapshots of one deployment."""

    def __init__(self, cluster: Cluster, topic: str, commands_topic: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._commands_topic = commands_topic
        self._reader = TopicReader(cluster)
        self._newest = 0
        """The place up to which the newest one is known to reach."""

    async def newest(self) -> MetadataSnapshot | None:
        """The whole snapshot that reaches furthest. Raises `StoreUnavailable`, `UnknownSnapshot`."""
        found = await self._all()
        if not found:
            return None
        self._newest = max(self._newest, found[-1].next)
        return found[-1]

    async def keep(self, state: State, next_place: int, gateway: int) -> bool:
        """Write a snapshot of the state before `next_place`, if it is due and this gateway's turn.

        Whether it did.

        Raises `KafkaError`, `StoreUnavailable`, `UnknownSnapshot`.
        """
        due = max(COMMANDS_MIN, len(state.metadata) + len(state.logs))
        turn = sorted(state.gateways).index(gateway) if gateway in state.gateways else len(state.gateways)
        due += turn * due // 4
        if next_place - self._newest < due:
            return False
        data = pack_state(state)
        await self.newest()
        if next_place - self._newest < due:
            return False
        await self.write(data, next_place)
        await self._forget()
        return True

    async def write(self, state: bytes, next_place: int) -> None:
        """Store a packed state; in place when this returns. Raises `KafkaError`."""
        producer_id = await self._cluster.new_producer_id()
        for sequence, piece in enumerate(pieces_of(state, next_place)):
            stored = await store_batch(
                self._cluster, self._topic, batches.build(producer_id, 0, sequence, [piece]), 0
            )
            if stored is None:
                raise KafkaError(f"topic {self._topic} is gone")

    async def _forget(self) -> None:
        """Forget what nobody who starts needs any more: what lies before the last but one."""
        found = await self._all()
        if len(found) < KEPT:
            return
        self._newest = found[-1].next
        oldest_kept = found[-KEPT]
        await self._cluster.delete_before(self._commands_topic, oldest_kept.next)
        await self._cluster.delete_before(self._topic, min(kept.first for kept in found[-KEPT:]))

    async def _all(self) -> list[MetadataSnapshot]:
        found, position = Assembly(), 0
        while True:
            page = await self._reader.page(
                self._topic, 0, position, PIECES_PER_READ, BYTES_PER_READ, None, lambda: False
            )
            for run in page.runs:
                for at, payload in enumerate(run.payloads, run.position):
                    found.add(at, bytes(payload))
                    position = at + 1
            if not page.runs or position >= page.next:
                return found.whole()
