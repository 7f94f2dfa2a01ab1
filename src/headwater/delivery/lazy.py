"""Deliveries as a server has them before there are any: a door that opens for the first.

What is behind takes time and memory to load, which servers without deliveries do not pay. A store that
holds some opens the door at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headwater.server.admin import RouteSet

if TYPE_CHECKING:
    from headwater.delivery.service import DeliveryService
    from headwater.model.stream import Stream
    from headwater.storage.interface import Metadata


class LazyDeliveries:
    """`build` makes what is behind; it is opened then."""

    def __init__(self, build: Callable[[], DeliveryService], is_kept: Callable[[], bool]) -> None:
        """`is_kept`: whether the store holds any."""
        self._build = build
        self._is_kept = is_kept
        self._service: DeliveryService | None = None
        self.routes = RouteSet({b"deliveries": {b"GET": self._show}})

    def opened(self) -> DeliveryService:
        """What is behind the door. Call in the running loop."""
        if self._service is None:
            self._service = self._build()
            self._service.open()
        return self._service

    def if_opened(self) -> DeliveryService | None:
        """What is behind the door, if it is open."""
        return self._service

    def open_if_kept(self) -> None:
        """Open it at once when the store holds deliveries. Call in the running loop."""
        if self._is_kept():
            self.opened()

    def stream_changed(self, stream: Stream | None) -> None:
        """A stream has another value; `None`: one is gone, or all are. A `ChannelHost`."""
        if self._service is not None:
            self._service.channels.stream_changed(stream)
        elif stream is not None and stream.channels:
            self.opened()  # finds them

    def kept_changed(self, _key: str, found: Metadata | None) -> None:
        """Another server has kept something of a delivery, or dropped it."""
        if found is not None:
            self.opened()

    async def reset(self) -> None:
        """Forget every delivery."""
        if self._service is not None:
            await self._service.reset()

    async def close(self) -> None:
        """End what is under way."""
        if self._service is not None:
            await self._service.close()

    def status(self) -> list[dict[str, Any]]:
        """How far each delivery is; of none, before there was one."""
        return [] if self._service is None else self._service.status()

    async def _show(self, _body: bytes) -> dict[str, Any]:
        return {"deliveries": self.status()}
