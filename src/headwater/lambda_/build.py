"""The one place that puts the parts of Lambda together, for one server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headwater.engine.engine import Engine
from headwater.lambda_.functions.access import guarded
from headwater.lambda_.functions.alias_operations import alias_operations
from headwater.lambda_.functions.asynchronous_invocations import AsynchronousInvocations
from headwater.lambda_.functions.code_source import CodeSource
from headwater.lambda_.functions.functions import Functions, FunctionSettings
from headwater.lambda_.functions.invoke_operation import invoke_operation
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.functions.operations import function_operations
from headwater.lambda_.functions.permission_operations import permission_operations
from headwater.lambda_.functions.routes import function_routes
from headwater.lambda_.functions.settings_operations import function_settings_operations
from headwater.lambda_.functions.variables import FunctionCredentials
from headwater.lambda_.functions.version_operations import version_operations
from headwater.lambda_.mappings.destination_sender import DestinationSender
from headwater.lambda_.service import LambdaService
from headwater.model.clock import Clock
from headwater.wire.signature_v4 import Key

__all__ = ["FunctionCredentials", "FunctionSettings", "LambdaSettings", "build_lambda"]


@dataclass(frozen=True)
class LambdaSettings:
    """What the server says of Lambda."""

    functions: FunctionSettings
    services_url: Callable[[], str]
    """Where the SQS, SNS and S3 beside Headwater are."""
    key: Key
    """With which calls to these are signed."""
    retry_delay_ms: int
    shutdown_grace_s: float


def build_lambda(
    engine: Engine,
    settings: LambdaSettings,
    clock: Clock,
    note: Callable[[str, str], None],
    new_uuid: Callable[[], str],
) -> LambdaService:
    """Lambda of a server, not open yet. `clock` is the machine's."""
    metrics = FunctionMetrics(engine.now_ms)
    functions = Functions(engine, settings.functions, clock, note, new_uuid, metrics)
    sender = DestinationSender(engine, clock, settings.services_url, settings.key)
    source = CodeSource(clock, settings.services_url, settings.key)
    later = AsynchronousInvocations(functions, sender, note, settings.retry_delay_ms)
    functions.at_close(later.close)
    operations = {
        **function_operations(functions, source),
        **version_operations(functions),
        **alias_operations(functions),
        **permission_operations(functions),
        **function_settings_operations(functions),
        "Invoke": invoke_operation(functions, later),
    }
    return LambdaService(
        engine,
        functions,
        guarded(operations, functions) if settings.functions.callers_are_known else operations,
        sender,
        note,
        metrics,
        new_uuid,
        settings.retry_delay_ms,
        settings.shutdown_grace_s,
        function_routes(functions),
        logs=functions.logs,
    )
