"""One stream, followed: work on each shard whose turn it is.

Rules:
- a shard is begun when all of its parents that are still listed are finished, so records
  of one partition key keep their order over splits and merges;
- a stream that is not there (yet, or any more) is looked for again;
- a fault in the work on a shard is logged, and the shard is begun again where its reader was.

Refuses to know what the work is, and where its progress is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from headwater.followers.context import FollowerContext
from headwater.model.arn import StreamName
from headwater.model.errors import ResourceNotFoundException
from headwater.model.shard import Shard
from headwater.model.stream import Stream
from headwater.server.asyncio_bridge import finished

LOOK_AGAIN_MS = 1_000


class ShardWork(Protocol):
    """The work on one shard."""

    async def run(self) -> None:
        """Work until the shard has ended and all of it is done, it is gone, or `stop`."""

    def stop(self) -> None:
        """Let `run` end."""


class ShardPlaces(Protocol):
    """How far the work on each shard is."""

    def is_finished(self, shard: Shard) -> bool:
        """Whether the shard was closed, and all of it is done."""

    def keep_only(self, log_ids: set[int]) -> None:
        """Forget the shards that have left the stream; these logs are of those that have not."""


class StreamFollower:
    """See the module's text."""

    def __init__(
        self,
        context: FollowerContext,
        name: StreamName,
        places: ShardPlaces,
        begin: Callable[[Shard], ShardWork],
        on_missing: Callable[[], None],
        label: str,
    ) -> None:
        """`begin` makes the work on a shard; `on_missing` is told of no stream; `label` is for logs."""
        self._context = context
        self._name = name
        self._places = places
        self._begin = begin
        self._on_missing = on_missing
        self._label = label
        self._shards: dict[int, tuple[ShardWork, asyncio.Task[None]]] = {}
        self._stopping = False
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end once the work that is under way has ended."""
        self._stopping = True
        for work, _ in self._shards.values():
            work.stop()
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        engine = self._context.engine
        unwatch = engine.watch_stream(self._name, self._wake.set)
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
        try:
            stream = (await finished(self._context.engine.serving(self._name))).stream
        except ResourceNotFoundException:
            self._on_missing()
            return False
        if self._stopping:
            return True
        self._places.keep_only(stream.log_ids)
        for shard in stream.shards:
            if shard.log_id not in self._shards and self._is_next(stream, shard):
                self._begin_shard(shard)
        return True

    def _is_next(self, stream: Stream, shard: Shard) -> bool:
        if self._places.is_finished(shard):
            return False
        parents = (stream.shard(index) for index in shard.parent_indexes)
        return all(parent is None or self._places.is_finished(parent) for parent in parents)

    def _begin_shard(self, shard: Shard) -> None:
        work = self._begin(shard)
        task = asyncio.ensure_future(work.run())
        self._shards[shard.log_id] = (work, task)
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
            f"{self._label}: a fault in the poller of {shard.shard_id}: {', '.join(map(repr, causes))}",
        )
        self._context.alarms.set(self._context.engine.now_ms() + LOOK_AGAIN_MS, self._wake.set)
