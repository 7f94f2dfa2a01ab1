"""The services of AWS beside the streams, put together when the first request for one comes.

Imported then: what it imports takes longer to load than a server of streams takes to start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from headwater.app.neighbours import kept_folder
from headwater.lambda_.api.errors import LambdaError
from headwater.model.errors import KinesisError
from headwater.neighbours.calls.firehose import FirehoseCalls
from headwater.neighbours.calls.kinesis import StreamCalls
from headwater.neighbours.calls.lambda_ import CallRefused, FunctionSaid, LambdaCalls
from headwater.neighbours.keeping.kept_state import KeptState
from headwater.neighbours.missing import NOT_SHARED, MissingServices
from headwater.neighbours.moto import FunctionLine, LoadedMoto, MotoServices
from headwater.neighbours.services import Services

if TYPE_CHECKING:
    from headwater.app.neighbours import ServerContext
    from headwater.delivery.firehose.lazy import LazyFirehose
    from headwater.lambda_.lazy import LazyLambda
    from headwater.model.caller import Caller


def build_services(
    server: ServerContext, lambda_: LazyLambda, firehose: LazyFirehose, *, with_moto: bool
) -> Services:
    """By another server, by moto, or by nobody."""
    config, known = server.config, bool(server.credentials)
    if config.forward_to is not None:
        from headwater.neighbours.forwarded import ForwardedServices  # noqa: PLC0415 - as asked for

        return Services(ForwardedServices(config.forward_to), callers_are_known=known)
    if with_moto:
        warn = partial(server.log.note, "warning")
        folder = kept_folder(config)
        kept = None if folder is None else KeptState(folder, partial(version, "moto"), warn)
        moto = MotoServices(partial(_load_moto, server, lambda_, firehose), kept, warn)
        return Services(moto, callers_are_known=known)
    return Services(MissingServices(), is_provided=False)


def refused_services() -> Services:
    """None, for one of several servers of the same streams: each would have its own."""
    return Services(MissingServices(NOT_SHARED), is_provided=False)


def _load_moto(server: ServerContext, lambda_: LazyLambda, firehose: LazyFirehose) -> LoadedMoto:
    from headwater.neighbours.loaded_moto import Moto  # noqa: PLC0415 - a second, and what it imports

    kinesis_calls = StreamCalls(server.engine, server.loop)

    def lines_after(caller: Caller, after: int) -> list[FunctionLine]:
        return kinesis_calls.on_loop(partial(_function_lines, lambda_, caller, after))

    lambda_calls = LambdaCalls(
        partial(_ask, lambda_.call),
        partial(_ask, lambda_.ask_mappings),
        partial(_invoke, lambda_),
        lambda_.metrics,
        server.loop,
    )
    firehose_calls = FirehoseCalls(partial(_ask_firehose, firehose), firehose.metrics, server.loop)
    warn = partial(server.log.note, "warning")
    return Moto(kinesis_calls, lambda_calls, firehose_calls, lines_after, warn)


def _function_lines(lambda_: LazyLambda, caller: Caller, after: int) -> list[FunctionLine]:
    """What functions have written since the line `after`."""
    lines = lambda_.lines_in(caller, after)
    return [FunctionLine(name, line.number, line.time_ms, line.text) for name, line in lines]


async def _ask(
    call: Callable[[Caller, str, Mapping[str, Any]], Awaitable[dict[str, Any]]],
    caller: Caller,
    operation: str,
    members: Mapping[str, Any],
) -> dict[str, Any]:
    """The answer of Lambda, or of its mappings, to a neighbour, which knows none of its errors."""
    try:
        return await call(caller, operation, members)
    except (LambdaError, KinesisError) as error:
        raise CallRefused(error.code, error.message or "") from error


async def _ask_firehose(
    firehose: LazyFirehose, caller: Caller, operation: str, members: Mapping[str, Any]
) -> dict[str, Any]:
    """The answer of Firehose to a neighbour, which knows none of its errors."""
    from headwater.delivery.firehose.errors import FirehoseError  # noqa: PLC0415 - as all of Firehose

    try:
        return await firehose.call(caller, operation, members)
    except (FirehoseError, KinesisError) as error:
        raise CallRefused(error.code, error.message or "") from error


async def _invoke(lambda_: LazyLambda, caller: Caller, reference: str, payload: bytes) -> FunctionSaid:
    """What a function says to a neighbour."""
    from headwater.lambda_.functions.invocation import InvocationRefused  # noqa: PLC0415 - as all of Lambda

    try:
        result = await lambda_.invoke(caller, reference, payload)
    except InvocationRefused as error:
        return FunctionSaid(str(error).encode(), type(error).__name__)
    return FunctionSaid(result.payload, result.function_error)
