"""The deliveries of a server, put together for the first one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headwater.delivery.channels.channel_deliveries import ChannelDeliveries
from headwater.delivery.context import DeliveryContext
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


def build_deliveries(
    server: ServerContext, neighbours: LazyServices, key_of: Callable[[str], KnownKey]
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
    return DeliveryService(context, ChannelDeliveries(context))
