"""In place of the neighbouring services, where they are not installed: every request learns how to get them.

Refuses to know the services.
"""

from __future__ import annotations

from headwater.model.caller import Caller
from headwater.neighbours.requests import refusal
from headwater.server.http.exchange import Answer, HttpRequest

NOT_IMPLEMENTED = 501
"""No SDK tries again after it."""


NOT_INSTALLED = (
    "pip install 'headwater[aws]' brings the neighbouring services, or --forward-to names a server "
    "that has them."
)
NOT_SHARED = (
    "with --store every server would have services of its own; --forward-to names one that has them for all."
)


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
