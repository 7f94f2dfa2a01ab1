"""One gateway among the others: registered, alive, and forgotten when it has been silent for long.

Rules:
- a gateway is registered where all can see it before it writes anything;
- a beat counts once it has been seen in the metadata, and from when it was sent;
- a gateway that the others have forgotten goes on as another one, under a new producer id.

Refuses to know records and changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headwater.storage.interface import StoreUnavailable
from headwater.storage.kafka import commands
from headwater.storage.kafka.cluster import Cluster, KafkaError
from headwater.storage.kafka.metadata_log import MetadataLog
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.snapshot_format import UnknownSnapshot
from headwater.storage.kafka.snapshots import MetadataSnapshots

BEAT_S = 30.0
FORGET_S = 3_600.0
"""A gateway that has not beaten for so long is forgotten by the others."""
RETRY_S = 0.1


class Membership:
    """What one gateway does to be one of them."""

    def __init__(
        self,
        cluster: Cluster,
        metadata: MetadataLog,
        producer: Producer,
        snapshots: MetadataSnapshots,
        command: Callable[[commands.Command], object],
        on_forgotten: Callable[[], None],
        log_error: Callable[[str], None],
    ) -> None:
        """`on_forgotten` is called when the others have given it up, before it begins anew."""
        self._cluster = cluster
        self._metadata = metadata
        self._producer = producer
        self._snapshots = snapshots
        self._command = command
        self._on_forgotten = on_forgotten
        self._log_error = log_error

    async def register(self) -> None:
        """Take a new producer id, and wait until it is registered where all can see it."""
        began_s = self._producer.now_s()
        producer_id = await self._new_producer_id()
        self._producer.begin(producer_id, began_s)
        self._command(commands.Register(producer_id))
        while producer_id not in self._metadata.state.gateways:
            await self._metadata.applied()
        self._producer.confirm(began_s)

    async def _new_producer_id(self) -> int:
        while True:
            try:
                return await self._cluster.new_producer_id()
            except KafkaError:
                await asyncio.sleep(RETRY_S)

    async def beat(self) -> None:
        """Say that it is alive, for ever; now and then it is its turn to write a snapshot."""
        while True:
            await asyncio.sleep(BEAT_S)
            if await self._is_seen():
                await self._keep_snapshots()
                continue
            self._log_error(
                "Kafka: this gateway was silent for so long that the others gave it up; it begins anew"
            )
            self._on_forgotten()
            await self.register()

    async def _is_seen(self) -> bool:
        """Beat once; whether it is registered still."""
        state, producer_id = self._metadata.state, self._producer.id
        began_s = self._producer.now_s()
        before = state.gateways.get(producer_id)
        if before is not None:
            self._command(commands.Beat(producer_id))
            while (now := state.gateways.get(producer_id)) is not None and now.beats <= before.beats:
                await self._metadata.applied()
        if producer_id not in state.gateways:
            return False
        self._producer.confirm(began_s)
        return True

    async def _keep_snapshots(self) -> None:
        try:
            await self._snapshots.keep(self._metadata.state, self._metadata.next, self._producer.id)
        except (KafkaError, StoreUnavailable, UnknownSnapshot) as error:
            self._log_error(f"Kafka: no snapshot of the metadata was made: {error}")

    async def forget_the_silent(self) -> None:
        """Forget gateways that have not beaten for an hour, by this machine's count."""
        seen: dict[int, tuple[int, float]] = {}  # beats of each gateway, and since when so many
        while True:
            await asyncio.sleep(BEAT_S)
            now_s = self._producer.now_s()
            gateways = dict(self._metadata.state.gateways)
            seen = {gateway: seen[gateway] for gateway in gateways.keys() & seen.keys()}
            for gateway, (beats, _) in gateways.items():
                if gateway not in seen or seen[gateway][0] != beats:
                    seen[gateway] = (beats, now_s)
                elif now_s - seen[gateway][1] > FORGET_S and gateway != self._producer.id:
                    self._command(commands.Forget(gateway, beats))
