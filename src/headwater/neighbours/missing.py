"""In place of the neighbouring services, where they are not installed: every request learns how to get them.

Refuses to know the services.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.neighbours.requests import refusal
from headwater.server.http.exchange import Answer, HttpRequest
from headwater.server.neighbour import ERROR_STATUS

NOT_IMPLEMENTED = 501
"""No SDK tries again after it."""


NOT_INSTALLED = (
    "pip install 'headwater[aws]' brings the neighbouring services, or --forward-to names a server "
    "that has them."
)
NOT_SHARED = (
    "with --store there are streams alone, as every server would have services of its own; --forward-to "
    "names one that has them for all."
)
LAMBDA_NOT_SHARED = "with --store every server would run functions of its own."


class MissingServices:
    """A provider of nothing."""

    def __init__(self, reason: str = NOT_INSTALLED) -> None:
        """`reason`: why there is nothing, as the end of a sentence."""
        self._reason = reason

    async def answer(self, request: HttpRequest, service: str, caller: Caller) -> Answer:  # noqa: ARG002
        """Say what is missing."""
        text = f"This Headwater has no {service}: {self._reason}"
        return refusal(request, service, NOT_IMPLEMENTED, "ServiceNotInstalled", text)

    async def reset(self) -> None:
        """There is nothing to forget."""

    async def close(self) -> None:
        """There is nothing to end."""


class RefusedService:
    """A `Neighbour` that stands for one service and refuses it."""

    def __init__(self, name: str, takes: Callable[[HttpRequest, str], bool], reason: str) -> None:
        """`takes`: whether a request is for the service; `reason`: as the end of a sentence."""
        self.takes = takes
        self._name = name
        self._missing = MissingServices(reason)

    def call_name(self, request: HttpRequest) -> str:
        """What the log calls the request."""
        return f"AWS {self._name}.{request.method.decode('latin-1')} {request.path.decode('latin-1')}"

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Say that it is not there, and why."""
        return await self._missing.answer(request, self._name, caller)

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        """Word an error that was found before."""
        return refusal(request, self._name, ERROR_STATUS, error.code, error.message or "")

    async def reset(self) -> None:
        """There is nothing to forget."""

    async def close(self) -> None:
        """There is nothing to end."""
