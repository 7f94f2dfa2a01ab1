"""A gateway that sleeps while a stream goes and another one of its name comes takes neither for the other."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable

import msgspec
import pytest

from headwater.api.operations.create_stream import create_stream
from headwater.api.validation.constraints import accept
from headwater.model.arn import StreamName
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.model.stream import Stream
from headwater.server.asyncio_bridge import finished
from headwater.wire.json_format import encode, encode_body
from tests.engine.running_engine import CALLER
from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka

NAME = StreamName(*CALLER, "orders")
SLEEP_S = 15.0
"""Less than a call of the store may take."""


async def active(gateway: SimulatedGateway) -> None:
    while True:
        found = await gateway.call("DescribeStreamSummary", StreamName="orders")
        if found["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
            return
        await asyncio.sleep(0.1)


async def gone(gateway: SimulatedGateway) -> None:
    await gateway.call("DeleteStream", StreamName="orders")
    while True:
        try:
            await gateway.call("DescribeStreamSummary", StreamName="orders")
        except ResourceNotFoundException:
            return
        await asyncio.sleep(0.1)


async def put(gateway: SimulatedGateway, *texts: str) -> list[str]:
    """Sequence numbers."""
    return [
        (
            await gateway.call(
                "PutRecord", StreamName="orders", Data=b64encode(text.encode()).decode(), PartitionKey="k"
            )
        )["SequenceNumber"]
        for text in texts
    ]


async def texts(gateway: SimulatedGateway, **begin: str) -> list[str]:
    begin = begin or {"ShardIteratorType": "TRIM_HORIZON"}
    found = await gateway.call(
        "GetShardIterator", StreamName="orders", ShardId="shardId-000000000000", **begin
    )
    page = await gateway.call("GetRecords", ShardIterator=found["ShardIterator"])
    document = msgspec.json.decode(bytes(encode_body(page)))
    return [b64decode(record["Data"]).decode() for record in document["Records"]]


def fall_asleep(gateway: SimulatedGateway) -> None:
    gateway.cluster.frozen_until_s = asyncio.get_running_loop().time() + SLEEP_S


async def begun(call: Awaitable[object]) -> asyncio.Future[object]:
    """A call that has got as far as its gateway's sleep."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.1)
    assert not task.done()
    return task


@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_the_one_that_has_gone_is_none_of_the_other(seed: int) -> None:
    async def history(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        one, other = gateways
        await one.call("CreateStream", StreamName="orders", ShardCount=1)
        await active(one)
        await active(other)

        def tagged(stream: Stream) -> Stream:
            return msgspec.structs.replace(stream, tags={"made": "late"})

        fall_asleep(one)
        late = await begun(finished(one.engine.replace(NAME, tagged)))
        await gone(other)
        await other.call("CreateStream", StreamName="orders", ShardCount=1)
        await active(other)
        await put(other, "kept")
        await late
        for gateway in gateways:
            assert await texts(gateway) == ["kept"]
            tags = await gateway.call("ListTagsForStream", StreamName="orders")
            assert tags["Tags"] == [{"Key": "made", "Value": "late"}]  # of the stream that is there

    live(seed, 2, history)


@pytest.mark.parametrize("seed", range(3))
def test_one_that_is_made_late_begins_behind_all_that_were_there(seed: int) -> None:
    async def history(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        one, other = gateways
        await one.call("CreateStream", StreamName="first", ShardCount=1)  # it brings what is made once
        await asyncio.sleep(1 - asyncio.get_running_loop().time() % 1)  # both are made in one second
        fall_asleep(one)
        request = accept("CreateStream", encode({"StreamName": "orders", "ShardCount": 1}))
        late = await begun(finished(create_stream(one.engine, CALLER, request)))  # it has caught up before
        await other.call("CreateStream", StreamName="orders", ShardCount=1)
        await active(other)
        *_, checkpoint = await put(other, "a", "b", "c")
        await gone(other)
        await late
        await active(other)
        await put(other, "new")
        begin = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": checkpoint}
        with pytest.raises(KinesisError, match="did not come from this stream"):
            await texts(other, **begin)
        assert await texts(one) == ["new"]

    live(seed, 2, history)
