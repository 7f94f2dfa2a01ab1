"""Reading a shard by asking the engine.

Rules:
- records are read in pages, and no further while the target has enough to do, so that
  memory does not grow with the stream;
- a reader asks again when the shard's log grows, the stream changes or its target has
  room: there is no polling interval;
- with the limits of AWS enforced, a metered reader reads as any other reader of the stream: once a
  second at most, out of the 5 reads and 2 MiB a second that all of them share.

`LogReader` has one thing to wait for at a time:

    reading ◄─ room, fill ─► full          both ─ stop ─► stopped

Refuses to know what the target does: what was read goes to `take`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Literal, NamedTuple, Protocol

from headwater.engine.engine import Engine
from headwater.engine.live_stream import LiveStream
from headwater.engine.reading import ShardPage, read_shard
from headwater.followers.context import FollowerContext
from headwater.model.arn import StreamName
from headwater.model.errors import ResourceNotFoundException
from headwater.model.shard import Shard
from headwater.model.transitions import transitions
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreError

PAGE_RECORDS = 1_000
PAGE_BYTES = 2 * 1024 * 1024
RETRY_MS = 1_000
"""After what the stream or the store refuses, a reader asks again in so long."""
LIMITED_INTERVAL_MS = 1_000
"""Between two reads of one shard when the limits of AWS are enforced."""

LogPhase = Literal[
    "reading",
    "full",  # the lanes have enough to do: it waits for room
    "stopped",
]

Reached = Literal["more", "tip", "end"]
"""Where a reader is after a page: before more records, at the newest one, at the end of a closed shard."""

LOG_PHASES: dict[str, dict[LogPhase, LogPhase]] = {
    "fill": {"reading": "full", "full": "full"},
    "room": {"full": "reading", "reading": "reading"},
    "stop": {"reading": "stopped", "full": "stopped", "stopped": "stopped"},
}
"""Event → phase of a `LogReader` before → phase after. What is not here cannot happen."""

_log_phases = transitions(LOG_PHASES)


class Paging(NamedTuple):
    """How a reader asks."""

    records: int = PAGE_RECORDS
    size: int = PAGE_BYTES
    """Data and keys of a page, in bytes."""
    is_metered: bool = True
    """Whether it counts as GetRecords does: towards the stream's limits, and in its metrics."""
    turns: AbstractAsyncContextManager[Any] = nullcontext()
    """What a page is read and taken in, as `loop_share` has it."""


EVERYDAY = Paging()


class ShardGone(Exception):
    """The stream or the shard is no longer there."""


class ReadTarget(Protocol):
    """The target of a reader."""

    def take(self, page: ShardPage) -> None:
        """Take what was read."""

    def has_room(self) -> bool:
        """Whether more may be read."""


async def find_shard(engine: Engine, name: StreamName, shard: Shard) -> tuple[LiveStream, Shard]:
    """The stream and the shard as they are held now. Raises `ShardGone`."""
    try:
        live = engine.settled(name)
        if live is None:
            live = await finished(engine.serving(name))
    except ResourceNotFoundException:
        raise ShardGone from None
    now = live.stream.shard(shard.index)
    if now is None or now.log_id != shard.log_id:
        raise ShardGone
    return live, now


class LogReader:
    """Reads a shard by asking the engine."""

    def __init__(
        self,
        context: FollowerContext,
        name: StreamName,
        shard: Shard,
        position: int,
        target: ReadTarget,
        paging: Paging = EVERYDAY,
    ) -> None:
        self._context = context
        self._name = name
        self._shard = shard
        self._position = position
        self._target = target
        self._paging = paging
        self._next_read_ms = 0
        self._phase: LogPhase = "reading"
        self._wake = asyncio.Event()

    def on_room(self) -> None:
        """There is room for records again."""
        if self._phase == "full":
            self._wake.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._phase = _log_phases["stop"][self._phase]
        self._wake.set()

    async def run(self) -> None:
        """Read to the end of the shard, or until `stop`. Raises `ShardGone`."""
        engine = self._context.engine
        unwatch = [
            engine.watch_log(self._shard.log_id, self._wake.set),
            engine.watch_stream(self._name, self._wake.set),
        ]
        try:
            while self._phase != "stopped":
                self._wake.clear()
                self._phase = _log_phases["room" if self._target.has_room() else "fill"][self._phase]
                if self._phase == "full":
                    await self._wake.wait()
                elif await self._read_in_turn() == "end":
                    return
                await self._pause()
        finally:
            for end in unwatch:
                end()

    async def _read_in_turn(self) -> Reached:
        """Read a page in a turn; at the tip, wait for more outside of it."""
        async with self._paging.turns:
            reached = await self._read()
        if reached == "tip":
            await self._wake.wait()
        return reached

    async def _read(self) -> Reached:
        """Read a page, if the stream's limits allow it now; where the reader is then."""
        engine = self._context.engine
        live, shard = await find_shard(engine, self._name, self._shard)
        if not self._may_read(live, shard):
            return "more"
        started_s = engine.stopwatch()
        try:
            page = await finished(
                read_shard(
                    engine, live.stream, shard, self._position, self._paging.records, self._paging.size
                )
            )
        except ResourceNotFoundException:
            raise ShardGone from None
        except StoreError as error:
            if self._paging.is_metered:
                live.metrics.get_records_failed(engine.stopwatch() - started_s)
            self._context.log("error", f"{self._shard.shard_id} of {self._name.name} cannot be read: {error}")
            self._next_read_ms = engine.now_ms() + RETRY_MS
            return "more"
        self._count(live, page, engine.stopwatch() - started_s)
        self._position = self._position if page.next_position is None else page.next_position
        self._target.take(page)
        if page.next_position is None:
            return "end"
        extent = engine.extent(shard.log_id)
        return "tip" if extent is None or self._position >= extent.next else "more"

    def _may_read(self, live: LiveStream, shard: Shard) -> bool:
        if live.limits is None or not self._paging.is_metered:
            return True
        now_ms = self._context.engine.now_ms()
        self._next_read_ms = now_ms + LIMITED_INTERVAL_MS
        if live.limits.may_read(shard.log_id, now_ms):
            return True
        live.metrics.get_records_refused(shard.shard_id, 0.0)
        return False

    def _count(self, live: LiveStream, page: ShardPage, duration_s: float) -> None:
        """A page counts as one of GetRecords: towards the stream's limits, and in its metrics."""
        if not self._paging.is_metered:
            return
        if live.limits is not None:
            live.limits.count_read(page.shard.log_id, page.size, self._context.engine.now_ms())
        live.metrics.get_records(
            page.shard.index,
            len(page.records),
            page.size,
            page.millis_behind_latest,
            duration_s,
            at_end=page.next_position is None,
        )

    async def _pause(self) -> None:
        """Until the next read may be made; requests of others come in between at least."""
        await until_due(self._context, self._next_read_ms, lambda: self._phase == "stopped", self._wake)
        await asyncio.sleep(0)


async def until_due(
    context: FollowerContext, due_ms: int, is_over: Callable[[], bool], wake: asyncio.Event
) -> None:
    """Wait for a time of the engine's clock, or until it is over."""
    cancel = context.alarms.set(due_ms, wake.set)
    try:
        while context.engine.now_ms() < due_ms and not is_over():
            wake.clear()
            await wake.wait()
    finally:
        cancel()
