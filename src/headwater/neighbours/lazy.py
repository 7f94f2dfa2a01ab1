"""The neighbouring services as a server has them before anybody asked for one: a door, as `lambda_.lazy`.

Refuses to know how the services are provided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.server.http.exchange import Answer, HttpRequest

if TYPE_CHECKING:
    from headwater.engine.encryption_key import KeyState
    from headwater.neighbours.services import Services


class LazyServices:
    """A `Neighbour`. `build` makes what is behind, at the first request that is not for Kinesis."""

    def __init__(self, build: Callable[[], Services]) -> None:
        self._build = build
        self._services: Services | None = None

    def open_if_kept(self) -> None:
        """Have what is kept of them at once. Call in the running loop."""
        self._opened().open_if_kept()

    async def run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool] | None:
        """Take a batch through a pipe: what came of it, and whether it is an error; `None`: no such pipe."""
        return await self._opened().run_pipe(arn, event)

    async def ask(self, request: HttpRequest, service: str, caller: Caller) -> Answer:
        """The answer of a service to a part of this server."""
        return await self._opened().ask(request, service, caller)

    async def keep(self) -> None:
        """Return once every change so far survives a sudden end, if any is kept. Raises OSError."""
        if self._services is not None:
            await self._services.keep()

    def takes(self, request: HttpRequest, service: str) -> bool:
        """Whether the request is for one of the services."""
        return self._opened().takes(request, service)

    def call_name(self, request: HttpRequest) -> str:
        """What the log calls the request."""
        return self._opened().call_name(request)

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request."""
        return await self._opened().answer(request, caller)

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        """Word an error that was found before the request came here."""
        return self._opened().refuse(request, error)

    async def reset(self) -> None:
        """Forget everything; what was never used has nothing to forget."""
        if self._services is not None:
            await self._services.reset()

    async def close(self) -> None:
        """The server stops."""
        if self._services is not None:
            await self._services.close()

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of the neighbouring KMS is; `None`: it has none, as when nobody has asked it yet."""
        return None if self._services is None else self._services.key_state(caller, key_id)

    def _opened(self) -> Services:
        if self._services is None:
            self._services = self._build()
        return self._services
