"""Opens the store of a cluster: what the brokers must promise, the deployment's topics, a registration.

Rules:
- brokers that do not fence are refused: shards could not be closed safely;
- brokers that forget producers within hours are refused, for the same reason;
- a wrong password, or a certificate that nobody trusts, is said at once; for all else brokers are waited for;
- everything is made on first use, by whichever gateway comes first;
- who opens it to read makes nothing, and is no gateway: nobody has to fence it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from headwater.storage.interface import OpenedStore, StoreUnavailable, StoreUnreadable
from headwater.storage.kafka import fence
from headwater.storage.kafka.cluster import Cluster, KafkaError, Unwelcome
from headwater.storage.kafka.filling import KafkaFilling
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.security import BrokerSecurity
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import PREFIX, Topics

T = TypeVar("T")

OPEN_WITHIN_S = 60.0
RETRY_S = 0.2
REPLICAS = 3
PRODUCER_LIFE_MS_MIN = 6 * 3_600_000


class KafkaPlace(NamedTuple):
    """Where a deployment lies."""

    bootstrap: tuple[tuple[str, int], ...]
    prefix: str


def parse_place(url: str) -> KafkaPlace:
    """The place in `kafka://host:port,host:port[/prefix]`. Raises `ValueError`."""
    scheme, _, rest = url.partition("://")
    hosts, _, prefix = rest.partition("/")
    prefix = prefix or "headwater"
    places = []
    for place in hosts.split(","):
        host, _, port = place.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"{place!r} is no broker: give host:port")
        places.append((host.strip("[]"), int(port)))
    if scheme != "kafka" or PREFIX.fullmatch(prefix) is None:
        raise ValueError("give kafka://host:port,…, with /prefix behind it if there are several deployments")
    return KafkaPlace(tuple(places), prefix)


async def open_kafka(
    url: str,
    security: BrokerSecurity,
    log_error: Callable[[str], None],
    *,
    to_read: bool = False,
    on_close: Callable[[], None] | None = None,
) -> OpenedStore:
    """Open the store of a deployment; `to_read`: to change nothing. `on_close` runs when it is closed.

    Raises `StoreUnavailable`, `StoreUnreadable` where there is nothing to read, and `ValueError`.
    """
    place = parse_place(url)
    cluster = Cluster(place.bootstrap, security)
    open_when_it_answers = _open_to_read if to_read else _open_when_it_answers
    async with _opening(cluster):
        store = await open_when_it_answers(cluster, place.prefix, log_error)
    store.on_close = on_close
    return OpenedStore(store, Path(tempfile.gettempdir()), None)


@asynccontextmanager
async def _opening(cluster: Cluster) -> AsyncIterator[None]:
    """For so long as it may take; the cluster is closed when it fails. Raises `StoreUnavailable`."""
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            yield
    except BaseException as error:
        await cluster.close()
        if isinstance(error, TimeoutError | KafkaError | fence.NotFenced):
            reason = str(error) or f"it has not answered within {OPEN_WITHIN_S:.0f} s"
            raise StoreUnavailable(f"Kafka cannot be used: {reason}") from error
        raise


async def _open_to_read(cluster: Cluster, prefix: str, log_error: Callable[[str], None]) -> KafkaStore:
    topics = Topics(prefix, 0)
    if not await _insist(lambda: cluster.exists(topics.meta)):
        raise StoreUnreadable(f"There is no data of Headwater in topic {topics.meta} of this cluster.")
    store = KafkaStore(cluster, topics, log_error, Producer())
    has_snapshots = await _insist(lambda: cluster.exists(topics.snapshots))
    await _open_or_close(store, partial(store.open_to_read, has_snapshots=has_snapshots))
    return store


async def _open_or_close(store: KafkaStore, open_it: Callable[[], Awaitable[None]]) -> None:
    try:
        await open_it()
    except BaseException:
        store.close()
        raise


async def _open_when_it_answers(
    cluster: Cluster, prefix: str, log_error: Callable[[str], None]
) -> KafkaStore:
    store = KafkaStore(cluster, await _made_topics(cluster, prefix), log_error, Producer())
    await _open_or_close(store, store.open)
    return store


async def _made_topics(cluster: Cluster, prefix: str) -> Topics:
    """The deployment's topics, made if need be, on brokers that may be trusted. Raises `NotFenced`."""
    life_ms = await _insist(lambda: cluster.broker_setting("producer.id.expiration.ms"))
    if life_ms is not None and int(life_ms) < PRODUCER_LIFE_MS_MIN:
        raise fence.NotFenced(
            f"its brokers forget producers after {life_ms} ms: set producer.id.expiration.ms to a day"
        )
    topics = Topics(prefix, min(REPLICAS, cluster.brokers()))
    made = {
        topics.meta: topics.meta_settings(),
        topics.snapshots: topics.meta_settings(),
        topics.proof: topics.proof_settings(),
    }
    await _insist(lambda: cluster.create_topics(made, topics.replicas))
    await _insist(lambda: fence.prove(cluster, topics.proof))
    return topics


async def fill_kafka(url: str, security: BrokerSecurity) -> KafkaFilling:
    """Begin to make a deployment from another store's data.

    Raises `StoreUnavailable`, `StoreUnreadable` for one that was used before, and `ValueError`.
    """
    place = parse_place(url)
    cluster = Cluster(place.bootstrap, security)
    async with _opening(cluster):
        filling = KafkaFilling(cluster, await _made_topics(cluster, place.prefix))
        await _insist(filling.open)
    return filling


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await ask()
        except Unwelcome:
            raise
        except KafkaError:
            await asyncio.sleep(RETRY_S)
