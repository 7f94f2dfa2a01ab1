"""The delivery streams of one server at work: a `DeliveryOwner`.

Rules:
- a delivery stream delivers while it is ACTIVE; what it has gathered when it stops is gathered again;
- a stream that is read begins where it ended when the delivery stream was created;
- what was put directly is forgotten once it is delivered, and after 24 hours in any case;
- transitions that are due are kept at the engine's tick, if nobody has asked for them;
- every server answers for all delivery streams; of several, the holder of the lease delivers.

Refuses to know requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from headwater.delivery.batch_plan import BatchPlan, DeliveryProgress, ShardPlace
from headwater.delivery.context import DeliveryContext
from headwater.delivery.delivery import Batch, Delivery, Hints
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.firehose.batch import StreamBatch, StreamBatchContext
from headwater.delivery.firehose.delivery_stream import DeliveryStream, DeliveryStreamId
from headwater.delivery.firehose.direct_source import DirectPutSource
from headwater.delivery.firehose.endpoint import EndpointAnswer, EndpointRefusal, EndpointRequest
from headwater.delivery.firehose.endpoint_sender import send
from headwater.delivery.firehose.errors import FirehoseError
from headwater.delivery.firehose.failure_log import FailureLog
from headwater.delivery.firehose.firehose_metrics import FirehoseMetrics
from headwater.delivery.firehose.json_api import FirehoseApi
from headwater.delivery.firehose.operations import FirehoseOperations
from headwater.delivery.firehose.other_servers import in_step
from headwater.delivery.firehose.recipes import check_expressions, place_of, recipe_of, set_aside_to
from headwater.delivery.firehose.store import KEEP_MS, KIND, DeliveryStreamStore, delivery_id
from headwater.delivery.firehose.transformation import Said
from headwater.delivery.source import Source, StreamSource
from headwater.followers.leased_work import LeasedWork
from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.shard import Shard
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import END_MS, StoreUnavailable

SWEEP_MS = 600_000
PAUSE_MS_MIN, PAUSE_MS_MAX = 500, 30_000
AGAIN_MS = 1_000
"""After a fault a delivery is begun again in so long."""
CLOSE_GRACE_S = 5.0

InvokeFor = Callable[[Caller, str, bytes], Coroutine[Any, Any, Said]]
"""Takes who calls, a function's ARN and its event."""


class _Work:
    """One delivery stream at work: a `Destination` and the delivery to it."""

    def __init__(self, streams: DeliveryStreams, stream: DeliveryStream) -> None:
        self._streams = streams
        self.recipe = recipe_of(stream)
        context = streams.context
        batch_context = StreamBatchContext(
            context,
            partial(streams.invoke, Caller(stream.account_id, stream.region)),
            self._pause,
            self._send,
            self._note_error,
            self._count,
        )
        self.new_batch: Callable[[], Batch] = lambda: StreamBatch(batch_context, lambda: self.recipe)
        self._stopping = asyncio.Event()
        self.delivery = Delivery(context, delivery_id(stream), streams.source(stream), self, _beginning)
        self.task = asyncio.get_running_loop().create_task(self.delivery.run())

    @property
    def stream(self) -> DeliveryStream:
        """Its delivery stream."""
        return self.recipe.stream

    def revised(self, stream: DeliveryStream) -> None:
        """The delivery stream has another value."""
        if stream != self.recipe.stream:
            self.recipe = recipe_of(stream)
            self.delivery.refresh()

    def stop(self) -> None:
        """Let the delivery end."""
        self._stopping.set()
        self.delivery.stop()

    def hints(self) -> Hints:
        """When a batch is due, as of now."""
        return self.recipe.hints

    def failed(self, _batch: Batch, error: DeliveryFailed, attempts: int) -> None:
        """A batch was not delivered, so many times."""
        if self._stopping.is_set():
            return
        if attempts == 1:
            text = f"{self.stream.arn} cannot be delivered: {error.message}"
            self._streams.context.log("warning", text)
        self._note_error(error.code if "." in error.code else f"S3.{error.code}", error.message)

    def delivered(self, batch: Batch, plan: BatchPlan) -> None:  # noqa: ARG002 - how many is counted elsewhere
        """A batch was delivered: what it was made of is not needed any more."""
        log_id = self.stream.log_id
        if log_id is not None and log_id in plan.places:
            self._streams.trim(log_id, plan.places[log_id].position)

    async def _send(self, request: EndpointRequest) -> EndpointAnswer | EndpointRefusal:
        """Ask an endpoint, which cannot be asked to forget it. Raises `DeliveryFailed` once it stops."""
        while not self._streams.may_act():
            await self._pause(1)
        return await send(request)

    def _count(self, figures: Mapping[str, float]) -> None:
        self._streams.metrics.count_stream(self.stream, figures)

    async def _pause(self, attempt: int) -> None:
        """Wait before an attempt, by the engine's clock. Raises `DeliveryFailed` when the delivery stops."""
        context = self._streams.context
        due_ms = context.engine.now_ms() + min(PAUSE_MS_MIN * 2 ** min(attempt, 16), PAUSE_MS_MAX)
        while context.engine.now_ms() < due_ms and not self._stopping.is_set():
            wake = asyncio.Event()
            cancel = context.alarms.set(due_ms, wake.set)
            try:
                await _first_of(wake, self._stopping)
            finally:
                cancel()
        if self._stopping.is_set():
            raise DeliveryFailed("Stopped", "The delivery stops.")

    def _note_error(self, code: str, message: str, processor: str | None = None) -> None:
        self._streams.background(self._streams.failure_log.write(self.stream, code, message, processor))


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


@dataclass
class _Background:
    """Small tasks that nobody waits for."""

    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class DeliveryStreams:
    """See the module's text."""

    def __init__(self, context: DeliveryContext, invoke: InvokeFor) -> None:
        self.context = context
        self.invoke = invoke
        self.failure_log = FailureLog(context.services)
        self.store = DeliveryStreamStore(context.engine)
        self._leased: LeasedWork | None = None
        self.metrics = FirehoseMetrics(context.engine.now_ms)
        operations = FirehoseOperations(
            context.engine, self.store, self, check_expressions, self.metrics.count_stream
        )
        self.api = FirehoseApi(in_step(operations.handlers(), context.engine))
        self._works: dict[DeliveryStreamId, _Work] = {}
        self._ending: list[_Work] = []
        """Those whose delivery stream is gone, or another one, while what they deliver comes to its end."""
        self._background = _Background()
        self._unwatch: Callable[[], None] | None = None
        self._next_sweep_ms = 0
        self._settling: set[DeliveryStreamId] = set()

    # What the service of deliveries asks

    def open(self) -> None:
        """Find what is kept. Call in the running loop."""
        self.store.open(self.follow)

    def begin(self, leased: LeasedWork) -> None:
        """Go on with every delivery stream."""
        self._leased = leased
        known = {delivery_id(stream) for stream in self.store.streams()}
        for left in self.context.progress.ids(KIND):
            if left not in known:
                self.background(self._forget(left))
        for stream in self.store.streams():
            self.follow(stream.id)
        self._unwatch = self.context.engine.watch_time(self._tick)

    async def end(self) -> None:
        """Stop every delivery; what is being delivered may come to its end. `begin` may follow."""
        self._leased = None
        if self._unwatch is not None:
            self._unwatch()
        await self._stop([*self._works.values(), *self._ending])
        self._works.clear()
        for task in list(self._background.tasks):
            task.cancel()
        await asyncio.gather(*self._background.tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop for good."""
        await self.end()

    async def reset(self) -> None:
        """Forget every delivery stream."""
        await self._stop(list(self._works.values()))
        self._works.clear()
        self.metrics.clear()
        await self.store.remove_all()
        await self.context.progress.forget_all(KIND)

    def status(self) -> list[dict[str, Any]]:
        """How far each delivery is, for the person who runs the server."""
        return [self._status_of(stream) for stream in self.store.streams()]

    def _status_of(self, stream: DeliveryStream) -> dict[str, Any]:
        work = self._works.get(stream.id)
        name = None if stream.stream_arn is None else parse_stream_arn(stream.stream_arn)
        return {
            "kind": KIND,
            "id": delivery_id(stream),
            "account": stream.account_id,
            "region": stream.region,
            "name": stream.name,
            "arn": stream.arn,
            "stream": None if name is None else name.name,
            "state": stream.state,
            "state_reason": None,
            "created_ms": stream.created_ms,
            "place": place_of(stream),
            "set_aside_to": set_aside_to(stream),
            **({} if work is None else work.delivery.status()),
        }

    # What the operations ask

    async def beginning(self, stream: DeliveryStream) -> DeliveryProgress | None:
        """Where a new delivery stream begins in the stream that it reads; `None` without one."""
        name = None if stream.stream_arn is None else parse_stream_arn(stream.stream_arn)
        if name is None:
            return None
        live = await finished(self.context.engine.serving(name))
        return DeliveryProgress({shard.log_id: await self._latest(shard) for shard in live.stream.shards})

    def follow(self, key: DeliveryStreamId) -> None:
        """Look at a delivery stream anew: it is there, has changed, or is gone."""
        if self._leased is None or not self._leased.is_begun:
            return
        stream, work = self.store.find(key), self._works.get(key)
        if work is not None and (
            stream is None or stream.state != "ACTIVE" or stream.created_ms != work.stream.created_ms
        ):
            del self._works[key]
            self._ending.append(work)
            self.background(self._end(work))
            work = None
        if stream is None or stream.state != "ACTIVE":
            return
        try:
            if work is None:
                work = self._works[key] = _Work(self, stream)
                work.task.add_done_callback(partial(self._on_ended, work))
            else:
                work.revised(stream)
        except FirehoseError as error:  # what it was made with is not installed any more
            self.context.log("error", f"{stream.arn} is not delivered: {error.message}")

    def _on_ended(self, work: _Work, task: asyncio.Task[None]) -> None:
        """A delivery ends by itself only after a fault."""
        error = None if task.cancelled() else task.exception()
        key = work.stream.id
        if error is None or self._works.get(key) is not work:
            return
        del self._works[key]
        engine = self.context.engine
        self.context.log("error", f"{work.stream.arn} is begun again after a fault: {error!r}")
        self.context.alarms.set(engine.now_ms() + AGAIN_MS, lambda: self.follow(key))

    # What works ask

    def source(self, stream: DeliveryStream) -> Source:
        """The source of a delivery stream's records."""
        if stream.log_id is not None:
            return DirectPutSource(self.context, stream.log_id)
        name = parse_stream_arn(stream.stream_arn or "")
        assert name is not None, "it was checked when the delivery stream was made"
        return StreamSource(self.context, name, stream.arn, is_metered=True)

    def may_act(self) -> bool:
        """Whether what cannot be undone may be done now."""
        return self._leased is not None and self._leased.may_act()

    def trim(self, log_id: int, position: int) -> None:
        """Forget what was put directly before a position."""
        self.background(self._trimmed(log_id, position))

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that nobody waits for."""
        self._background.start(work)

    # At the tick

    def _tick(self, now_ms: int) -> None:
        for key in self.store.due():
            if key not in self._settling:
                self._settling.add(key)
                self.background(self._settle(key))
        if now_ms >= self._next_sweep_ms:
            self._next_sweep_ms = now_ms + SWEEP_MS
            for stream in self.store.streams():
                if stream.log_id is not None:
                    self.background(self._expire(stream.log_id, now_ms - KEEP_MS))

    async def _settle(self, key: DeliveryStreamId) -> None:
        before = self.store.held(key)
        try:
            await self.store.settle(key)
        except StoreUnavailable:
            return  # at a later tick
        finally:
            self._settling.discard(key)
        self.follow(key)
        if self.store.find(key) is None and before is not None:
            await self._forget(delivery_id(before))  # a delivery that has just ended may have kept some

    async def _forget(self, left: str) -> None:
        with suppress(StoreUnavailable):  # the next who begins does
            await self.context.progress.forget(left)

    async def _expire(self, log_id: int, time_ms: int) -> None:
        position = await finished(_found(self.context, log_id, time_ms))
        await self._trimmed(log_id, position)

    async def _trimmed(self, log_id: int, position: int) -> None:
        try:
            await finished(_trim(self.context, log_id, position))
        except StoreUnavailable as error:
            self.context.log("warning", f"What a delivery stream has delivered cannot be trimmed: {error}")

    async def _latest(self, shard: Shard) -> ShardPlace:
        return ShardPlace(await finished(_found(self.context, shard.log_id, END_MS)), not shard.is_open)

    async def _end(self, work: _Work) -> None:
        try:
            await self._stop([work])
        finally:
            self._ending.remove(work)
        held = self.store.held(work.stream.id)
        if held is None or held.created_ms != work.stream.created_ms:
            await self._forget(delivery_id(work.stream))

    async def _stop(self, works: list[_Work]) -> None:
        """Let deliveries end, and cancel those that do not soon."""
        for work in works:
            work.stop()
        tasks = [work.task for work in works]
        if tasks:
            _, running = await asyncio.wait(tasks, timeout=CLOSE_GRACE_S)
            for task in running:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _beginning(_shard: Shard) -> ShardPlace:
    """Where a shard begins that came after the delivery stream, and a log."""
    return ShardPlace(0)


async def _found(context: DeliveryContext, log_id: int, time_ms: int) -> int:
    return await context.engine.store.find(log_id, time_ms)


async def _trim(context: DeliveryContext, log_id: int, position: int) -> None:
    await context.engine.store.trim(log_id, position)
