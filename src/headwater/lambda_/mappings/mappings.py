"""All event source mappings of a server: their life cycle, and the pollers of those that are enabled.

Each mapping has one task for its whole life, which runs a poller while the mapping is
Enabled, and waits while it is anything else. A change stops the poller; the next one
begins when the invocations that were under way have ended, so none is cut off.

Of several servers over the same streams each knows all mappings, and one has the tasks: the
holder of the lease. When another one has taken over, they are cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from headwater.engine.engine import Engine
from headwater.engine.held_versions import Overtaken
from headwater.engine.reading import find_extents
from headwater.followers.alarms import Alarms
from headwater.followers.context import Log
from headwater.followers.leased_work import LeasedWork
from headwater.lambda_.functions.destination import MessageSender
from headwater.lambda_.functions.invocation import Invoker
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.event_counts import EventCounts
from headwater.lambda_.mappings.mapping import EVENT_COUNT, Mapping, settled
from headwater.lambda_.mappings.poller import MappingPoller
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.lambda_.mappings.store import MappingStore, ShardProgress
from headwater.model.caller import Caller
from headwater.server.admin import RouteSet
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreUnavailable

WRITE_AGAIN_MS = 1_000
"""After progress could not be written."""
LOOK_AGAIN_MS = 100
"""After somebody else has changed a mapping that is to be removed."""


class _Attended(NamedTuple):
    """The task of a mapping, and how it is told that the mapping has changed."""

    task: asyncio.Task[None]
    changed: asyncio.Event
    counts: EventCounts


class EventSourceMappings:
    """See the module's text. `open` it in a running loop, `close` it before the engine."""

    def __init__(
        self,
        engine: Engine,
        invoker: Invoker,
        sender: MessageSender,
        log: Log,
        metrics: FunctionMetrics,
        new_uuid: Callable[[], str],
        retry_delay_ms: int,
    ) -> None:
        """`log` writes to the log; `retry_delay_ms` is the delay before a batch is tried a second time."""
        self.engine = engine
        self.invoker = invoker
        self.new_uuid = new_uuid
        self.store = MappingStore(engine, self._on_write_failed, self._on_told)
        self._work = LeasedWork(engine, self._begin, self._cut_off)
        self._log = log
        self._metrics = metrics
        self._alarms = Alarms()
        self._context = PollerContext(
            engine,
            self._alarms,
            log,
            invoker,
            sender,
            self.store,
            metrics,
            new_uuid,
            retry_delay_ms,
            self._work.may_act,
        )
        self._attended: dict[str, _Attended] = {}
        self._pollers: dict[str, MappingPoller] = {}
        self._writes: set[asyncio.Task[None]] = set()
        self._settling: set[str] = set()
        """Mappings whose transition has ended, and is being written."""
        self._unwatch: Callable[[], None] | None = None
        self._closing = False

    def open(self) -> None:
        """Find the mappings that are kept, and go on with them."""
        self.store.open()
        self._unwatch = self.engine.watch_time(self._on_tick)
        self._work.open()

    async def close(self, grace_s: float) -> None:
        """Let invocations that are under way end, for `grace_s` at most, and stop."""
        self._closing = True
        self._work.close()
        if self._unwatch is not None:
            self._unwatch()
        tasks = {attended.task for attended in self._attended.values()}
        self._stop_all()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, *self._writes, return_exceptions=True)
        with suppress(TimeoutError):  # what is done comes once more then
            async with asyncio.timeout(grace_s):
                await finished(self.store.all_written())

    # What the operations do

    def current(self, uuid: str) -> Mapping | None:
        """The mapping as of now."""
        mapping = self.store.mapping(uuid)
        return settled(mapping, self.engine.now_ms()) if mapping else None

    def all_current(self) -> list[Mapping]:
        """Every mapping as of now, in the order of their ids."""
        found = (self.current(mapping.uuid) for mapping in self.store.mappings())
        return sorted((mapping for mapping in found if mapping), key=lambda mapping: mapping.uuid)

    async def add(self, mapping: Mapping, progress: dict[int, ShardProgress]) -> None:
        """Keep a new mapping, which starts where `progress` says. Raises `Overtaken`."""
        await finished(self.store.add(mapping, progress))
        self._attend(mapping.uuid)

    async def change(self, mapping: Mapping) -> None:
        """Keep a new value of a mapping, by which it goes on. Raises `Overtaken`."""
        await finished(self.store.replace(mapping))
        self._tell(mapping.uuid)

    async def reset(self) -> None:
        """Forget every mapping."""
        tasks = [attended.task for attended in self._attended.values()]
        await finished(self.store.remove_all())
        self._stop_all()
        await asyncio.gather(*tasks, return_exceptions=True)

    def due_ms(self) -> int:
        """When a transition that begins now ends."""
        return self.engine.now_ms() + self.engine.settings.transition_ms

    async def status(self) -> list[dict[str, Any]]:
        """How far each mapping is, for the person who runs the server. A coroutine of the engine's."""
        return [await self._status_of(mapping) for mapping in self.all_current()]

    async def _status_of(self, mapping: Mapping) -> dict[str, Any]:
        engine, now_ms = self.engine, self.engine.now_ms()
        shards = []
        log_ids = self.store.known_logs(mapping.uuid)
        extents = await find_extents(engine, log_ids)  # others may have appended
        for log_id, extent in zip(log_ids, extents, strict=True):
            progress = self.store.progress(mapping.uuid, log_id)
            if progress is None or extent is None:
                continue
            behind = max(0, extent.next - max(progress.position, extent.first))
            newest_ms = extent.last_time_ms or now_ms  # 0: this server has not read the shard yet
            shards.append(
                {
                    "log": log_id,
                    "records_behind": behind,
                    "behind_ms": max(0, now_ms - newest_ms) if behind else 0,
                    "finished": progress.is_finished,
                }
            )
        attended = self._attended.get(mapping.uuid)
        counts = attended.counts if attended else self._new_counts(mapping.uuid)
        return {
            "uuid": mapping.uuid,
            "event_source_arn": mapping.event_source_arn,
            "function_arn": mapping.function_arn,
            "state": mapping.state,
            "last_processing_result": mapping.last_processing_result,
            "records_behind": sum(shard["records_behind"] for shard in shards),
            "event_counts": counts.totals,
            "batches_in_flight": counts.history.in_flight,
            "batches_done": counts.history.done,
            "given_up": [each._asdict() for each in counts.history.given_up],
            "shards": shards,
        }

    def _new_counts(self, uuid: str) -> EventCounts:
        return EventCounts(lambda metric, records: self._count(uuid, metric, records))

    def _count(self, uuid: str, metric: str, records: int) -> None:
        """Show CloudWatch what a mapping has done, if that is wanted of it."""
        mapping = self.store.mapping(uuid)
        if mapping is not None and EVENT_COUNT in (mapping.metrics or ()):
            self._metrics.mapping_counted(Caller(mapping.account_id, mapping.region), uuid, metric, records)

    # Mappings' tasks

    def _begin(self) -> None:
        """The mappings are this server's."""
        self.store.begin_work()
        for mapping in self.store.mappings():
            self._attend(mapping.uuid)

    async def _cut_off(self) -> None:
        """They are another one's: what is under way here is done there once more."""
        tasks = [attended.task for attended in self._attended.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.store.end_work()

    def _on_told(self, before: Mapping | None, after: Mapping | None) -> None:
        """Another server has made, changed or removed a mapping."""
        changed = after or before
        if changed is None or (before and after and _without_tags(before) == _without_tags(after)):
            return
        if changed.uuid in self._attended:
            self._tell(changed.uuid)
        elif after is not None:
            self._attend(changed.uuid)

    def _attend(self, uuid: str) -> None:
        if not self._work.is_begun or self._closing or uuid in self._attended:
            return
        changed, counts = asyncio.Event(), self._new_counts(uuid)
        task = asyncio.ensure_future(self._run(uuid, changed, counts))
        self._attended[uuid] = _Attended(task, changed, counts)
        task.add_done_callback(lambda ended: self._on_ended(uuid, ended))

    async def _run(self, uuid: str, changed: asyncio.Event, counts: EventCounts) -> None:
        while not self._closing:
            changed.clear()
            mapping = self.current(uuid)
            if mapping is None:
                with suppress(Overtaken):
                    await finished(self.store.remove(uuid))
                    return
                self._alarms.set(self.engine.now_ms() + LOOK_AGAIN_MS, changed.set)
                await changed.wait()
            elif mapping.state == "Enabled":
                poller = MappingPoller(self._context, mapping, counts, lambda said: self._report(uuid, said))
                self._pollers[uuid] = poller
                try:
                    await poller.run()
                finally:
                    self._pollers.pop(uuid, None)
            else:
                await changed.wait()

    def _tell(self, uuid: str) -> None:
        """The mapping has changed, or must stop."""
        poller = self._pollers.get(uuid)
        if poller is not None:
            poller.stop()
        attended = self._attended.get(uuid)
        if attended is not None:
            attended.changed.set()

    def _stop_all(self) -> None:
        for uuid in list(self._attended):
            self._tell(uuid)

    def _on_ended(self, uuid: str, task: asyncio.Task[None]) -> None:
        self._attended.pop(uuid, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._closing:
            self._log("error", f"mapping {uuid} is begun again after a fault: {error!r}")
            self._alarms.set(self.engine.now_ms() + 1_000, lambda: self._attend(uuid))

    def _report(self, uuid: str, result: str) -> None:
        mapping = self.store.mapping(uuid)
        if mapping is not None and mapping.last_processing_result != result:
            self._write(uuid, lambda now: msgspec.structs.replace(now, last_processing_result=result))

    def _write(self, uuid: str, change: Callable[[Mapping], Mapping | None]) -> asyncio.Task[None]:
        """Keep a change that nobody waits for; it is made of the value that there is when it is written."""
        task = asyncio.ensure_future(self._replace_quietly(uuid, change))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _replace_quietly(self, uuid: str, change: Callable[[Mapping], Mapping | None]) -> None:
        while self._work.may_act():
            before = self.store.mapping(uuid)
            after = change(before) if before else None
            if after is None or after == before:
                return
            try:
                await finished(self.store.replace(after))
            except Overtaken:
                continue
            except StoreUnavailable as error:
                self._log("error", f"mapping {uuid} is not written: {error}")
            return

    def _on_write_failed(self, error: StoreUnavailable) -> None:
        self._log("error", f"progress is not written: {error}")
        self._alarms.set(self.engine.now_ms() + WRITE_AGAIN_MS, self.store.write_again)

    # Time

    def _on_tick(self, now_ms: int) -> None:
        self._alarms.ring(now_ms)
        self.store.tick()
        for mapping in self.store.mappings():
            if mapping.due_ms is None or mapping.due_ms > now_ms or mapping.uuid in self._settling:
                continue
            self._settle(mapping.uuid, now_ms)
            attended = self._attended.get(mapping.uuid)
            if attended is not None:
                attended.changed.set()  # its poller, if it has one, was stopped when the transition began

    def _settle(self, uuid: str, now_ms: int) -> None:
        """Write the end of a transition."""
        self._settling.add(uuid)
        task = self._write(uuid, lambda before: settled(before, now_ms))
        task.add_done_callback(lambda _: self._settling.discard(uuid))


def _without_tags(mapping: Mapping) -> Mapping:
    """The part of a mapping by which it runs."""
    return msgspec.structs.replace(mapping, tags={})


def mapping_routes(mappings: EventSourceMappings) -> RouteSet:
    """`GET /_headwater/event-source-mappings`: how far each is. A reset of the mappings is Lambda's own."""

    async def show(_body: bytes) -> dict[str, Any]:
        return {"event_source_mappings": await mappings.status()}

    return RouteSet({b"event-source-mappings": {b"GET": show}})
