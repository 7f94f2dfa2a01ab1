"""The deliveries of a server, put together for the first one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headwater.delivery.channels.channel_deliveries import ChannelDeliveries
from headwater.delivery.context import DeliveryContext
from headwater.delivery.firehose.delivery_streams import DeliveryStreams
from headwater.delivery.firehose.json_api import FirehoseApi
from headwater.delivery.firehose.transformation import FUNCTION_ERROR, Said
from headwater.delivery.objects import Objects
from headwater.delivery.progress import ProgressStore
from headwater.delivery.service import DeliveryService
from headwater.delivery.service_calls import ServiceCalls
from headwater.followers.alarms import Alarms
from headwater.neighbours.lazy import LazyServices
from headwater.server.access.credentials import KnownKey
from headwater.wire.signature_v4 import Key

if TYPE_CHECKING:
    from headwater.app.neighbours import ServerContext
    from headwater.engine.metrics.kept_minutes import MetricReader
    from headwater.lambda_.lazy import LazyLambda
    from headwater.model.caller import Caller

NO_FUNCTION = (
    "Lambda.ResourceNotFound",
    "The specified Lambda function does not exist. Use a different function that does exist.",
)
TOO_MANY = ("Lambda.InvokeLimitExceeded", "The function has as many invocations at once as it may.")


def build_deliveries(
    server: ServerContext,
    neighbours: LazyServices,
    lambda_: LazyLambda,
    key_of: Callable[[str], KnownKey],
) -> DeliveryService:
    """`key_of` has the key with which calls for an account are signed."""

    def signing_key(account_id: str) -> Key:
        known = key_of(account_id)
        return Key(known.access_key_id, known.secret_access_key, known.session_token)

    services = ServiceCalls(
        neighbours.ask,
        neighbours.keep,
        signing_key,
        server.clock,
        lambda: urlsplit(server.own_url()).netloc,
        server.loop,
    )
    context = DeliveryContext(
        server.engine,
        Alarms(),
        server.log.note,
        services,
        Objects(services),
        ProgressStore(server.engine),
        asyncio.to_thread,
    )
    return DeliveryService(
        context, ChannelDeliveries(context), (DeliveryStreams(context, partial(_invoke, lambda_)),)
    )


def firehose_api(service: DeliveryService) -> FirehoseApi:
    """The API of the delivery streams among a server's deliveries."""
    return next(owner.api for owner in service.owners if isinstance(owner, DeliveryStreams))


def firehose_metrics(service: DeliveryService) -> MetricReader:
    """What is counted of the delivery streams among a server's deliveries."""
    return next(owner.metrics for owner in service.owners if isinstance(owner, DeliveryStreams))


async def _invoke(lambda_: LazyLambda, caller: Caller, arn: str, event: bytes) -> Said:
    """What a function says to a delivery stream."""
    from headwater.lambda_.functions.invocation import (  # noqa: PLC0415 - as all of Lambda
        FunctionNotFound,
        FunctionThrottled,
        InvocationRefused,
    )

    try:
        result = await lambda_.invoke(caller, arn, event)
    except FunctionNotFound:
        return Said(b"", NO_FUNCTION)
    except FunctionThrottled:
        return Said(b"", TOO_MANY)
    except InvocationRefused as error:
        return Said(b"", (FUNCTION_ERROR[0], str(error)))
    return Said(result.payload, None if result.function_error is None else FUNCTION_ERROR)
