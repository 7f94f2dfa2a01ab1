"""What a mapping does with a stream's records: which the function gets, when, and how often."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headwater.lambda_.functions.invocation import FunctionThrottled
from headwater.lambda_.mappings.lane import FUNCTION_GONE, NOT_INVOKED
from headwater.lambda_.mappings.poller import STREAM_GONE
from headwater.lambda_.mappings.shard_poller import ShardPoller
from headwater.model.arn import StreamName
from headwater.model.completion import Completion
from headwater.storage.interface import Change, StoreUnavailable
from tests.lambda_.mapped_stream import (
    CALLER,
    ROLE_ARN,
    STREAM,
    STREAM_ARN,
    Event,
    MappedStream,
    data_of,
    in_loop,
    mapped_stream,
    succeed,
)

QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:failures"
HALF = 2**127


class Failing:
    """A function that fails for some records; keeps the data of those of the batches that did not."""

    def __init__(self, *poison: str) -> None:
        self.poison = set(poison)
        self.done: list[str] = []

    async def __call__(self, event: Event) -> Any:
        data = data_of(event)
        if self.poison & set(data):
            raise ValueError("poison")
        self.done += data
        return None


class Reporting(Failing):
    """A function that names the first record which it cannot take, and has done those before it."""

    async def __call__(self, event: Event) -> Any:
        for record, data in zip(event["Records"], data_of(event), strict=True):
            if data in self.poison:
                return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
            self.done.append(data)
        return {"batchItemFailures": []}


async def retry(mapped: MappedStream, times: int = 1) -> None:
    """Let the delay before so many retries pass."""
    for _ in range(times):
        await mapped.tick(61_000)


@in_loop
async def test_records_arrive_in_order_with_all_that_an_event_has() -> None:
    async with mapped_stream() as mapped:
        await mapped.map()
        await mapped.put("a", "b", key="k")
        assert mapped.functions.batches == [["a"], ["b"]]
        record = mapped.functions.events[0]["Records"][0]
        assert record["invokeIdentityArn"] == ROLE_ARN
        assert record["eventSourceARN"] == STREAM_ARN
        assert record["eventID"] == f"shardId-000000000000:{record['kinesis']['sequenceNumber']}"
        assert record["kinesis"]["approximateArrivalTimestamp"] == mapped.clock.now_ms() / 1000


@in_loop
async def test_a_batch_has_as_many_records_as_the_mapping_says() -> None:
    async with mapped_stream() as mapped:
        await mapped.put_together(*(("k", str(n)) for n in range(7)))
        await mapped.map(BatchSize=3)
        assert mapped.functions.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


@in_loop
async def test_a_batch_is_no_larger_than_a_payload_may_be() -> None:
    async with mapped_stream() as mapped:
        for _ in range(7):
            await mapped.put("x" * 1_000_000)
        await mapped.map()
        assert [len(batch) for batch in mapped.functions.batches] == [4, 3]
        assert all(len(payload) <= 6 * 1024 * 1024 for payload in mapped.functions.payloads)


@in_loop
async def test_a_record_that_no_payload_can_hold_goes_to_the_destination_at_once() -> None:
    async with mapped_stream() as mapped:
        await mapped.call("UpdateMaxRecordSize", StreamARN=STREAM_ARN, MaxRecordSizeInKiB=10_240)
        await mapped.tick()
        await mapped.map(DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}})
        await mapped.put("before", "x" * 5_000_000, "after")
        assert mapped.functions.batches == [["before"], ["after"]]
        (document,) = mapped.destinations.documents
        assert document["KinesisBatchInfo"]["batchSize"] == 1


@in_loop
async def test_a_batching_window_waits_for_more_records_until_it_is_over_or_the_batch_is_full() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(BatchSize=3, MaximumBatchingWindowInSeconds=5)
        await mapped.put("a")
        await mapped.tick(4_000)
        await mapped.put("b")
        assert mapped.functions.batches == []
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a", "b"]]
        await mapped.put("c", "d", "e")
        assert mapped.functions.batches == [["a", "b"], ["c", "d", "e"]]


@in_loop
async def test_latest_begins_with_the_first_record_after_the_mapping_was_created() -> None:
    async with mapped_stream() as mapped:
        await mapped.put("old")
        mapped.functions.functions["count"] = succeed
        await mapped.lambda_call(
            "CreateEventSourceMapping",
            EventSourceArn=STREAM_ARN,
            FunctionName="count",
            StartingPosition="LATEST",
        )
        await mapped.put("new")
        await mapped.tick()
        assert mapped.functions.batches == [["new"]]


@in_loop
async def test_at_timestamp_begins_with_the_first_record_of_then() -> None:
    async with mapped_stream() as mapped:
        await mapped.put("old")
        await mapped.tick(10_000)
        then_ms = mapped.clock.now_ms()
        await mapped.put("new")
        await mapped.map(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=then_ms)
        assert mapped.functions.batches == [["new"]]


@in_loop
async def test_a_failed_batch_blocks_its_shard_and_is_retried_as_it_is() -> None:
    async with mapped_stream() as mapped:
        function = Failing("b")
        uuid = await mapped.map(function, BatchSize=2)
        await mapped.put_together(*(("k", data) for data in "abcd"))
        assert mapped.functions.batches == [["a", "b"]]
        assert (await mapped.state(uuid))["LastProcessingResult"] == "PROBLEM: Function call failed"
        await mapped.tick(999)
        assert len(mapped.functions.batches) == 1
        await mapped.tick(1)
        assert mapped.functions.batches == [["a", "b"]] * 2
        await mapped.tick(1_999)
        assert len(mapped.functions.batches) == 2
        await mapped.tick(1)
        assert len(mapped.functions.batches) == 3
        function.poison.clear()
        await retry(mapped)
        assert function.done == ["a", "b", "c", "d"]
        assert (await mapped.state(uuid))["LastProcessingResult"] == "OK"


@in_loop
async def test_one_shard_does_not_wait_for_another() -> None:
    async with mapped_stream(shards=2) as mapped:
        function = Failing("bad")
        await mapped.map(function)
        await mapped.call("PutRecord", StreamName=STREAM, PartitionKey="k", ExplicitHashKey="0", Data="YmFk")
        await mapped.call(
            "PutRecord", StreamName=STREAM, PartitionKey="k", ExplicitHashKey=str(HALF), Data="Z29vZA=="
        )
        assert function.done == ["good"]


@in_loop
async def test_retries_are_used_up_and_the_destination_is_told() -> None:
    async with mapped_stream() as mapped:
        function = Failing("b")
        await mapped.map(
            function,
            BatchSize=2,
            MaximumRetryAttempts=2,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        await mapped.put_together(*(("k", data) for data in "abcd"))
        await retry(mapped, 2)
        assert mapped.functions.batches == [["a", "b"]] * 3 + [["c", "d"]]
        (document,) = mapped.destinations.documents
        first, second = (r["kinesis"]["sequenceNumber"] for r in mapped.functions.events[0]["Records"])
        assert document["requestContext"] == {
            "requestId": "request-3",
            "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:count",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        }
        assert document["responseContext"]["functionError"] == "Unhandled"
        batch = document["KinesisBatchInfo"]
        assert (batch["startSequenceNumber"], batch["endSequenceNumber"]) == (first, second)
        assert (batch["batchSize"], batch["streamArn"]) == (2, STREAM_ARN)


@in_loop
async def test_without_a_destination_the_log_is_told_what_is_given_up() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(Failing("a"), MaximumRetryAttempts=0)
        await mapped.put("a", "b")
        assert mapped.functions.batches == [["a"], ["b"]]
        (note,) = mapped.notes
        assert "1 records" in note
        assert "RetryAttemptsExhausted" in note
        (status,) = await mapped.status()
        assert (status["event_counts"]["dropped"], status["batches_done"]) == (1, 2)
        (given_up,) = status["given_up"]
        assert (given_up["records"], given_up["invocations"], given_up["told_to"]) == (1, 1, "")
        assert given_up["condition"] == "RetryAttemptsExhausted"
        assert given_up["first_sequence_number"] in note


@in_loop
async def test_a_destination_that_does_not_answer_is_tried_again_and_then_logged() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(
            Failing("a", "b"),
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        mapped.destinations.failures = 2
        await mapped.put("a")
        assert len(mapped.destinations.messages) == 1
        assert not mapped.notes
        mapped.destinations.failures = 3
        await mapped.put("b")
        assert len(mapped.destinations.messages) == 1
        assert "nobody is there" in mapped.notes[0]


@in_loop
async def test_bisecting_isolates_the_bad_record_and_uses_no_retry_for_it() -> None:
    async with mapped_stream() as mapped:
        function = Failing("c")
        await mapped.put_together(*(("k", data) for data in "abcdefgh"))
        await mapped.map(
            function,
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        await retry(mapped, 10)
        assert mapped.functions.batches == [
            list("abcdefgh"),
            list("abcd"),
            list("ab"),
            list("cd"),
            ["c"],
            ["c"],
            ["d"],
            list("efgh"),
        ]
        assert function.done == list("abdefgh")
        (document,) = mapped.destinations.documents
        assert document["KinesisBatchInfo"]["batchSize"] == 1


@in_loop
async def test_a_report_retries_from_the_record_that_failed() -> None:
    async with mapped_stream() as mapped:
        function = Reporting("c")
        await mapped.put_together(*(("k", data) for data in "abcde"))
        await mapped.map(function, FunctionResponseTypes=["ReportBatchItemFailures"])
        await retry(mapped)
        assert mapped.functions.batches == [list("abcde"), list("cde")]
        function.poison.clear()
        await retry(mapped)
        assert function.done == list("abcde")


@in_loop
async def test_a_report_and_bisecting_together_cut_the_batch_where_it_failed() -> None:
    async with mapped_stream() as mapped:
        function = Reporting("c")
        await mapped.put_together(*(("k", data) for data in "abcde"))
        await mapped.map(
            function,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        await retry(mapped, 5)
        assert function.done == list("abde")
        (document,) = mapped.destinations.documents
        assert document["KinesisBatchInfo"]["batchSize"] == 1
        assert document["responseContext"]["functionError"] is None


@in_loop
async def test_records_that_are_too_old_are_given_up_even_without_an_invocation() -> None:
    async with mapped_stream() as mapped:
        await mapped.put("old")
        await mapped.tick(61_000)
        await mapped.put("new")
        await mapped.map(
            MaximumRecordAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}}
        )
        assert mapped.functions.batches == [["new"]]
        (document,) = mapped.destinations.documents
        assert document["requestContext"]["condition"] == "RecordAgeExceeded"
        assert document["requestContext"]["approximateInvokeCount"] == 1
        assert "responseContext" not in document


@in_loop
async def test_records_become_too_old_while_they_are_retried() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(
            Failing("a"),
            MaximumRecordAgeInSeconds=60,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        )
        await mapped.put("a", "b")
        await retry(mapped)
        assert mapped.functions.batches[0] == ["a"]
        (first, *_) = mapped.destinations.documents
        assert first["requestContext"]["condition"] == "RecordAgeExceeded"
        assert first["requestContext"]["approximateInvokeCount"] == 2
        assert "responseContext" not in first


@in_loop
async def test_without_a_maximum_age_records_are_retried_until_the_stream_forgets_them() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(Failing("a"), DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}})
        await mapped.put("a")
        await mapped.tick(23 * 3_600_000)
        assert not mapped.destinations.messages
        await mapped.tick(2 * 3_600_000)
        assert len(mapped.destinations.messages) == 1


@in_loop
async def test_an_invocation_that_is_refused_is_no_retry() -> None:
    async with mapped_stream() as mapped:
        mapped.functions.refuse_with = [FunctionThrottled() for _ in range(5)]
        uuid = await mapped.map(MaximumRetryAttempts=0)
        await mapped.put("a")
        assert (await mapped.state(uuid))["LastProcessingResult"] == NOT_INVOKED
        await retry(mapped, 5)
        assert mapped.functions.batches == [["a"]]


@in_loop
async def test_a_fault_of_the_invoker_is_logged_and_the_batch_comes_again() -> None:
    async with mapped_stream() as mapped:
        mapped.functions.refuse_with = [RuntimeError("broken")]
        await mapped.map()
        await mapped.put("a")
        assert "broken" in mapped.notes[0]
        await retry(mapped)
        assert mapped.functions.batches == [["a"]]


@in_loop
async def test_a_function_that_is_gone_is_waited_for() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map()
        function = mapped.functions.functions.pop("count")
        await mapped.put("a")
        assert (await mapped.state(uuid))["LastProcessingResult"] == FUNCTION_GONE
        mapped.functions.functions["count"] = function
        await retry(mapped)
        assert mapped.functions.batches == [["a"]]


@in_loop
async def test_filters_pass_over_records_and_the_position_moves_on() -> None:
    async with mapped_stream() as mapped:
        pattern = json.dumps({"data": {"n": [{"numeric": [">", 1]}]}})
        await mapped.map(FilterCriteria={"Filters": [{"Pattern": pattern}]})
        await mapped.put('{"n": 1}', '{"n": 2}', "text", '{"n": 3}', '{"n": 0}')
        assert mapped.functions.batches == [['{"n": 2}'], ['{"n": 3}']]
        status = (await mapped.status())[0]
        assert status["records_behind"] == 0
        assert status["event_counts"]["filtered_out"] == 3


@in_loop
async def test_lanes_run_at_the_same_time_and_keep_the_order_of_each_key() -> None:
    async with mapped_stream() as mapped:
        running = 0
        most = 0
        order: dict[str, list[str]] = {}

        async def slow(event: Event) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(5):
                await asyncio.sleep(0)
            for record, data in zip(event["Records"], data_of(event), strict=True):
                order.setdefault(record["kinesis"]["partitionKey"], []).append(data)
            running -= 1

        keys = [f"key-{n}" for n in range(20)]
        await mapped.put_together(*((key, str(n)) for n in range(20) for key in keys))
        await mapped.map(slow, ParallelizationFactor=5, BatchSize=10)
        for _ in range(5):
            await mapped.settle()
        assert order == {key: [str(n) for n in range(20)] for key in keys}
        assert most == 5


@in_loop
async def test_a_failure_blocks_its_lane_but_not_the_others() -> None:
    async with mapped_stream() as mapped:
        function = Failing("bad")
        await mapped.map(function, ParallelizationFactor=10, BatchSize=1)
        await mapped.put("bad", "behind", key="poisoned")
        for n in range(10):
            await mapped.put(f"good-{n}", key=f"other-{n}")
        assert "behind" not in function.done
        assert len([data for data in function.done if data.startswith("good")]) >= 5
        function.poison.clear()
        await retry(mapped)
        assert {"bad", "behind"} <= set(function.done)
        assert len(function.done) == 12


@in_loop
async def test_children_are_read_after_their_parents() -> None:
    async with mapped_stream() as mapped:
        function = Failing("2")
        await mapped.map(function, BatchSize=1)
        await mapped.put("1", "2", "3")
        await mapped.call(
            "SplitShard",
            StreamName=STREAM,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(HALF),
        )
        await mapped.tick()
        await mapped.put("4", "5")
        assert function.done == ["1"]
        function.poison.clear()
        await retry(mapped)
        assert function.done == ["1", "2", "3", "4", "5"]
        await mapped.call(
            "MergeShards",
            StreamName=STREAM,
            ShardToMerge="shardId-000000000001",
            AdjacentShardToMerge="shardId-000000000002",
        )
        await mapped.tick()
        await mapped.put("6")
        assert function.done == ["1", "2", "3", "4", "5", "6"]


@in_loop
async def test_after_a_restart_a_mapping_goes_on_where_it_was() -> None:
    async with mapped_stream(shards=2) as mapped:
        function = Failing()
        await mapped.map(function)
        await mapped.put("a", "b", key="one")
        await mapped.put("c", key="three")
        function.poison.add("d")
        await mapped.put("d", "e", key="one")
        await mapped.restart()
        function.poison.clear()
        await mapped.put("f", key="one")
        await retry(mapped)
        assert sorted(function.done) == ["a", "b", "c", "d", "e", "f"]
        assert [data for data in function.done if data != "c"] == ["a", "b", "d", "e", "f"]


@in_loop
async def test_each_lane_goes_on_where_it_was() -> None:
    async with mapped_stream() as mapped:
        function = Failing("bad")
        await mapped.map(function, ParallelizationFactor=10, BatchSize=1)
        await mapped.put("bad", key="poisoned")
        await mapped.put("good", key="other-7")
        assert function.done == ["good"]
        await mapped.restart()
        function.poison.clear()
        await retry(mapped)
        assert function.done == ["good", "bad"]


@in_loop
async def test_disabling_and_enabling_keeps_the_position() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map()
        await mapped.put("a")
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
        await mapped.tick()
        assert (await mapped.state(uuid))["State"] == "Disabled"
        await mapped.put("b")
        assert mapped.functions.batches == [["a"]]
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=True)
        await mapped.tick()
        assert mapped.functions.batches == [["a"], ["b"]]


@in_loop
async def test_an_update_waits_for_the_invocation_that_is_under_way() -> None:
    async with mapped_stream() as mapped:
        may_end = asyncio.Event()

        async def waiting(_event: Event) -> None:
            await may_end.wait()

        uuid = await mapped.map(waiting, BatchSize=1)
        await mapped.put("a", "b", "c")
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, BatchSize=10)
        await mapped.tick()
        assert mapped.functions.batches == [["a"]]
        may_end.set()
        await mapped.settle()
        await mapped.tick()
        assert mapped.functions.batches == [["a"], ["b", "c"]]


@in_loop
async def test_another_factor_begins_where_the_slowest_lane_was() -> None:
    async with mapped_stream() as mapped:
        function = Failing("bad")
        uuid = await mapped.map(function, ParallelizationFactor=10, BatchSize=1)
        await mapped.put("bad", key="poisoned")
        await mapped.put("good", key="other-7")
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, ParallelizationFactor=1)
        function.poison.clear()
        await mapped.tick()
        await retry(mapped)
        assert function.done == ["good", "bad", "good"]


@in_loop
async def test_a_deleted_mapping_invokes_nothing_and_leaves_nothing() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map()
        await mapped.put("a")
        await mapped.lambda_call("DeleteEventSourceMapping", UUID=uuid)
        await mapped.tick()
        await mapped.put("b")
        assert mapped.functions.batches == [["a"]]
        left = [key for key in mapped.store.metadata() if key.startswith("lambda-")]
        assert left == ["lambda-turn/mappings"]


@in_loop
async def test_a_stream_that_is_deleted_and_made_again_is_read_from_its_beginning() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map(StartingPosition="LATEST")
        await mapped.call("DeleteStream", StreamName=STREAM)
        await mapped.tick()
        await mapped.tick(1_000)
        assert (await mapped.state(uuid))["LastProcessingResult"] == STREAM_GONE
        await mapped.call("CreateStream", StreamName=STREAM, ShardCount=1)
        await mapped.tick()
        await mapped.put("a")
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a"]]


@in_loop
async def test_progress_of_shards_that_left_the_stream_is_forgotten() -> None:
    async with mapped_stream() as mapped:
        await mapped.map()
        await mapped.call(
            "SplitShard",
            StreamName=STREAM,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(HALF),
        )
        await mapped.tick()
        progress = [key for key in mapped.store.metadata() if key.startswith("lambda-progress/")]
        assert len(progress) == 3
        await mapped.tick(25 * 3_600_000)
        await mapped.call("ListShards", StreamName=STREAM)
        await mapped.tick(1_000)
        shards = mapped.engine.live(StreamName(*CALLER, STREAM)).stream.shards
        progress = [key for key in mapped.store.metadata() if key.startswith("lambda-progress/")]
        assert len(progress) == len(shards)


@in_loop
async def test_reading_stops_while_enough_waits_and_goes_on_after_it() -> None:
    async with mapped_stream() as mapped:
        function = Failing("bad")
        await mapped.map(function, BatchSize=1)
        await mapped.put("bad")
        for _ in range(10):
            await mapped.put_together(*(("k", f"{n}") for n in range(500)))
        assert (await mapped.status())[0]["event_counts"]["polled"] < 5_001
        function.poison.clear()
        await retry(mapped)
        for _ in range(150):
            await mapped.settle()
        assert len(function.done) == 5_001


@in_loop
async def test_with_limits_a_shard_is_read_once_a_second() -> None:
    async with mapped_stream(enforce_limits=True) as mapped:
        await mapped.map()
        await mapped.put("a", "b")
        assert mapped.functions.batches == []
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a", "b"]]
        await mapped.put("c")
        await mapped.tick(900)
        assert mapped.functions.batches == [["a", "b"]]
        await mapped.tick(100)
        assert mapped.functions.batches == [["a", "b"], ["c"]]


@in_loop
async def test_a_mapping_that_has_nothing_to_do_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with mapped_stream(shards=2) as mapped:
        await mapped.map(ParallelizationFactor=2)
        await mapped.put("a")
        reads = 0
        read = mapped.store.read

        def counted(*arguments: Any) -> Any:
            nonlocal reads
            reads += 1
            return read(*arguments)

        monkeypatch.setattr(mapped.store, "read", counted)
        for _ in range(20):
            await mapped.tick(100)
        assert reads == 0
        await mapped.put("b")
        assert reads == 1


@in_loop
async def test_a_batch_may_be_larger_than_a_page_that_is_read() -> None:
    async with mapped_stream() as mapped:
        for _ in range(10):
            await mapped.put_together(*(("k", f"{n}") for n in range(500)))
        await mapped.map(BatchSize=10_000)
        assert [len(batch) for batch in mapped.functions.batches] == [5_000]


@in_loop
async def test_a_store_that_cannot_keep_progress_is_noted_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with mapped_stream() as mapped:
        await mapped.map()

        def refuse(_change: Change) -> Completion[bool]:
            refused = Completion[bool]()
            asyncio.get_running_loop().call_soon(refused.fail, StoreUnavailable("disk full"))
            return refused

        with monkeypatch.context() as full:
            full.setattr(mapped.store, "commit", refuse)
            await mapped.put("a")
            assert any("disk full" in note for note in mapped.notes)
        await mapped.put("b")
        assert mapped.functions.batches == [["a"], ["b"]]
        await mapped.restart()
        await mapped.put("c")
        assert mapped.functions.batches[2:] == [["c"]]


@in_loop
async def test_a_fault_in_the_poller_of_a_shard_is_logged_and_the_shard_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with mapped_stream() as mapped:
        await mapped.map()
        with monkeypatch.context() as broken:
            broken.setattr(ShardPoller, "take", lambda _poller, _reading: 1 // 0)
            await mapped.put("a")
            assert "ZeroDivisionError" in mapped.notes[0]
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a"]]


@in_loop
async def test_a_shard_that_cannot_be_read_is_read_a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with mapped_stream() as mapped:
        await mapped.map()

        async def unreadable(*_arguments: Any) -> Any:
            raise StoreUnavailable("no disk")

        with monkeypatch.context() as broken:
            broken.setattr(mapped.store, "read", unreadable)
            await mapped.put("a")
            assert "no disk" in mapped.notes[0]
        await mapped.tick(1_000)
        assert mapped.functions.batches == [["a"]]


@pytest.mark.parametrize("of_consumer", [False, True])
@in_loop
async def test_a_function_that_does_not_end_is_not_waited_for_without_an_end(of_consumer: bool) -> None:
    async with mapped_stream() as mapped:

        async def endless(_event: Event) -> None:
            await asyncio.Event().wait()

        arn = STREAM_ARN
        if of_consumer:
            answer = await mapped.call("RegisterStreamConsumer", StreamARN=STREAM_ARN, ConsumerName="reader")
            arn = answer["Consumer"]["ConsumerARN"]
            await mapped.tick()
        await mapped.map(endless, EventSourceArn=arn)
        await mapped.put("a")
        assert mapped.functions.batches == [["a"]]
        await mapped.mappings.close(0)
        assert len(asyncio.all_tasks()) == 1
        mapped.open_engine()
        await mapped.tick()
        assert mapped.functions.batches == [["a"], ["a"]]
        await mapped.mappings.close(0)


@pytest.mark.parametrize("shards", [1, 3])
@in_loop
async def test_nothing_runs_any_more_when_the_mappings_are_closed(shards: int) -> None:
    async with mapped_stream(shards=shards) as mapped:
        await mapped.map()
        await mapped.mappings.close(5)
        await mapped.put("a")
        assert mapped.functions.batches == []
        assert len(asyncio.all_tasks()) == 1
