"""Lambda as a server has it before anybody asked for it: a door that opens at the first request.

What is behind takes a tenth of a second and some memory to load, which servers of streams
alone do not pay. A store that holds functions or mappings opens the door at once, and so does
another server over the same streams that makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from headwater.engine.engine import Engine
from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.model.late_pattern import late_pattern
from headwater.server.admin import Methods, RouteSet, Streamed
from headwater.server.http.exchange import Answer, HttpRequest
from headwater.storage.interface import Metadata

if TYPE_CHECKING:
    from headwater.lambda_.functions.invocation import InvocationResult
    from headwater.lambda_.functions.log import LogLine
    from headwater.lambda_.service import LambdaService

SERVICE = "lambda"
_PLACES = late_pattern(
    rb"/20\d\d-\d\d-\d\d/(functions|event-source-mappings|tags|account-settings|layers|code-signing-configs)\b"
)
_KINDS_KEPT = ("lambda-function", "lambda-mapping")


class LazyLambda:
    """A `Neighbour`. `build` makes what is behind; it is opened then."""

    def __init__(self, engine: Engine, build: Callable[[], LambdaService]) -> None:
        self._engine = engine
        self._build = build
        self._service: LambdaService | None = None
        self.routes = RouteSet(
            {
                b"event-source-mappings": {b"GET": self._show},
                b"lambda/functions": {b"POST": partial(self._ask, b"lambda/functions", b"POST")},
                b"lambda/logs": {b"GET": partial(self._ask, b"lambda/logs", b"GET")},
            },
            {b"lambda/code": self._code},
        )

    def open_if_kept(self) -> None:
        """Open it at once when the store holds functions or mappings. Call in the running loop."""
        if any(True for _ in self._engine.metadata_of(*_KINDS_KEPT)):
            self._open()
        for kind in _KINDS_KEPT:
            self._engine.kind_watchers.watch(kind, self._on_told)

    def takes(self, request: HttpRequest, service: str) -> bool:
        """Whether the request is for Lambda: it is signed for it, or its path is one of Lambda's."""
        if service:
            return service == SERVICE
        return _PLACES.match(request.target) is not None

    def call_name(self, request: HttpRequest) -> str:
        """What the log calls the request."""
        return self._open().api.call_name(request)

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request."""
        return await self._open().api.answer(request, caller)

    async def call(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """An operation for somebody in this process. Raises `LambdaError` and `KinesisError`."""
        return await self._open().api.document(caller, operation, dict(members))

    async def ask_mappings(
        self, caller: Caller, operation: str, members: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An operation on mappings, whose function may be a pipe. Raises `LambdaError` and `KinesisError`."""
        return await self._open().ask_mappings(caller, operation, dict(members))

    async def invoke(self, caller: Caller, reference: str, payload: bytes) -> InvocationResult:
        """Run a function. Raises `InvocationRefused`."""
        return await self._open().invoke(caller, reference, payload)

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        """Word an error that was found before the request came here."""
        return self._open().api.refuse(request, error)

    async def reset(self) -> None:
        """Forget every function and mapping."""
        if self._service is not None:
            await self._service.api.reset()

    async def close(self) -> None:
        """End what is under way."""
        if self._service is not None:
            await self._service.api.close()

    def lines_in(self, caller: Caller, after: int) -> list[tuple[str, LogLine]]:
        """What the functions of an account and region have written since the line `after`."""
        logs = None if self._service is None else self._service.logs
        return [] if logs is None else logs.lines_in(caller, after)

    def metrics(self) -> MetricReader | None:
        """What is counted of functions and mappings; `None` while there are none."""
        return None if self._service is None else self._service.metrics

    def _open(self) -> LambdaService:
        if self._service is None:
            self._service = self._build()
            self._service.open()
        return self._service

    def _on_told(self, _key: str, found: Metadata | None) -> None:
        """Another server has made a function or a mapping, which may be this one's to run."""
        if found is not None:
            self._open()

    def _code(self, digest: str) -> Methods:
        return self._open().routes.items[b"lambda/code"](digest)

    async def _ask(self, path: bytes, method: bytes, asked: bytes) -> dict[str, Any] | Answer | Streamed:
        return await self._open().routes.routes[path][method](asked)

    async def _show(self, _body: bytes) -> dict[str, Any] | Answer | Streamed:
        if self._service is None:
            return {"event_source_mappings": []}
        return await self._service.routes.routes[b"event-source-mappings"][b"GET"](b"")
