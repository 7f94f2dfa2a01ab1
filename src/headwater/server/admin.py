"""The server's own routes, under `/_headwater/`: not AWS's API, and not signed.

The set is a table: path to method to what is done. An answer is a JSON object.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec

from headwater import __version__
from headwater.server.exchange import Answer, Fields

PREFIX = b"/_headwater/"
JSON: Fields = (("Content-Type", "application/json"),)


class AdminEngine(Protocol):
    """What the routes need from the engine."""

    def stream_count(self) -> int:
        """How many streams there are."""

    async def reset(self) -> None:
        """Delete everything."""


class Admin:
    """The routes of one server."""

    def __init__(self, engine: AdminEngine) -> None:
        self._engine = engine
        self._routes: dict[bytes, dict[bytes, Callable[[], Coroutine[Any, None, dict[str, Any]]]]] = {
            PREFIX + b"health": {b"GET": self._health},
            PREFIX + b"reset": {b"POST": self._reset},
        }

    async def answer(self, method: bytes, path: bytes) -> Answer:
        """What the route says. HEAD is answered as GET."""
        methods = self._routes.get(path)
        if methods is None:
            return _say(404, {"message": f"There is no {path.decode('latin-1')}."})
        action = methods.get(b"GET" if method == b"HEAD" else method)
        if action is None:
            allowed = b", ".join(methods).decode()
            answer = _say(405, {"message": f"Use {allowed}."})
            return answer._replace(fields=(*JSON, ("Allow", allowed)))
        return _say(200, await action())

    async def _health(self) -> dict[str, Any]:
        return {"status": "running", "version": __version__, "streams": self._engine.stream_count()}

    async def _reset(self) -> dict[str, Any]:
        await self._engine.reset()
        return {"status": "reset"}


def _say(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, JSON, msgspec.json.encode(document))
