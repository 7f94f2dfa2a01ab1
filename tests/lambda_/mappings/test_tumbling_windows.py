"""Tumbling windows as a function sees them: what is gathered in one, and when it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from tests.lambda_.mapped_stream import STREAM, Event, MappedStream, data_of, in_loop, mapped_stream

QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:failures"


class Counting:
    """A function that counts the data of a window, and keeps the counts of windows that ended."""

    def __init__(self) -> None:
        self.finals: list[dict[str, int]] = []
        self.failures = 0

    async def __call__(self, event: Event) -> Any:
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")
        state = event["state"]
        if event["isFinalInvokeForWindow"]:
            self.finals.append(state)
            return {}
        return {"state": dict(Counter(state) + Counter(data_of(event)))}


async def at_window_start(mapped: MappedStream, length_ms: int = 10_000) -> None:
    await mapped.tick(length_ms - mapped.clock.now_ms() % length_ms)


@in_loop
async def test_a_windows_records_share_a_state_until_one_more_invocation_ends_it() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(function, TumblingWindowInSeconds=10)
        await mapped.put("a", "b")
        await mapped.tick(9_000)
        await mapped.put("a")
        assert [event["state"] for event in mapped.functions.events] == [{}, {"a": 1}, {"a": 1, "b": 1}]
        assert function.finals == []
        await mapped.tick(1_200)
        assert function.finals == [{"a": 2, "b": 1}]
        last = mapped.functions.events[-1]
        assert last["Records"] == []
        assert last["isFinalInvokeForWindow"] is True
        assert last["isWindowTerminatedEarly"] is False
        assert last["shardId"] == "shardId-000000000000"
        await mapped.tick(60_000)
        assert len(mapped.functions.events) == 4


@in_loop
async def test_a_record_of_the_next_window_ends_the_one_before_first() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        await mapped.put("a", "a")
        await mapped.tick(10_000)
        await mapped.put("b")
        function = Counting()
        await mapped.map(function, TumblingWindowInSeconds=10)
        assert function.finals == [{"a": 2}]
        assert mapped.functions.batches == [["a", "a"], [], ["b"]]
        starts = [event["window"]["start"] for event in mapped.functions.events]
        assert starts[0] == starts[1] < starts[2]
        await mapped.tick(11_000)
        assert function.finals == [{"a": 2}, {"b": 1}]


@in_loop
async def test_an_answer_without_a_state_is_a_failure() -> None:
    async with mapped_stream() as mapped:

        async def forgetful(_event: Event) -> Any:
            return {"batchItemFailures": []}

        uuid = await mapped.map(forgetful, TumblingWindowInSeconds=10)
        await mapped.put("a")
        assert (await mapped.state(uuid))["LastProcessingResult"] == "PROBLEM: Function call failed"
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a"], ["a"]]


@in_loop
async def test_a_failed_end_of_a_window_stops_what_comes_after_it() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(function, TumblingWindowInSeconds=10)
        await mapped.put("a")
        function.failures = 1
        await mapped.tick(10_300)
        await mapped.put("b")
        assert mapped.functions.batches == [["a"], []]
        await mapped.tick(1_000)
        assert function.finals == [{"a": 1}]
        assert mapped.functions.batches == [["a"], [], [], ["b"]]


@in_loop
async def test_an_end_of_a_window_whose_retries_are_used_up_is_told_with_its_records() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(
            function,
            TumblingWindowInSeconds=10,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        await mapped.put("a", "b")
        numbers = [event["Records"][0]["kinesis"]["sequenceNumber"] for event in mapped.functions.events]
        function.failures = 1
        await mapped.tick(10_300)
        (document,) = mapped.destinations.documents
        batch = document["KinesisBatchInfo"]
        assert [batch["startSequenceNumber"], batch["endSequenceNumber"]] == numbers
        await mapped.put("c")
        await mapped.tick(10_000)
        assert function.finals == [{"c": 1}]


@in_loop
async def test_a_state_of_more_than_a_megabyte_ends_the_window_early() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)

        async def growing(event: Event) -> Any:
            return {"state": "x" * (1024 * 1024 + 1) if data_of(event) == ["large"] else "small"}

        await mapped.map(growing, TumblingWindowInSeconds=10)
        await mapped.put("large", "other")
        assert mapped.functions.batches == [["large"], [], ["other"]]
        early = mapped.functions.events[1]
        assert (early["isFinalInvokeForWindow"], early["isWindowTerminatedEarly"]) == (True, True)
        after = mapped.functions.events[2]
        assert (after["state"], after["isWindowTerminatedEarly"]) == ({}, False)
        await mapped.tick(10_300)
        assert mapped.functions.events[3]["state"] == "small"


@in_loop
async def test_a_window_that_was_to_end_early_does_so_after_a_restart() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        hangs = [asyncio.Event()]

        async def growing(event: Event) -> Any:
            if event["isFinalInvokeForWindow"] and hangs:
                await hangs[0].wait()
            return {"state": "x" * (1024 * 1024 + 1) if data_of(event) == ["large"] else "small"}

        await mapped.map(growing, TumblingWindowInSeconds=10)
        await mapped.put("large", "other")
        assert mapped.functions.batches == [["large"], []]
        await mapped.mappings.close(0)
        hangs.clear()
        mapped.open_engine()
        await mapped.tick()
        await mapped.tick()
        assert mapped.functions.batches == [["large"], [], [], ["other"]]
        assert mapped.functions.events[2]["isWindowTerminatedEarly"]
        assert mapped.functions.events[3]["state"] == {}


@in_loop
async def test_the_end_of_a_shard_ends_its_window_and_children_begin_anew() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(function, TumblingWindowInSeconds=900)
        await mapped.put("a")
        await mapped.call(
            "SplitShard",
            StreamName=STREAM,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(2**127),
        )
        await mapped.tick(1_000)
        await mapped.put("b")
        assert function.finals == [{"a": 1}]
        assert mapped.functions.events[-1]["state"] == {}


@in_loop
async def test_an_open_window_and_its_state_outlive_a_restart() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(function, TumblingWindowInSeconds=10)
        await mapped.put("a", "b")
        await mapped.restart()
        await mapped.put("a")
        await mapped.tick(10_300)
        assert function.finals == [{"a": 2, "b": 1}]


@in_loop
async def test_a_window_ends_after_a_restart_even_when_nothing_comes_any_more() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(function, TumblingWindowInSeconds=10)
        await mapped.put("a")
        await mapped.mappings.close(5)
        mapped.clock.advance_ms(60_000)
        mapped.open_engine()
        await mapped.tick()
        await mapped.tick(100)
        assert function.finals == [{"a": 1}]


@in_loop
async def test_a_window_is_too_old_with_its_last_record() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()
        await mapped.map(
            function,
            TumblingWindowInSeconds=10,
            MaximumRecordAgeInSeconds=60,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        await mapped.put("a")
        function.failures = 99
        await mapped.tick(10_300)
        await mapped.tick(61_000)
        (document,) = mapped.destinations.documents
        assert document["requestContext"]["condition"] == "RecordAgeExceeded"


@in_loop
async def test_a_reported_failure_in_a_window_keeps_the_state_of_what_was_done() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        failing = True

        async def reporting(event: Event) -> Any:
            data = data_of(event)
            state = event["state"]
            done = data[:1] if failing else data
            answer: dict[str, Any] = {"state": dict(Counter(state) + Counter(done))}
            if failing and len(data) > 1:
                failed = event["Records"][1]["kinesis"]["sequenceNumber"]
                answer["batchItemFailures"] = [{"itemIdentifier": failed}]
            return answer

        await mapped.put_together(("k", "a"), ("k", "b"))
        await mapped.map(
            reporting, TumblingWindowInSeconds=10, FunctionResponseTypes=["ReportBatchItemFailures"]
        )
        failing = False
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a", "b"], ["b"]]
        assert mapped.functions.events[1]["state"] == {"a": 1}
        await mapped.tick(10_000)
        assert mapped.functions.events[2]["state"] == {"a": 1, "b": 1}


@in_loop
async def test_windows_and_bisecting_go_together() -> None:
    async with mapped_stream() as mapped:
        await at_window_start(mapped)
        function = Counting()

        async def refusing(event: Event) -> Any:
            if "bad" in data_of(event):
                raise ValueError("bad")
            return await function(event)

        await mapped.put_together(*(("k", data) for data in ("a", "bad", "c", "d")))
        await mapped.map(
            refusing, TumblingWindowInSeconds=30, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0
        )
        for _ in range(5):
            await mapped.tick(3_000)
        await mapped.tick(30_000)
        assert function.finals == [{"a": 1, "c": 1, "d": 1}]
