"""Who follows a log at one gateway hears what is appended there and elsewhere, over a simulated Kafka."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping

from headwater.model.completion import drive
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import LogPage
from headwater.storage.kafka.fetch_request import Fetched
from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka


class Follower:
    """Reads what there is in the stream's one shard whenever it is told."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        (self.log_id,) = gateway.engine.all_streams()[0].log_ids
        self.told = asyncio.Event()
        self.pages: list[LogPage] = []
        """Those that were there at once."""
        self.position = 0
        self._store = gateway.store
        gateway.engine.watch_log(self.log_id, self._on_told)

    def _on_told(self) -> None:
        self._read()
        self.told.set()

    def _read(self) -> None:
        drive(self._store.read(self.log_id, self.position, 10, 1_000), self._on_page)

    def _on_page(self, page: LogPage | None, _error: BaseException | None) -> None:
        if page is not None and page.runs:
            self.pages.append(page)
            self.position = page.runs[-1].position + len(page.runs[-1].payloads)
            if self.position < page.next:  # more has come than was handed out with the news
                self._read()


async def put(gateway: SimulatedGateway, data: bytes) -> None:
    await gateway.call("PutRecord", StreamName="orders", Data=b64encode(data).decode(), PartitionKey="alice")


async def follow(gateway: SimulatedGateway) -> Follower:
    """A follower that knows that nothing is there yet."""
    await gateway.call("CreateStream", StreamName="orders", ShardCount=1)
    await asyncio.sleep(1)
    found = Follower(gateway)
    await found.told.wait()
    found.told.clear()
    return found


def silence(gateway: SimulatedGateway) -> asyncio.Event:
    """Brokers do not tell this gateway of what has come, until the event is set."""
    poll, may_tell = gateway.cluster.poll, asyncio.Event()

    async def poll_late(positions: Mapping[str, int], max_wait_ms: int) -> dict[str, Fetched]:
        await may_tell.wait()
        return await poll(positions, max_wait_ms)

    gateway.cluster.poll = poll_late  # type: ignore[method-assign]  # a fault of the network
    return may_tell


def test_a_watched_log_is_known_to_reach_as_far_as_was_told() -> None:
    async def told(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        one, other = gateways
        follower = await follow(one)
        await put(other, b"x")
        await follower.told.wait()
        # Though nothing was read here yet: whoever reads now, and gets less, knows that there is more.
        extent = one.engine.extent(follower.log_id)
        assert extent is not None
        assert extent.next == 1

    live(1, 2, told)


def test_what_a_gateway_has_appended_itself_is_there_at_once_without_asking_a_broker() -> None:
    async def told(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        (one,) = gateways
        silence(one)
        follower = await follow(one)
        for count in range(3):
            await put(one, f"{count}".encode())
            assert follower.told.is_set()
            follower.told.clear()
            (run,) = follower.pages[-1].runs
            assert (run.position, len(run.payloads), follower.pages[-1].next) == (count, 1, count + 1)
        stored = await finished(one.store.read(follower.log_id, 0, 10, 1_000))
        assert stored is not None
        told_of = [run for page in follower.pages for run in page.runs]
        assert told_of == [run._replace(payloads=list(run.payloads)) for run in stored.runs]

    live(1, 1, told)


def test_behind_what_another_one_has_appended_a_follower_is_told_by_the_broker_in_order() -> None:
    async def told(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        one, other = gateways
        may_tell = silence(one)
        follower = await follow(one)
        await put(other, b"first")
        await put(one, b"second")
        assert not follower.told.is_set()
        may_tell.set()
        await follower.told.wait()
        await asyncio.sleep(1)
        assert [run.position for page in follower.pages for run in page.runs] == [0, 1]

    live(1, 2, told)
