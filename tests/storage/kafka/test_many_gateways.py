"""Gateways as processes, killed, stopped and started anew: the lease, and a rolling update."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.storage.kafka.gateways import CallFailed, Gateway
from tests.waiting import RETRY_FOR_S

pytestmark = pytest.mark.long

ELSEWHERE = ("ClientConnectorError", "ServerDisconnectedError", "ClientOSError")
"""How a call fails that a client makes again, at another gateway."""


def run(
    url: str,
    logs: Path,
    count: int,
    walk: Callable[[list[Gateway], aiohttp.ClientSession], Awaitable[None]],
) -> None:
    """Take a walk with so many gateways that serve."""
    gateways = [Gateway(url, logs / f"gateway-{at}.log") for at in range(count)]

    async def start() -> None:
        for gateway in gateways:
            gateway.start()
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(gateway.ready(session) for gateway in gateways))
            await walk(gateways, session)

    try:
        asyncio.run(start())
    finally:
        for gateway in gateways:
            gateway.kill()


async def holder(gateways: list[Gateway], session: aiohttp.ClientSession) -> Gateway | None:
    """The gateway that says that it holds the lease."""
    for gateway in gateways:
        lease = (await gateway.health(session)).get("lease", {})
        if lease.get("is_held"):
            assert lease["holder"].endswith(f":{gateway.port}")
            return gateway
    return None


async def settled(gateways: list[Gateway], session: aiohttp.ClientSession) -> Gateway:
    """The holder, once there is one."""
    async with asyncio.timeout(RETRY_FOR_S):
        while (found := await holder(gateways, session)) is None:
            await asyncio.sleep(0.05)
    return found


async def called(
    gateways: list[Gateway], session: aiohttp.ClientSession, operation: str, **members: Any
) -> dict[str, Any]:
    """The answer of the first gateway that gives one, as a client with retries gets it."""
    async with asyncio.timeout(RETRY_FOR_S):
        while True:
            for gateway in gateways:
                try:
                    return await gateway.call(session, operation, **members)
                except CallFailed as error:
                    if error.error not in ELSEWHERE:
                        raise
            await asyncio.sleep(0.1)


def test_a_holder_that_is_killed_or_sleeps_is_followed(store_url: str, tmp_path: Path) -> None:
    """How soon, `test_simulated_lease` and `test_server_lease` say: their clocks are not a busy machine's."""

    async def walk(gateways: list[Gateway], session: aiohttp.ClientSession) -> None:
        first = await settled(gateways, session)
        others = [gateway for gateway in gateways if gateway is not first]
        first.signal(signal.SIGSTOP)
        second = await settled(others, session)
        first.signal(signal.SIGCONT)
        await first.call(session, "ListStreams")
        assert await holder([first], session) is None  # it has learned of it before it acts
        second.kill()
        last = await settled([gateway for gateway in gateways if gateway is not second], session)
        last.stop()
        rest = [gateway for gateway in gateways if gateway not in (second, last)]
        assert await settled(rest, session) in rest

    run(store_url, tmp_path, 3, walk)


class Shop:
    """Somebody who puts jobs and two who work, all the time, at whichever gateway answers."""

    def __init__(self, gateways: list[Gateway], session: aiohttp.ClientSession) -> None:
        self._gateways = gateways
        self._session = session
        self.put = 0
        self.done: set[str] = set()
        self._is_closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return await called(self._gateways, self._session, operation, **members)

    async def open(self) -> None:
        mode = {"StreamMode": "ON_DEMAND"}
        await self.call("CreateStream", StreamName="jobs", StreamModeDetails=mode)
        summary: dict[str, Any] = {}
        while summary.get("StreamStatus") != "ACTIVE":
            answer = await self.call("DescribeStreamSummary", StreamName="jobs")
            summary = answer["StreamDescriptionSummary"]
        start = {"StreamARN": summary["StreamARN"], "StartingPosition": {"Type": "TRIM_HORIZON"}}
        made = await self.call("CreateQueue", QueueName="work", StreamConfigurationList=[start])
        queue: dict[str, Any] = made["QueueDescription"]
        while queue["QueueStatus"] != "ACTIVE":
            queue = (await self.call("DescribeQueue", QueueARN=queue["QueueARN"]))["QueueDescription"]
        self._queue = queue["QueueARN"]
        self._tasks = [asyncio.create_task(work()) for work in (self._write, self._work, self._work)]

    async def close(self) -> None:
        """Returns when all that was put is done."""
        self._is_closing.set()
        await asyncio.gather(*self._tasks)

    async def _write(self) -> None:
        while not self._is_closing.is_set():
            await self.call("PutRecord", StreamName="jobs", Data=b"job", PartitionKey=str(self.put))
            self.put += 1

    async def _work(self) -> None:
        while not self._is_closing.is_set() or len(self.done) < self.put:
            answer = await self.call("ReceiveQueueRecords", QueueARN=self._queue, WaitTimeSeconds=1)
            records = answer["QueueRecords"]
            if records:
                entries = [{"ReceiptHandle": record["ReceiptHandle"]} for record in records]
                await self.call("AcknowledgeQueueRecords", QueueARN=self._queue, Entries=entries)
            self.done.update(record["RecordId"] for record in records)


def test_a_rolling_update_loses_nothing_and_fails_no_call_of_a_client_that_tries_elsewhere(
    store_url: str, tmp_path: Path
) -> None:
    async def walk(gateways: list[Gateway], session: aiohttp.ClientSession) -> None:
        shop = Shop(gateways, session)
        await shop.open()
        for gateway in gateways:
            before = len(shop.done)
            gateway.stop()
            while len(shop.done) <= before:  # the others go on
                await asyncio.sleep(0.05)
            gateway.start()
            await gateway.ready(session)
        await shop.close()
        assert shop.put > len(gateways)

    run(store_url, tmp_path, 2, walk)
