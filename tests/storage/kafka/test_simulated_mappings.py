"""Event source mappings of several gateways over a simulated Kafka: who freezes, is killed, or hears nothing.

Every history is a function of its seed. A function notes what it gets when it ends, as if it wrote it down
elsewhere; at a gateway that is frozen it ends when that thaws, late.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headwater.engine.server_lease import ServerLease
from headwater.lambda_.api.errors import LambdaError
from headwater.lambda_.api.in_step import in_step
from headwater.lambda_.functions.destination import DestinationMessage
from headwater.lambda_.functions.invocation import FunctionReference, InvocationResult, always
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.mappings import EventSourceMappings
from headwater.lambda_.mappings.operations import mapping_operations
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.storage.interface import StoreUnavailable
from tests.engine.running_engine import CALLER
from tests.lambda_.mapped_stream import data_of
from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka

GATEWAYS = 3
DURATION_S = 60.0
KEYS = 5
STREAM = "clicks"
STREAM_ARN = f"arn:aws:kinesis:{CALLER.region}:{CALLER.account_id}:stream/{STREAM}"
FUNCTION_ARN = f"arn:aws:lambda:{CALLER.region}:{CALLER.account_id}:function:keep"


class Keeper:
    """An `Invoker` at one gateway, and a `MessageSender` that is never asked."""

    def __init__(self, history: MappingHistory, gateway: SimulatedGateway) -> None:
        self._history = history
        self._gateway = gateway

    def resolve(self, caller: Caller, reference: str) -> FunctionReference:
        return FunctionReference(FUNCTION_ARN, "keep", None, "role")

    async def invoke(
        self, function: FunctionReference, payload: bytes, may_begin: Callable[[], bool] = always
    ) -> InvocationResult:
        history = self._history
        history.begun(self._gateway)
        await history.later(0.3)
        while self._gateway.is_frozen:
            await asyncio.sleep(0.1)
        if history.chance.random() < 0.05:
            return InvocationResult(b"{}", "Unhandled", "1", "id", b"")
        history.kept += [
            (text.partition(" ")[0], int(text.partition(" ")[2])) for text in data_of(json.loads(payload))
        ]
        return InvocationResult(b"null", None, "1", "id", b"")

    async def send(self, message: DestinationMessage) -> None:
        raise AssertionError(message)


class WindowKeeper(Keeper):
    """A function that takes half a second for each batch, and keeps what a window has brought."""

    async def invoke(
        self, function: FunctionReference, payload: bytes, may_begin: Callable[[], bool] = always
    ) -> InvocationResult:
        event = json.loads(payload)
        await asyncio.sleep(0.5)
        seen = [*event["state"].get("seen", []), *data_of(event)]
        if event["isFinalInvokeForWindow"]:
            self._history.finals.append(seen)
        answer = json.dumps({"state": {"seen": seen}}).encode()
        return InvocationResult(answer, None, "1", "id", b"")


class MappingHistory:
    def __init__(
        self, kafka: SimulatedKafka, gateways: list[SimulatedGateway], keeper: type[Keeper] = Keeper
    ) -> None:
        self._keeper = keeper
        self.kafka = kafka
        self.chance = kafka.chance
        self.gateways = gateways
        self.kept: list[tuple[str, int]] = []
        """Key and number, as the function got them."""
        self.put: set[tuple[str, int]] = set()
        """What was acknowledged."""
        self.finals: list[list[str]] = []
        """What windows have brought, each as its last invocation had it."""
        self.broken: list[str] = []
        self.acted: set[str] = set()
        self.ends = False
        self._mappings: dict[str, EventSourceMappings] = {}

    async def live(self) -> None:
        await self.prepare()
        self.kafka.is_whole = False
        work = [asyncio.create_task(self._put(f"key-{at}")) for at in range(KEYS)]
        work += [asyncio.create_task(each()) for each in (self._disturb, self._reshard, self._change)]
        await asyncio.sleep(DURATION_S / 2)
        await self.kill(self.gateways[0])
        await asyncio.sleep(DURATION_S / 2)
        self.ends = self.kafka.is_whole = True
        for gateway in self.gateways:
            gateway.cluster.frozen_until_s = 0
        await asyncio.gather(*work)
        for _ in range(300):
            await asyncio.sleep(1)
            if self.put <= set(self.kept) and all(map(self._is_caught_up, self.gateways)):
                break
        for mappings in self._mappings.values():
            await mappings.close(10)

    async def prepare(self, shard_count: int = 2, **members: Any) -> None:
        for gateway in self.gateways:
            keeper = self._keeper(self, gateway)
            mappings = self._mappings[gateway.name] = EventSourceMappings(
                gateway.engine,
                keeper,
                keeper,
                lambda _level, _text: None,
                FunctionMetrics(gateway.engine.now_ms),
                lambda: self.chance.randbytes(16).hex(),
                200,
            )
            mappings.open()
        await self.gateways[0].call("CreateStream", StreamName=STREAM, ShardCount=shard_count)
        await asyncio.sleep(1)
        request = {
            "EventSourceArn": STREAM_ARN,
            "FunctionName": "keep",
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 10,
            **members,
        }
        answer = await self.ask(self.gateways[-1], "CreateEventSourceMapping", **request)
        self.uuid = answer["UUID"]

    async def ask(self, gateway: SimulatedGateway, operation: str, **members: Any) -> dict[str, Any]:
        operations = in_step(gateway.engine, mapping_operations(self._mappings[gateway.name]))
        answer = await operations[operation](CALLER, members)
        assert isinstance(answer, dict)
        return answer

    async def kill(self, gateway: SimulatedGateway) -> None:
        """It does nothing any more; what it has begun ends nowhere."""
        self.gateways.remove(gateway)
        await self._mappings.pop(gateway.name).close(0)
        gateway.kill()

    async def later(self, mean_s: float) -> None:
        await asyncio.sleep(self.chance.expovariate(1 / mean_s))

    def begun(self, gateway: SimulatedGateway) -> None:
        """An invocation is begun by a gateway."""
        self.acted.add(gateway.name)
        others = [
            other.name for other in self.gateways if other is not gateway and other.engine.lease.is_held
        ]
        if others and not gateway.is_frozen:
            self.broken.append(f"{gateway.name} has begun a batch while {others} may")

    def _is_caught_up(self, gateway: SimulatedGateway) -> bool:
        """Whether a gateway knows of progress in every shard up to what is in it."""
        store = self._mappings[gateway.name].store
        live = gateway.engine.all_streams()[0]
        return all(shard.is_open or self._is_finished(store, shard.log_id) for shard in live.shards)

    def _is_finished(self, store: Any, log_id: int) -> bool:
        progress = store.progress(self.uuid, log_id)
        return progress is not None and bool(progress.is_finished)

    async def _put(self, key: str) -> None:
        number = 0
        while not self.ends:
            entry = {"Data": b64encode(f"{key} {number}".encode()).decode(), "PartitionKey": key}
            try:
                await self.chance.choice(self.gateways).call("PutRecord", StreamName=STREAM, **entry)
                self.put.add((key, number))
            except (StoreUnavailable, KinesisError):
                pass  # it may be stored; the next one is another one
            number += 1
            await self.later(0.5)

    async def _disturb(self) -> None:
        while not self.ends:
            await self.later(4.0)
            if self.chance.random() < 0.5:
                self.kafka.depose_some()
            elif not self.ends:
                cluster = self.chance.choice(self.gateways).cluster
                cluster.frozen_until_s = asyncio.get_running_loop().time() + self.chance.choice(
                    (1.0, 4.0, 8.0)
                )

    async def _reshard(self) -> None:
        target = 2
        while not self.ends:
            await self.later(20.0)
            target = 3 if target == 2 else 2
            members = {"TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}
            try:
                await self.chance.choice(self.gateways).call("UpdateShardCount", StreamName=STREAM, **members)
            except (StoreUnavailable, KinesisError):
                continue

    async def _change(self) -> None:
        while not self.ends:
            await self.later(15.0)
            size = self.chance.choice((1, 5, 10, 50))
            gateway = self.chance.choice(self.gateways)
            try:
                await self.ask(gateway, "UpdateEventSourceMapping", UUID=self.uuid, BatchSize=size)
            except (StoreUnavailable, LambdaError, KinesisError):
                continue

    def check(self) -> None:
        """Raise AssertionError for what does not hold."""
        assert self.broken == []
        assert self.put <= set(self.kept), sorted(self.put - set(self.kept))
        of_key: dict[str, list[int]] = defaultdict(list)
        for key, number in dict.fromkeys(self.kept):
            if (key, number) in self.put:  # what was not acknowledged may be stored late
                of_key[key].append(number)
        for key, numbers in of_key.items():
            assert numbers == sorted(numbers), (key, numbers)


History = Callable[[SimulatedKafka, list[SimulatedGateway]], Awaitable[None]]


async def lived(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    history = MappingHistory(kafka, gateways)
    await history.live()
    history.check()
    assert len(history.put) > 20


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_nothing_is_lost_or_out_of_order_in_some_histories(seed: int) -> None:
    live(seed, GATEWAYS, lived)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 130))
def test_nothing_is_lost_or_out_of_order_in_many_histories(seed: int) -> None:
    live(seed, GATEWAYS, lived)


@pytest.mark.long
def test_without_the_lease_several_gateways_run_a_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The histories do find what they are there for."""
    monkeypatch.setattr(ServerLease, "is_held", property(lambda _: True))
    found: list[str] = []

    async def look(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        history = MappingHistory(kafka, gateways)
        await history.live()
        found.extend(history.broken)

    live(1, GATEWAYS, look)
    assert found


@pytest.mark.parametrize("seed", range(3))
def test_who_takes_over_ends_a_window_with_all_that_belongs_to_it(seed: int) -> None:
    async def history(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        lived = MappingHistory(kafka, gateways, WindowKeeper)
        await lived.prepare(1, BatchSize=1, TumblingWindowInSeconds=10)
        now_s = asyncio.get_running_loop().time
        # A window has begun, and ends before another one takes over.
        await asyncio.sleep(10 - now_s() % 10 + 6)
        holder = next(gateway for gateway in gateways if gateway.engine.lease.is_held)
        texts = [f"{number}" for number in range(12)]
        for text in texts:
            entry = {"Data": b64encode(text.encode()).decode(), "PartitionKey": "key"}
            await gateways[0].call("PutRecord", StreamName=STREAM, **entry)
        await asyncio.sleep(2)
        await lived.kill(holder)
        await asyncio.sleep(30)
        assert lived.finals == [texts]

    live(seed, 2, history)
