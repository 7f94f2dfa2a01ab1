"""Delivery streams that end while they deliver."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import pytest

from headwater.delivery.channels.channel_deliveries import ChannelDeliveries
from headwater.delivery.context import DeliveryContext
from headwater.delivery.firehose import delivery_streams
from headwater.delivery.firehose.delivery_streams import DeliveryStreams
from headwater.delivery.firehose.transformation import Said
from headwater.delivery.objects import Objects
from headwater.delivery.progress import ProgressStore
from headwater.delivery.service import DeliveryService
from headwater.delivery.service_calls import ServiceCalls
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.followers.alarms import Alarms
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.server.http.exchange import Answer, HttpRequest
from headwater.storage.memory_store import MemoryStore
from headwater.wire.signature_v4 import Key
from tests.delivery.firehose.conftest import ROLE
from tests.lambda_.mapped_stream import post
from tests.waiting import RETRY_FOR_S

CALLER = Caller("000000000000", "us-east-1")
NAME = {"DeliveryStreamName": "clicks"}
DESTINATION = {
    "RoleARN": ROLE,
    "BucketARN": "arn:aws:s3:::lake",
    "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1},
}


class StuckServices:
    """The other services: they are asked, and do not answer."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def ask(self, _request: HttpRequest, _service: str, _caller: Caller) -> Answer:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class Delivering:
    """The deliveries of a server, whose other services are stuck."""

    def __init__(self) -> None:
        loop, self.services, self._clock = asyncio.get_running_loop(), StuckServices(), ManualClock()
        self._engine = Engine(
            MemoryStore(post()),
            self._clock,
            Settings(transition_ms=0),
            bytes,
            perf_counter,
        )
        self._engine.open()
        calls = ServiceCalls(
            self.services.ask, self._keep, self._key_of, self._clock, lambda: "localhost", loop
        )
        context = DeliveryContext(
            self._engine,
            Alarms(),
            lambda *_: None,
            calls,
            Objects(calls),
            ProgressStore(self._engine),
            asyncio.to_thread,
        )
        self._streams = DeliveryStreams(context, self._invoke)
        self._service = DeliveryService(context, ChannelDeliveries(context), (self._streams,))
        self._service.open()

    async def _keep(self) -> None:
        """Nothing is kept."""

    def _key_of(self, _account_id: str) -> Key:
        return Key("AKID", "secret", None)

    async def _invoke(self, _caller: Caller, _arn: str, _event: bytes) -> Said:
        raise AssertionError("no function is named")

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self._streams.api.document(CALLER, operation, {**NAME, **members})

    async def tick(self) -> None:
        self._clock.advance_ms(1_000)
        self._engine.tick()
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self._service.close()
        self._engine.close()


def test_one_that_was_deleted_just_before_the_end_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_streams, "CLOSE_GRACE_S", 0.05)

    async def live() -> None:
        before, delivering = asyncio.all_tasks(), Delivering()
        await delivering.call("CreateDeliveryStream", ExtendedS3DestinationConfiguration=DESTINATION)
        await delivering.tick()
        await delivering.call("PutRecord", Record={"Data": "YXBwbGU="})
        while not delivering.services.asked.is_set():
            await delivering.tick()
        await delivering.call("DeleteDeliveryStream")
        await delivering.tick()
        assert (await delivering.call("ListDeliveryStreams"))["DeliveryStreamNames"] == []
        await delivering.close()
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(live(), RETRY_FOR_S))
