"""For how long requests to Firehose and Lambda wait over a simulated Kafka: 20 s, for all together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.delivery.firehose.delivery_stream import DeliveryStream, DeliveryStreamId
from headwater.delivery.firehose.json_api import FirehoseApi
from headwater.delivery.firehose.operations import FirehoseOperations
from headwater.delivery.firehose.other_servers import in_step
from headwater.delivery.firehose.store import DeliveryStreamStore
from headwater.engine.held_versions import Overtaken
from headwater.engine.large_values import LargeValues
from headwater.lambda_.api import in_step as lambda_in_step
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreInDoubt, StoreUnavailable
from tests.engine.running_engine import CALLER
from tests.storage.kafka.simulated_gateways import TOPICS, SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka
from tests.storage.kafka.test_simulated_waits import LONG_S, EveryShard, timely

NAMED = {"DeliveryStreamName": "clicks"}
BUCKET = {"RoleARN": "arn:aws:iam::000000000000:role/firehose", "BucketARN": "arn:aws:s3:::anywhere"}


class NoDeliveries:
    """Nothing is delivered here."""

    async def beginning(self, stream: DeliveryStream) -> DeliveryProgress | None:
        return None

    def follow(self, key: DeliveryStreamId) -> None:
        """Nothing is to be done."""


def firehose_of(gateway: SimulatedGateway) -> FirehoseApi:
    store = DeliveryStreamStore(gateway.engine)
    store.open(lambda _key: None)
    operations = FirehoseOperations(
        gateway.engine, store, NoDeliveries(), lambda _destination: None, lambda _stream, _figures: None
    )
    return FirehoseApi(in_step(operations.handlers(), gateway.engine))


async def delivery_streams_changed(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Changes wait for their turn, and each for itself."""
    one, other = gateways
    here, there = firehose_of(one), firehose_of(other)
    await here.document(CALLER, "CreateDeliveryStream", {**NAMED, "S3DestinationConfiguration": BUCKET})
    one.cluster.silent = {TOPICS.meta}
    asking = [
        here.document(CALLER, "TagDeliveryStream", {**NAMED, "Tags": [{"Key": str(at), "Value": "a"}]})
        for at in range(3)
    ]
    answers = await asyncio.gather(*map(timely, asking), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    one.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    await here.document(CALLER, "TagDeliveryStream", {**NAMED, "Tags": [{"Key": "last", "Value": "a"}]})
    tags = (await there.document(CALLER, "ListTagsForDeliveryStream", NAMED))["Tags"]
    assert {"Key": "last", "Value": "a"} in tags


async def value_made(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """An operation of Lambda has two things to wait for, one after another; what it has begun it does."""
    one, _ = gateways
    done: list[int] = []

    async def make(_caller: object, _request: dict[str, Any]) -> dict[str, Any]:
        done.append(await finished(LargeValues(one.engine, "notes").put(b"value")))
        return {}

    one.cluster.silent = {TOPICS.meta}
    making = asyncio.create_task(timely(_lambda_call(one, make)))
    await asyncio.sleep(12)
    one.cluster.silent = EveryShard()
    await asyncio.sleep(4)
    with pytest.raises(StoreInDoubt):
        await making
    one.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    assert len(done) == 1


async def overtaken_slowly(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Others are first, again and again: it is not tried for longer than somebody waits."""
    attempts: list[float] = []

    async def overtaken(_caller: object, _request: dict[str, Any]) -> dict[str, Any]:
        attempts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(3)
        raise Overtaken

    with pytest.raises(StoreInDoubt):
        await timely(_lambda_call(gateways[0], overtaken))
    await asyncio.sleep(LONG_S)
    assert len(attempts) <= 7


def _lambda_call(gateway: SimulatedGateway, handler: Any) -> Any:
    return lambda_in_step.in_step(gateway.engine, {"Do": handler})["Do"](CALLER, {})


def test_changes_of_delivery_streams_are_answered_in_time() -> None:
    live(1, 2, delivery_streams_changed)


def test_an_operation_of_lambda_is_answered_in_time_and_goes_to_its_end() -> None:
    live(2, 2, value_made)


def test_an_operation_of_lambda_that_is_overtaken_is_answered_in_time() -> None:
    live(3, 2, overtaken_slowly)
