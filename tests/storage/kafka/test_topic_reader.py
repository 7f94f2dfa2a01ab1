"""Reading a topic on a simulated cluster, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import cast

import pytest

from headwater.storage.interface import StoreUnavailable
from headwater.storage.kafka import batches
from headwater.storage.kafka.batches import Extract, build
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.topic_reader import TopicReader, page_of
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop


async def _filled() -> TopicReader:
    """A reader of a cluster with a topic of two records."""
    kafka = SimulatedKafka(Random(1))
    kafka.is_whole = True
    cluster = SimulatedCluster(kafka)
    await cluster.create_topics({"log": {}}, 3)
    await cluster.produce("log", batches.build(1, 0, 0, [b"a", b"b"]))
    return TopicReader(cast("Cluster", cluster))


async def _payloads(reader: TopicReader, position: int, final: int | None) -> list[bytes]:
    page = await reader.page("log", 0, position, 100, 10_000, final, lambda: False)
    return [bytes(payload) for run in page.runs for payload in run.payloads]


def test_a_sealed_log_that_has_lost_its_last_records_is_not_waited_for_for_ever() -> None:
    async def live() -> None:
        reader = await _filled()
        assert await _payloads(reader, 0, None) == await _payloads(reader, 0, 2) == [b"a", b"b"]
        for position in (0, 2, 4):
            with pytest.raises(StoreUnavailable, match="ends at position 2, and had records up to 5"):
                await _payloads(reader, position, 5)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())


def news(*batches_of: tuple[int, int]) -> Extract:
    """What came of a log: batches at a position, of so many records."""
    data = b""
    for position, count in batches_of:
        batch = bytearray(build(1, 0, 0, [b"%d" % at for at in range(position, position + count)], 7))
        batch[:8] = position.to_bytes(8, "big")
        data += bytes(batch)
    position, count = batches_of[-1]
    return Extract(data, 2, position + count)


@pytest.mark.parametrize(
    ("position", "found"),
    [(10, [10, 11, 12]), (11, [11, 12]), (12, [12]), (13, []), (9, None), (14, None)],
)
def test_what_has_just_come_is_a_page_for_who_has_read_so_far(position: int, found: list[int] | None) -> None:
    page = page_of(news((10, 2), (12, 1)), position, 100, 10**6)
    if found is None:
        assert page is None
        return
    assert page is not None
    assert (page.first, page.next) == (2, 13)
    read = [(run.position + at, bytes(p)) for run in page.runs for at, p in enumerate(run.payloads)]
    assert read == [(at, b"%d" % at) for at in found]


def test_of_what_has_just_come_a_page_takes_what_it_has_room_for() -> None:
    came = news((10, 5))
    for records, size in ((2, 10**6), (100, 4)):
        page = page_of(came, 11, records, size)
        assert page is not None
        assert sum(len(run.payloads) for run in page.runs) == 2
        assert page.next == 15
    assert page_of(came._replace(data=came.data[:-1]), 11, 100, 10**6) is None, "the rest is to be fetched"
