"""Functions and event source mappings, put together as one service beside Kinesis.

What runs functions is a `FunctionPart`; mappings invoke what it has. Operations on tags
go to the one whose resource the ARN names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from headwater.engine.engine import Engine
from headwater.lambda_.api.rest_api import Handler, LambdaApi
from headwater.lambda_.functions.invocation import Invoker
from headwater.lambda_.functions.log import FunctionLogs
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.mappings import EventSourceMappings
from headwater.lambda_.mappings.operations import mapping_operations, tag_mapping, tags_of, untag_mapping
from headwater.lambda_.mappings.poller_context import MessageSender, Note
from headwater.lambda_.mappings.routes import mapping_routes
from headwater.model.caller import Caller
from headwater.server.admin import RouteSet
from headwater.server.http.exchange import Answer

_MAPPING = ":event-source-mapping:"


class FunctionPart(Invoker, Protocol):
    """The functions of a server, and how they are run."""

    def open(self) -> None:
        """Find the functions that are kept."""

    async def reset(self) -> None:
        """Forget every function."""

    async def close(self) -> None:
        """End every process."""


class LambdaService:
    """Lambda for one server: `api` answers requests, `routes` are the server's own."""

    def __init__(
        self,
        engine: Engine,
        functions: FunctionPart,
        of_functions: Mapping[str, Handler],
        sender: MessageSender,
        note: Note,
        metrics: FunctionMetrics,
        new_uuid: Callable[[], str],
        retry_delay_ms: int,
        shutdown_grace_s: float,
        function_routes: RouteSet | None = None,
        logs: FunctionLogs | None = None,
    ) -> None:
        """`of_functions` are the operations on functions, by name; those on tags are about their tags.

        `function_routes` are the server's own for functions, `logs` what they write.
        """
        self.logs = logs
        self.metrics = metrics
        self._functions = functions
        self._mappings = EventSourceMappings(
            engine, functions, sender, note, metrics, new_uuid, retry_delay_ms
        )
        self._shutdown_grace_s = shutdown_grace_s
        self.api = LambdaApi(
            lambda_operations(of_functions, self._mappings),
            on_reset=self._reset,
            on_close=self._close,
        )
        of_mappings = mapping_routes(self._mappings)
        others = function_routes or RouteSet({})
        self.routes = RouteSet({**of_mappings.routes, **others.routes}, others.items)

    def open(self) -> None:
        """Find what is kept, and go on with it. Call once, in the running loop."""
        self._functions.open()
        self._mappings.open()

    async def _reset(self) -> None:
        # Together: mappings wait for invocations that are under way, and those end with their functions.
        await asyncio.gather(self._mappings.reset(), self._functions.reset())
        self.metrics.clear()

    async def _close(self) -> None:
        await self._mappings.close(self._shutdown_grace_s)
        await self._functions.close()


def lambda_operations(
    of_functions: Mapping[str, Handler], mappings: EventSourceMappings
) -> dict[str, Handler]:
    """The operations of functions and of mappings, by name."""

    async def list_tags(caller: Caller, request: dict[str, Any]) -> dict[str, Any] | Answer:
        if _MAPPING in request["Resource"]:
            return {"Tags": tags_of(mappings, caller, request["Resource"])}
        return await of_functions["ListTags"](caller, request)

    async def tag_resource(caller: Caller, request: dict[str, Any]) -> dict[str, Any] | Answer:
        if _MAPPING in request["Resource"]:
            await tag_mapping(mappings, caller, request["Resource"], request["Tags"])
            return {}
        return await of_functions["TagResource"](caller, request)

    async def untag_resource(caller: Caller, request: dict[str, Any]) -> dict[str, Any] | Answer:
        if _MAPPING in request["Resource"]:
            await untag_mapping(mappings, caller, request["Resource"], request["TagKeys"])
            return {}
        return await of_functions["UntagResource"](caller, request)

    tags: dict[str, Handler] = {
        "ListTags": list_tags,
        "TagResource": tag_resource,
        "UntagResource": untag_resource,
    }
    return {**of_functions, **mapping_operations(mappings), **tags}
