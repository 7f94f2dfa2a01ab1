"""The server's own routes, under `/_headwater/`: not AWS's API, and not signed.

The set is a table: path to method to what is done; a part of it that is large is a
`RouteSet` in a module of its own. What is asked and what is answered is a JSON object,
unless a route says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from math import inf
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from headwater import __version__
from headwater.engine.server_lease import LeaseStatus
from headwater.model.clock import AdjustableClock
from headwater.model.completion import Completion
from headwater.server.http.exchange import Answer, BodySource, Fields
from headwater.server.refused import Refused
from headwater.wire.json_format import UNREADABLE

PREFIX = b"/_headwater/"
JSON: Fields = (("Content-Type", "application/json"),)
TIME_LIMIT_MS = 2**48
"""The clock goes no further than the year 10889."""

REVEALING = frozenset(
    PREFIX + path
    for path in (
        b"backup",
        b"dead-letters",
        b"deliveries",
        b"lambda/logs",
        b"queues",
        b"records",
        b"requests",
        b"shards",
        b"streams",
    )
)
"""Routes that show the data of all accounts: they must be signed where signatures are verified."""


class Streamed(msgspec.Struct, frozen=True):
    """An answer whose body goes on."""

    fields: Fields
    source: BodySource


Action = Callable[[bytes], Coroutine[Any, None, dict[str, Any] | Answer | Streamed]]
"""Takes the body of a request that changes something, the query of another one."""
Methods = Mapping[bytes, Action]
Page = Callable[[bytes, Mapping[bytes, bytes]], Answer]
"""Takes the path below its folder and the headers of a request; gives a file."""


class RouteSet(msgspec.Struct, frozen=True):
    """Routes that belong together. Paths are below `/_headwater/`."""

    routes: Mapping[bytes, Methods]
    items: Mapping[bytes, Callable[[str], Methods]] = MappingProxyType({})
    """What can be asked of a single item, by the path of its collection; takes the item's name."""
    reset: Callable[[], object] = bool
    """Forget everything; nothing, unless a set says otherwise. What is not done at once is a `Completion`."""
    pages: Mapping[bytes, Page] = MappingProxyType({})
    """Folders of files, whose paths end with a slash."""


BEHIND_S_MAX = 30.0
"""A server that may have missed changes for longer is not healthy: a balancer takes it out."""


class AdminEngine(Protocol):
    """The part of the engine that the routes use."""

    def stream_count(self) -> int:
        """How many streams there are."""

    def behind_s(self) -> float:
        """For how long it may have missed what other engines have changed."""

    def lease_status(self) -> LeaseStatus | None:
        """Who does what one server alone does; `None` where there is but one."""

    def now_ms(self) -> int:
        """The time now."""

    def tick(self) -> None:
        """Apply what has become due."""

    async def reset(self) -> None:
        """Delete everything."""


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    """What can be asked of the clock; all of it at once, in this order."""

    running: bool | None = None
    set_ms: int | None = None
    advance_ms: int | None = None


class Admin:
    """The routes of one server."""

    def __init__(
        self,
        engine: AdminEngine,
        clock: AdjustableClock | None = None,
        more: Sequence[RouteSet] = (),
        unready: Callable[[], str] = str,
    ) -> None:
        """`clock` is the engine's, if it may be moved; `more` are further routes.

        `unready` tells why the server does not serve yet; empty when it does.
        """
        self._unready = unready
        self._engine = engine
        self._clock = clock
        self._more = more
        self._routes: dict[bytes, Methods] = {
            PREFIX + b"clock": {b"GET": self._show_clock, b"POST": self._change_clock},
            PREFIX + b"health": {b"GET": self._health},
            PREFIX + b"reset": {b"POST": self._reset},
        }

    async def answer(
        self, method: bytes, path: bytes, asked: bytes, headers: Mapping[bytes, bytes] = MappingProxyType({})
    ) -> Answer | Streamed:
        """The answer of a route to the body or the query, at once or as a stream; HEAD is answered as GET."""
        methods = self._routes.get(path) or self._methods_of_more(path, headers)
        if methods is None:
            return _say(404, {"message": f"There is no {path.decode('latin-1')}."})
        action = methods.get(b"GET" if method == b"HEAD" else method)
        if action is None:
            allowed = b", ".join(methods).decode()
            answer = _say(405, {"message": f"Use {allowed}."})
            return answer._replace(fields=(*JSON, ("Allow", allowed)))
        try:
            result = await action(asked)
            return _say(200, result) if isinstance(result, dict) else result
        except Refused as refused:
            return _say(refused.status, {"message": str(refused)})

    def _methods_of_more(self, path: bytes, headers: Mapping[bytes, bytes]) -> Methods | None:
        path = path.removeprefix(PREFIX)
        collection, _, item = path.rpartition(b"/")
        for more in self._more:
            if path in more.routes:
                return more.routes[path]
            if item and collection in more.items:
                return more.items[collection](item.decode("latin-1"))
            for folder, page in more.pages.items():
                if path.startswith(folder):
                    return {b"GET": partial(_show_page, page, path.removeprefix(folder), headers)}
        return None

    async def _health(self, _body: bytes) -> dict[str, Any]:
        reason = self._unready()
        if reason:
            raise Refused(503, reason)
        behind_s = self._engine.behind_s()
        if behind_s == inf:
            raise Refused(503, "The store has failed, and this server does not use it any more.")
        if behind_s > BEHIND_S_MAX:
            raise Refused(503, f"What other servers have changed is not known for {behind_s:.0f} s.")
        health = {"status": "running", "version": __version__, "streams": self._engine.stream_count()}
        lease = self._engine.lease_status()
        return health if lease is None else health | {"lease": msgspec.structs.asdict(lease)}

    async def _reset(self, _body: bytes) -> dict[str, Any]:
        await self._engine.reset()
        for routes in self._more:
            took_time = routes.reset()
            if isinstance(took_time, Completion):
                await took_time
        return {"status": "reset"}

    async def _show_clock(self, _body: bytes) -> dict[str, Any]:
        is_running = self._clock is None or self._clock.is_running
        return {"now_ms": self._engine.now_ms(), "running": is_running, "movable": self._clock is not None}

    async def _change_clock(self, body: bytes) -> dict[str, Any]:
        clock = self._clock
        if clock is None:
            raise Refused(409, "The clock of this server cannot be moved: start it with --test-clock.")
        try:
            change = msgspec.json.decode(body, type=ClockChange)
        except UNREADABLE as error:
            raise Refused(400, f"That is no change of the clock: {error}.") from None
        now_ms = (change.set_ms if change.set_ms is not None else clock.now_ms()) + (change.advance_ms or 0)
        if not 0 <= now_ms < TIME_LIMIT_MS:
            raise Refused(400, f"The clock can be from 0 to {TIME_LIMIT_MS - 1} ms since 1970.")
        if change.running is not None and change.running != clock.is_running:
            (clock.go_on if change.running else clock.stop)()
        if change.set_ms is not None or change.advance_ms is not None:
            clock.set_ms(now_ms)
        self._engine.tick()
        return await self._show_clock(body)


async def _show_page(page: Page, path: bytes, headers: Mapping[bytes, bytes], _query: bytes) -> Answer:
    return page(path, headers)


def _say(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, JSON, msgspec.json.encode(document))
