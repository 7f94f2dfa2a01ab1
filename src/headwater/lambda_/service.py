"""Functions and event source mappings, put together as the Lambda of one server.

`build_lambda` makes it of what the server says. What runs functions is a `FunctionPart`; mappings
invoke what it has. Operations on tags go to the one whose resource the ARN names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from headwater.engine.engine import Engine
from headwater.engine.held_versions import catch_up
from headwater.lambda_.api.in_step import in_step
from headwater.lambda_.api.rest_api import Handler, LambdaApi
from headwater.lambda_.functions.access import guarded
from headwater.lambda_.functions.alias_operations import alias_operations
from headwater.lambda_.functions.asynchronous_invocations import AsynchronousInvocations
from headwater.lambda_.functions.code_source import CodeSource
from headwater.lambda_.functions.functions import Functions, FunctionSettings
from headwater.lambda_.functions.invocation import FunctionNotFound, InvocationResult, Invoker
from headwater.lambda_.functions.invoke_operation import invoke_operation
from headwater.lambda_.functions.log import FunctionLogs
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.functions.operations import function_operations
from headwater.lambda_.functions.permission_operations import permission_operations
from headwater.lambda_.functions.routes import function_routes
from headwater.lambda_.functions.settings_operations import function_settings_operations
from headwater.lambda_.functions.variables import FunctionCredentials
from headwater.lambda_.functions.version_operations import version_operations
from headwater.lambda_.mappings.destination_sender import DestinationSender
from headwater.lambda_.mappings.mappings import EventSourceMappings, mapping_routes
from headwater.lambda_.mappings.operations import mapping_operations, tag_mapping, tags_of, untag_mapping
from headwater.lambda_.mappings.pipe_invoker import PipeInvoker, RunPipe
from headwater.model.caller import Caller
from headwater.model.clock import Clock
from headwater.server.admin import RouteSet
from headwater.server.asyncio_bridge import finished
from headwater.server.http.exchange import Answer
from headwater.wire.signature_v4 import Key

__all__ = ["FunctionCredentials", "FunctionSettings", "LambdaService", "LambdaSettings", "build_lambda"]

_MAPPING = ":event-source-mapping:"


@dataclass(frozen=True)
class LambdaSettings:
    """The settings of Lambda."""

    functions: FunctionSettings
    services_url: Callable[[], str]
    """The endpoint of the neighbouring SQS, SNS and S3."""
    key: Key
    """With which calls to these are signed."""
    run_pipe: RunPipe
    """What takes a batch through a pipe, whose source a mapping reads."""
    retry_delay_ms: int
    shutdown_grace_s: float


class FunctionPart(Invoker, Protocol):
    """The functions of a server, and how they are run."""

    logs: FunctionLogs
    metrics: FunctionMetrics

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
        functions: FunctionPart,
        of_functions: Mapping[str, Handler],
        function_routes: RouteSet,
        mappings: EventSourceMappings,
        shutdown_grace_s: float,
    ) -> None:
        """`of_functions` are the operations on functions, by name; those on tags are about their tags."""
        self.logs, self.metrics = functions.logs, functions.metrics
        self._functions = functions
        self._mappings = mappings
        self._of_mappings = in_step(mappings.engine, mapping_operations(mappings))
        self._shutdown_grace_s = shutdown_grace_s
        self.api = LambdaApi(
            in_step(mappings.engine, lambda_operations(of_functions, mappings)),
            on_reset=self._reset,
            on_close=self._close,
        )
        of_mappings = mapping_routes(mappings)
        self.routes = RouteSet({**of_mappings.routes, **function_routes.routes}, function_routes.items)

    def open(self) -> None:
        """Find what is kept, and go on with it. Call once, in the running loop."""
        self._functions.open()
        self._mappings.open()

    async def ask_mappings(self, caller: Caller, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """An operation on mappings for somebody in this process, whose function may be a pipe.

        Raises `LambdaError` and `KinesisError`.
        """
        answer = await self._of_mappings[operation](caller, members)
        return {} if isinstance(answer, Answer) else answer

    async def invoke(self, caller: Caller, reference: str, payload: bytes) -> InvocationResult:
        """Run a function for somebody in this process. Raises `InvocationRefused`."""
        functions, engine = self._functions, self._mappings.engine
        try:
            found = functions.resolve(caller, reference)
        except FunctionNotFound:
            if not engine.lease.is_needed:
                raise
            await finished(catch_up(engine))  # another server may have made it
            found = functions.resolve(caller, reference)
        return await functions.invoke(found, payload)

    async def _reset(self) -> None:
        # Together: mappings wait for invocations that are under way, and those end with their functions.
        await asyncio.gather(self._mappings.reset(), self._functions.reset())
        self.metrics.clear()

    async def _close(self) -> None:
        await self._mappings.close(self._shutdown_grace_s)
        await self._functions.close()


def build_lambda(
    engine: Engine,
    settings: LambdaSettings,
    clock: Clock,
    log: Callable[[str, str], None],
    new_uuid: Callable[[], str],
) -> LambdaService:
    """Lambda of a server, not open yet. `clock` is the machine's."""
    metrics = FunctionMetrics(engine.now_ms)
    functions = Functions(engine, settings.functions, clock, log, new_uuid, metrics)
    sender = DestinationSender(engine, clock, settings.services_url, settings.key)
    source = CodeSource(clock, settings.services_url, settings.key)
    later = AsynchronousInvocations(functions, sender, log, settings.retry_delay_ms)
    functions.at_close(later.close)
    invoker = PipeInvoker(functions, settings.run_pipe, new_uuid)
    mappings = EventSourceMappings(engine, invoker, sender, log, metrics, new_uuid, settings.retry_delay_ms)
    operations = function_part_operations(functions, source, later)
    if settings.functions.callers_are_known:
        operations = guarded(operations, functions)
    return LambdaService(
        functions, operations, function_routes(functions), mappings, settings.shutdown_grace_s
    )


def function_part_operations(
    functions: Functions, source: CodeSource, later: AsynchronousInvocations
) -> dict[str, Handler]:
    """The operations on functions, by name."""
    return {
        **function_operations(functions, source),
        **version_operations(functions),
        **alias_operations(functions),
        **permission_operations(functions),
        **function_settings_operations(functions),
        "Invoke": invoke_operation(functions, later),
    }


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
