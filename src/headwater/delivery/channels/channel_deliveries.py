"""All channels of a server: found, provisioned, delivered while they are to, forgotten when they are gone.

Each channel has one task for its whole life. What calls and time do to a channel reaches it by the engine,
which tells of every stream whose channels have changed.

Refuses to know how records are delivered.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from headwater.delivery.batch_plan import ShardPlace
from headwater.delivery.channels.bucket_destination import BucketDestination
from headwater.delivery.channels.channel_log import ChannelLog
from headwater.delivery.channels.delivered_channel import DELIVERY_KIND, DeliveredChannel, delivery_id_of
from headwater.delivery.channels.provisioning import load_tables, provision
from headwater.delivery.context import DeliveryContext
from headwater.delivery.delivery import Delivery, Destination
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.source import StreamSource
from headwater.engine.channel_lifecycle import settle_channel
from headwater.followers.leased_work import LeasedWork
from headwater.model.arn import StreamName
from headwater.model.channel import BucketTarget, Channel, ChannelStart
from headwater.model.errors import ResourceNotFoundException
from headwater.model.shard import Shard
from headwater.model.stream import Stream
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreUnavailable

CLOSE_GRACE_S = 10.0
AGAIN_MS = 1_000
"""After a fault, or a store that cannot be written, it is tried again in so long."""


class _AttendedChannel:
    """One channel with its task."""

    def __init__(self, name: StreamName, channel_id: str) -> None:
        self.name = name
        self.channel_id = channel_id
        self.changed = asyncio.Event()
        self.delivery: Delivery | None = None
        self.last: DeliveredChannel | None = None
        """The channel as it was seen last."""
        self.task: asyncio.Task[None]


class ChannelDeliveries:
    """See the module's text. A `DeliveryOwner` and a `ChannelHost`."""

    def __init__(self, context: DeliveryContext) -> None:
        self._context = context
        self._attended: dict[str, _AttendedChannel] = {}
        self._forgetting: list[asyncio.Task[None]] = []
        self._stopping = True
        """Whether nothing is to be delivered, or no more."""

    def open(self) -> None:
        """What there is, is in the streams' values."""

    def begin(self, leased: LeasedWork) -> None:  # noqa: ARG002 - what is done here may be done twice
        """Go on with the channels that there are. Call in the running loop."""
        self._stopping = False
        for stream in self._context.engine.all_streams():
            self.stream_changed(stream)
        known = {f"{DELIVERY_KIND}:{channel_id}" for channel_id in self._attended}
        for delivery_id in self._context.progress.ids(DELIVERY_KIND):
            if delivery_id not in known:
                self._forgetting.append(asyncio.ensure_future(self._forget(delivery_id)))

    def stream_changed(self, stream: Stream | None) -> None:
        """A stream has another value, and so may its channels; `None`: one is gone, or all are."""
        if self._stopping:
            return
        for attended in list(self._attended.values()):
            if stream is None or attended.name == stream.full_name:
                self._tell(attended)
        for channel in stream.channels if stream is not None else ():
            if channel.channel_id not in self._attended:
                assert stream is not None
                self._attend(stream.full_name, channel.channel_id)

    async def close(self) -> None:
        """Stop for good."""
        await self.end()

    async def end(self) -> None:
        """Stop every delivery; what is being delivered may come to its end, for some seconds."""
        self._stopping = True
        tasks = [attended.task for attended in self._attended.values()]
        for attended in list(self._attended.values()):
            self._tell(attended)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_GRACE_S)
            for task in late:
                task.cancel()  # the next start makes the same batch again
        await asyncio.gather(*tasks, *self._forgetting, return_exceptions=True)
        self._forgetting.clear()
        self._attended.clear()

    async def reset(self) -> None:
        """Forget every channel; the engine's reset has said so already, or will."""
        tasks = [attended.task for attended in self._attended.values()]
        self.stream_changed(None)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._context.progress.forget_all(DELIVERY_KIND)

    def status(self) -> list[dict[str, Any]]:
        """How far each channel is, for the person who runs the server."""
        found = [
            DeliveredChannel(stream, channel)
            for stream in self._context.engine.all_streams()
            for channel in stream.channels
        ]
        return [self._status_of(each) for each in found]

    def _status_of(self, found: DeliveredChannel) -> dict[str, Any]:
        attended = self._attended.get(found.channel.channel_id)
        delivery = None if attended is None else attended.delivery
        status = {} if delivery is None else delivery.status()
        stream, channel = found
        return {
            "kind": DELIVERY_KIND,
            "id": delivery_id_of(channel),
            "account": stream.account_id,
            "region": stream.region,
            "name": channel.name,
            "arn": found.arn,
            "stream": stream.name,
            "state": channel.status,
            "state_reason": channel.status_reason,
            "created_ms": channel.created_ms,
            "place": found.place,
            "set_aside_to": found.set_aside_to,
            **status,
        }

    # A channel's task

    def _attend(self, name: StreamName, channel_id: str) -> None:
        attended = self._attended[channel_id] = _AttendedChannel(name, channel_id)
        attended.task = asyncio.ensure_future(self._run(attended))
        attended.task.add_done_callback(lambda task: self._on_ended(attended, task))

    def _tell(self, attended: _AttendedChannel) -> None:
        """The channel may have changed, or the server ends."""
        attended.changed.set()
        if attended.delivery is None:
            return
        found = self._current(attended)
        if found is None or not found.channel.is_delivering or self._stopping:
            attended.delivery.stop()
        else:
            attended.delivery.refresh()

    async def _run(self, attended: _AttendedChannel) -> None:
        while not self._stopping:
            attended.changed.clear()
            found = self._current(attended)
            if found is None:
                await self._forget(delivery_id_of_id(attended.channel_id))
                return
            if found.channel.status == "CREATING":
                await self._provision(attended, found)
            elif found.channel.is_delivering:
                await self._deliver(attended, found)
            else:
                await attended.changed.wait()

    async def _provision(self, attended: _AttendedChannel, found: DeliveredChannel) -> None:
        """Make a channel ACTIVE, or FAILED; not before its time."""
        engine = self._context.engine
        if found.channel.due_ms is not None and engine.now_ms() < found.channel.due_ms:
            cancel = self._context.alarms.set(found.channel.due_ms, attended.changed.set)
            await attended.changed.wait()
            cancel()
            return
        failure: str | None = None
        try:
            await provision(self._context, found)
        except DeliveryFailed as error:
            failure = error.message
        settle = partial(settle_channel, channel_id=attended.channel_id, failure=failure)
        try:
            await finished(engine.replace(attended.name, settle))
        except ResourceNotFoundException:
            return  # with the stream, the channel is gone
        except StoreUnavailable:
            await self._again_later(attended)

    async def _deliver(self, attended: _AttendedChannel, found: DeliveredChannel) -> None:
        """Deliver until the channel is no longer to."""
        context, log = self._context, ChannelLog(self._context)
        attended.last = found
        destination = await self._destination(attended, found, log)
        now = self._current(attended)
        if destination is None or self._stopping or now is None or not now.channel.is_delivering:
            return
        source = StreamSource(context, attended.name, f"channel {found.channel.name}")
        start = partial(start_of, found.channel.start)
        attended.delivery = Delivery(context, delivery_id_of(found.channel), source, destination, start)
        try:
            await attended.delivery.run()
        finally:
            attended.delivery = None
            await log.close()

    async def _destination(
        self, attended: _AttendedChannel, found: DeliveredChannel, log: ChannelLog
    ) -> Destination | None:
        """Where the channel delivers to; `None`: it is not there now, and some time has passed."""
        latest = partial(self._latest, attended)
        if isinstance(found.channel.target, BucketTarget):
            return BucketDestination(self._context, latest, log)
        try:
            tables = await load_tables(self._context)
            destination = tables.TableDestination(self._context, latest, log)
            await destination.open()
        except DeliveryFailed as error:
            log.write(found, error.code, error.message)
            await self._again_later(attended)
            return None
        opened: Destination = destination
        return opened

    async def _again_later(self, attended: _AttendedChannel) -> None:
        again_ms = self._context.engine.now_ms() + AGAIN_MS
        cancel = self._context.alarms.set(again_ms, attended.changed.set)
        await attended.changed.wait()
        cancel()

    def _latest(self, attended: _AttendedChannel) -> DeliveredChannel:
        """The channel as it is now, or as it was last."""
        attended.last = self._current(attended) or attended.last
        assert attended.last is not None
        return attended.last

    def _current(self, attended: _AttendedChannel) -> DeliveredChannel | None:
        try:
            stream = self._context.engine.live(attended.name).stream
        except ResourceNotFoundException:
            return None
        channel: Channel | None = stream.channel(attended.channel_id)
        return None if channel is None else DeliveredChannel(stream, channel)

    async def _forget(self, delivery_id: str) -> None:
        try:
            await self._context.progress.forget(delivery_id)
        except StoreUnavailable as error:
            self._context.log("error", f"{delivery_id} is not forgotten: {error}")  # the next start does

    def _on_ended(self, attended: _AttendedChannel, task: asyncio.Task[None]) -> None:
        if self._attended.get(attended.channel_id) is attended:
            del self._attended[attended.channel_id]
        error = None if task.cancelled() else task.exception()
        if error is None or self._stopping:
            return
        self._context.log("error", f"channel {attended.channel_id} is begun again after a fault: {error!r}")
        again_ms = self._context.engine.now_ms() + AGAIN_MS
        self._context.alarms.set(again_ms, lambda: self._attend_again(attended))

    def _attend_again(self, attended: _AttendedChannel) -> None:
        if not self._stopping and attended.channel_id not in self._attended:
            self._attend(attended.name, attended.channel_id)


def delivery_id_of_id(channel_id: str) -> str:
    """The id of the delivery of a channel that may be gone."""
    return f"{DELIVERY_KIND}:{channel_id}"


def start_of(start: ChannelStart, shard: Shard) -> ShardPlace:
    """Where a channel begins in a shard: with what was put after the channel was created."""
    if shard.index >= start.next_shard_index:
        return ShardPlace(0)
    tip = start.tips.get(shard.index)
    return ShardPlace(0, is_finished=True) if tip is None else ShardPlace(tip)
