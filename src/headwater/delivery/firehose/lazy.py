"""Firehose as a server has it before anybody asked for it: a door that opens at the first request.

Refuses to know what is behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.server.http.exchange import Answer, HttpRequest

if TYPE_CHECKING:
    from headwater.delivery.firehose.json_api import FirehoseApi

SERVICE = "firehose"
TARGET_PREFIX = b"Firehose_20150804."


class LazyFirehose:
    """A `Neighbour`. What is behind the door is there with all deliveries."""

    def __init__(self, opened: Callable[[], FirehoseApi], metrics: Callable[[], MetricReader | None]) -> None:
        """`opened` gives it, and `metrics` what is counted; `None` while it is closed."""
        self._opened = opened
        self.metrics = metrics

    def takes(self, request: HttpRequest, service: str) -> bool:
        """Whether the request is for Firehose: it is signed for it, or its target is one of Firehose's."""
        if service:
            return service == SERVICE
        return request.headers.get(b"x-amz-target", b"").startswith(TARGET_PREFIX)

    def call_name(self, request: HttpRequest) -> str:
        """What the log calls the request."""
        return self._opened().call_name(request)

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request."""
        return await self._opened().answer(request, caller)

    async def call(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """An operation for somebody in this process. Raises `FirehoseError` and `KinesisError`."""
        return await self._opened().document(caller, operation, dict(members))

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        """Word an error that was found before the request came here."""
        return self._opened().refuse(request, error)

    async def reset(self) -> None:
        """Delivery streams are forgotten with all deliveries."""

    async def close(self) -> None:
        """They end with all deliveries."""
