"""Mappings that fare badly, in seeded runs: nothing is lost, and keys keep their order."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from headwater.lambda_.functions.invocation import FunctionThrottled
from headwater.model.arn import StreamName
from headwater.model.errors import KinesisError
from tests.lambda_.mapped_stream import (
    CALLER,
    STREAM,
    STREAM_ARN,
    Event,
    MappedStream,
    data_of,
    in_loop,
    mapped_stream,
)

STEPS = 60
KEYS = [f"key-{n}" for n in range(12)]


class Run:
    """One run: what was put, and what the function was content with, by key."""

    def __init__(self, mapped: MappedStream, seed: int) -> None:
        self.mapped = mapped
        self.chance = Random(seed)
        self.put: dict[str, list[str]] = {key: [] for key in KEYS}
        self.done: dict[str, list[str]] = {key: [] for key in KEYS}
        self.poison: set[str] = set()
        self.reports = False
        self.uuid = ""
        self.count = 0

    async def function(self, event: Event) -> Any:
        for record, data in zip(event["Records"], data_of(event), strict=True):
            if data in self.poison:
                if not self.reports:
                    raise ValueError("poison")
                return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
            if self.reports:
                self._is_done(record["kinesis"]["partitionKey"], data)
        if not self.reports:
            for record, data in zip(event["Records"], data_of(event), strict=True):
                self._is_done(record["kinesis"]["partitionKey"], data)
        return None

    def _is_done(self, key: str, data: str) -> None:
        if data not in self.done[key]:
            self.done[key].append(data)

    def options(self) -> dict[str, Any]:
        chance = self.chance
        self.reports = chance.random() < 0.5
        return {
            "BatchSize": chance.choice((1, 2, 7, 100)),
            "MaximumBatchingWindowInSeconds": chance.choice((0, 0, 3)),
            "ParallelizationFactor": chance.choice((1, 2, 10)),
            "BisectBatchOnFunctionError": chance.random() < 0.5,
            "FunctionResponseTypes": ["ReportBatchItemFailures"] if self.reports else [],
        }

    async def step(self) -> None:
        chance, mapped = self.chance, self.mapped
        draw = chance.random()
        if draw < 0.5:
            await self.put_some()
        elif draw < 0.65:
            await mapped.tick(chance.choice((0, 1_000, 5_000, 61_000)))
        elif draw < 0.75:
            self.poison = {str(chance.randrange(self.count + 10)) for _ in range(3)}
        elif draw < 0.82:
            await self.reshard()
        elif draw < 0.88:
            mapped.functions.refuse_with += [FunctionThrottled() for _ in range(chance.randrange(4))]
        elif draw < 0.94:
            await mapped.restart()
        else:
            await mapped.lambda_call("UpdateEventSourceMapping", UUID=self.uuid, **self.options())
            await mapped.tick()

    async def put_some(self) -> None:
        pairs = []
        for _ in range(self.chance.randint(1, 12)):
            key = self.chance.choice(KEYS)
            pairs.append((key, str(self.count)))
            self.put[key].append(str(self.count))
            self.count += 1
        await self.mapped.put_together(*pairs)

    async def reshard(self) -> None:
        shards = self.mapped.engine.live(StreamName(*CALLER, STREAM)).stream.open_shards
        shard = self.chance.choice(shards)
        low, high = int(shard.starting_hash_key), int(shard.ending_hash_key)
        try:
            if self.chance.random() < 0.6 or len(shards) == 1:
                await self.mapped.call(
                    "SplitShard",
                    StreamName=STREAM,
                    ShardToSplit=shard.shard_id,
                    NewStartingHashKey=str((low + high) // 2 + 1),
                )
            else:
                other = next(each for each in shards if int(each.starting_hash_key) in (high + 1, 0))
                await self.mapped.call(
                    "MergeShards",
                    StreamName=STREAM,
                    ShardToMerge=shard.shard_id,
                    AdjacentShardToMerge=other.shard_id,
                )
        except KinesisError:
            return  # not every choice can be made
        await self.mapped.tick()

    async def finish(self) -> None:
        self.poison.clear()
        self.mapped.functions.refuse_with.clear()
        for _ in range(40):
            await self.mapped.tick(61_000)
            if self.done == self.put:
                return


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 16))]
)
@pytest.mark.parametrize("reader", ["stream", "consumer"])
@in_loop
async def test_every_record_is_processed_and_keys_keep_their_order(seed: int, reader: str) -> None:
    async with mapped_stream(shards=2) as mapped:
        run = Run(mapped, seed)
        arn = STREAM_ARN
        if reader == "consumer":
            answer = await mapped.call("RegisterStreamConsumer", StreamARN=STREAM_ARN, ConsumerName="reader")
            arn = answer["Consumer"]["ConsumerARN"]
            await mapped.tick()
        pattern = json.dumps({"data": [{"exists": True}]})
        run.uuid = await mapped.map(
            run.function,
            EventSourceArn=arn,
            FilterCriteria={"Filters": [{"Pattern": pattern}]},
            **run.options(),
        )
        for _ in range(STEPS):
            await run.step()
        await run.finish()
        assert run.done == run.put
        assert run.count > 50
        assert not [note for note in mapped.notes if note.startswith("error")]
