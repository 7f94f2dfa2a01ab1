"""One enabled mapping: a poller for each shard whose turn it is.

Rules:
- a shard is begun when all of its parents that are still listed are finished, so records
  of one partition key keep their order over splits and merges;
- a stream, or a consumer, that is not there (yet, or any more) is looked for again; the
  mapping's last result says so meanwhile;
- a fault in the poller of a shard is logged, and the shard is begun again where its
  progress is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headwater.lambda_.mappings.event_counts import EventCounts
from headwater.lambda_.mappings.mapping import Mapping
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.lambda_.mappings.shard_poller import ShardPoller
from headwater.model.errors import ResourceNotFoundException
from headwater.model.shard import Shard
from headwater.model.stream import Stream
from headwater.server.asyncio_bridge import finished

STREAM_GONE = "PROBLEM: Stream not found"
LOOK_AGAIN_MS = 1_000


class MappingPoller:
    """See the module's text. `report` is told what came of the last step."""

    def __init__(
        self, context: PollerContext, mapping: Mapping, counts: EventCounts, report: Callable[[str], None]
    ) -> None:
        self._context = context
        self._mapping = mapping
        self._counts = counts
        self._report = report
        self._shards: dict[int, tuple[ShardPoller, asyncio.Task[None]]] = {}
        self._stopping = False
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end once the invocations that are under way have ended."""
        self._stopping = True
        for poller, _ in self._shards.values():
            poller.stop()
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        engine = self._context.engine
        unwatch = engine.watch_stream(self._mapping.stream, self._wake.set)
        cancel = None
        try:
            while not self._stopping:
                self._wake.clear()
                if not await self._begin_shards():
                    cancel = self._context.alarms.set(engine.now_ms() + LOOK_AGAIN_MS, self._wake.set)
                await self._wake.wait()
            await self._all_ended()
        finally:
            unwatch()
            if cancel is not None:
                cancel()
            for _, task in self._shards.values():
                task.cancel()
            await self._all_ended()

    async def _all_ended(self) -> None:
        await asyncio.gather(*(task for _, task in self._shards.values()), return_exceptions=True)

    async def _begin_shards(self) -> bool:
        """Begin with every shard whose turn it is; whether the stream is there."""
        engine, uuid = self._context.engine, self._mapping.uuid
        try:
            stream = (await finished(engine.serving(self._mapping.stream))).stream
        except ResourceNotFoundException:
            self._report(STREAM_GONE)
            return False
        if self._stopping:
            return True
        logs = {shard.log_id for shard in stream.shards}
        self._context.store.forget_shards(uuid, set(self._context.store.known_logs(uuid)) - logs)
        for shard in stream.shards:
            if shard.log_id not in self._shards and self._is_next(stream, shard):
                self._begin(shard)
        return True

    def _is_next(self, stream: Stream, shard: Shard) -> bool:
        if self._is_finished(shard):
            return False
        parents = (stream.shard(index) for index in shard.parent_indexes)
        return all(parent is None or self._is_finished(parent) for parent in parents)

    def _is_finished(self, shard: Shard) -> bool:
        progress = self._context.store.progress(self._mapping.uuid, shard.log_id)
        return progress is not None and progress.is_finished

    def _begin(self, shard: Shard) -> None:
        poller = ShardPoller(self._context, self._mapping, shard, self._counts, self._report)
        task = asyncio.ensure_future(poller.run())
        self._shards[shard.log_id] = (poller, task)
        task.add_done_callback(lambda ended: self._on_ended(shard, ended))

    def _on_ended(self, shard: Shard, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        self._shards.pop(shard.log_id, None)
        error = task.exception()
        if error is None:
            self._wake.set()  # its children may begin
            return
        causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        self._context.log(
            "error",
            f"mapping {self._mapping.uuid}: a fault in the poller of {shard.shard_id}: "
            f"{', '.join(map(repr, causes))}",
        )
        self._context.alarms.set(self._context.engine.now_ms() + LOOK_AGAIN_MS, self._wake.set)
