"""The deliveries of one server: their context, and whoever has deliveries.

An owner (channels, delivery streams) makes `Delivery` values of the context, and is told when the server
opens, stops and forgets, and when it delivers: always, or while it holds the lease, of several servers over
the same data.

Refuses to know what an owner delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from headwater.delivery.context import DeliveryContext
from headwater.engine.channel_lifecycle import ChannelHost
from headwater.followers.leased_work import LeasedWork


class DeliveryOwner(Protocol):
    """A part that has deliveries of one kind."""

    def open(self) -> None:
        """Find what is kept. Call in the running loop."""

    def begin(self, leased: LeasedWork) -> None:
        """Go on with every delivery, as long as `leased` is this server's work."""

    async def end(self) -> None:
        """Stop every delivery; what is being delivered may come to its end. `begin` may follow."""

    async def close(self) -> None:
        """The same for good."""

    async def reset(self) -> None:
        """Forget every delivery."""

    def status(self) -> list[dict[str, Any]]:
        """How far each delivery is, for the person who runs the server."""


class ChannelOwner(DeliveryOwner, ChannelHost, Protocol):
    """The part that has the deliveries of channels."""


class DeliveryService:
    """See the module's text. `open` it in the running loop, `close` it before neighbours and engine."""

    def __init__(
        self, context: DeliveryContext, channels: ChannelOwner, others: Sequence[DeliveryOwner] = ()
    ) -> None:
        self.context = context
        self.channels = channels
        self.owners = (channels, *others)
        self._unwatch: Callable[[], None] | None = None
        self._work = LeasedWork(context.engine, self._begin, self._end)

    def open(self) -> None:
        """Find what is kept, and go on with every delivery that is this server's."""
        self.context.progress.open()
        self._unwatch = self.context.engine.watch_time(self.context.alarms.ring)
        for owner in self.owners:
            owner.open()
        self._work.open()

    def _begin(self) -> None:
        for owner in self.owners:
            owner.begin(self._work)

    async def _end(self) -> None:
        for owner in self.owners:
            await owner.end()

    async def close(self) -> None:
        """Stop every delivery."""
        self._work.close()
        for owner in self.owners:
            await owner.close()
        if self._unwatch is not None:
            self._unwatch()

    async def reset(self) -> None:
        """Forget every delivery."""
        for owner in self.owners:
            await owner.reset()

    def status(self) -> list[dict[str, Any]]:
        """How far each delivery is, for the person who runs the server."""
        return [status for owner in self.owners for status in owner.status()]
