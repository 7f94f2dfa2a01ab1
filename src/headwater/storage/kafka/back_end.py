"""Opens the store of a cluster: what the brokers must promise, the deployment's topics, a registration.

Rules:
- brokers that do not fence are refused: shards could not be closed safely;
- brokers that forget producers within hours are refused, for the same reason;
- a wrong password, or a certificate that nobody trusts, is said at once; for all else brokers are waited for,
  and what keeps them from answering is told now and then;
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
TELL_AFTER_S, TELL_EVERY_S = 3.0, 15.0
"""Of what is waited for."""
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
    log_wait: Callable[[str], None] | None = None,
    to_read: bool = False,
    on_close: Callable[[], None] | None = None,
) -> OpenedStore:
    """Open the store of a deployment; `to_read`: to change nothing. `on_close` runs when it is closed.

    `log_wait` is told what keeps brokers from answering; without it `log_error` is.
    Raises `StoreUnavailable`, `StoreUnreadable` where there is nothing to read, and `ValueError`.
    """
    place = parse_place(url)
    cluster = Cluster(place.bootstrap, security)
    open_when_it_answers = _open_to_read if to_read else _open_when_it_answers
    async with _opening(cluster, log_wait or log_error) as brokers:
        store = await open_when_it_answers(cluster, brokers, place.prefix, log_error)
    store.on_close = on_close
    return OpenedStore(store, Path(tempfile.gettempdir()), None)


class _AwaitedBrokers:
    """Asks until there is an answer, and tells what is in the way."""

    def __init__(self, log_wait: Callable[[str], None]) -> None:
        self._log_wait = log_wait
        self._now_s = asyncio.get_running_loop().time
        self._tell_s = self._now_s() + TELL_AFTER_S
        self.obstacle = "it has not answered"

    async def insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer. Raises `Unwelcome`."""
        while True:
            try:
                return await ask()
            except Unwelcome:
                raise
            except KafkaError as error:
                self.obstacle = str(error)
            if self._now_s() >= self._tell_s:
                self._tell_s = self._now_s() + TELL_EVERY_S
                self._log_wait(f"Kafka: {self.obstacle}; waiting")
            await asyncio.sleep(RETRY_S)


@asynccontextmanager
async def _opening(cluster: Cluster, log_wait: Callable[[str], None]) -> AsyncIterator[_AwaitedBrokers]:
    """For so long as it may take; the cluster is closed when it fails. Raises `StoreUnavailable`."""
    brokers = _AwaitedBrokers(log_wait)
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            yield brokers
    except BaseException as error:
        await cluster.close()
        if isinstance(error, TimeoutError | KafkaError | fence.NotFenced):
            reason = str(error) or f"{brokers.obstacle} (waited for {OPEN_WITHIN_S:.0f} s)"
            raise StoreUnavailable(f"Kafka cannot be used: {reason}") from error
        raise


async def _open_to_read(
    cluster: Cluster, brokers: _AwaitedBrokers, prefix: str, log_error: Callable[[str], None]
) -> KafkaStore:
    topics = Topics(prefix, 0)
    if not await brokers.insist(lambda: cluster.exists(topics.meta)):
        raise StoreUnreadable(f"There is no data of Headwater in topic {topics.meta} of this cluster.")
    store = KafkaStore(cluster, topics, log_error, Producer())
    has_snapshots = await brokers.insist(lambda: cluster.exists(topics.snapshots))
    await _open_or_close(store, partial(store.open_to_read, has_snapshots=has_snapshots))
    return store


async def _open_or_close(store: KafkaStore, open_it: Callable[[], Awaitable[None]]) -> None:
    try:
        await open_it()
    except BaseException:
        store.close()
        raise


async def _open_when_it_answers(
    cluster: Cluster, brokers: _AwaitedBrokers, prefix: str, log_error: Callable[[str], None]
) -> KafkaStore:
    store = KafkaStore(cluster, await _made_topics(cluster, brokers, prefix), log_error, Producer())
    await _open_or_close(store, store.open)
    return store


async def _made_topics(cluster: Cluster, brokers: _AwaitedBrokers, prefix: str) -> Topics:
    """The deployment's topics, made if need be, on brokers that may be trusted. Raises `NotFenced`."""
    life_ms = await brokers.insist(lambda: cluster.broker_setting("producer.id.expiration.ms"))
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
    await brokers.insist(lambda: cluster.create_topics(made, topics.replicas))
    await brokers.insist(lambda: fence.prove(cluster, topics.proof))
    return topics


async def fill_kafka(url: str, security: BrokerSecurity, log_wait: Callable[[str], None]) -> KafkaFilling:
    """Begin to make a deployment from another store's data.

    Raises `StoreUnavailable`, `StoreUnreadable` for one that was used before, and `ValueError`.
    """
    place = parse_place(url)
    cluster = Cluster(place.bootstrap, security)
    async with _opening(cluster, log_wait) as brokers:
        filling = KafkaFilling(cluster, await _made_topics(cluster, brokers, place.prefix))
        await brokers.insist(filling.open)
    return filling
