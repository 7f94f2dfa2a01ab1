"""The `Respond` of what is refused together with its connection.

Refuses to know why.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.server.http.exchange import HttpResponse


class NobodyLeft:
    """A `Respond` for what is refused together with its connection: it is only logged."""

    def answer(self, response: HttpResponse) -> None:
        """Drop it."""

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """Nobody waits."""
        on_gone()
        return _nothing

    def cut(self) -> None:
        """It is."""


def _nothing() -> None:
    """There was no hold to end."""
