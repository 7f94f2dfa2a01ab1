"""The five operations on mappings: answers, defaults, limits across members, errors, states, tags."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from headwater.lambda_.api.errors import (
    InvalidParameterValueException,
    LambdaError,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.lambda_.mappings.operations import mapping_operations, tag_mapping, tags_of, untag_mapping
from headwater.model.caller import Caller
from headwater.model.instant import Instant
from tests.lambda_.mapped_stream import (
    CALLER,
    FUNCTION_ARN,
    STREAM,
    STREAM_ARN,
    MappedStream,
    in_loop,
    mapped_stream,
    succeed,
)

CREATE: dict[str, Any] = {
    "EventSourceArn": STREAM_ARN,
    "FunctionName": "count",
    "StartingPosition": "TRIM_HORIZON",
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
AT_LEAST_60 = "failed to satisfy constraint: Member must have value greater than or equal to 60"
UNRECOGNIZED = "Unrecognized event source, must be a Kinesis stream or a consumer of one."
MUST_NOT_BE_NULL = "failed to satisfy constraint: Member must not be null."


def on_failure(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


async def create(mapped: MappedStream, **members: Any) -> dict[str, Any]:
    mapped.functions.functions["count"] = succeed
    request = {name: value for name, value in (CREATE | members).items() if value is not None}
    return await mapped.lambda_call("CreateEventSourceMapping", **request)


async def refusal(mapped: MappedStream, error: type[LambdaError], **members: Any) -> str:
    with pytest.raises(error) as refused:
        await create(mapped, **members)
    return refused.value.message


@in_loop
async def test_a_new_mapping_has_the_defaults_of_aws() -> None:
    async with mapped_stream() as mapped:
        answer = await create(mapped)
        uuid = answer["UUID"]
        assert UUID.fullmatch(uuid)
        assert answer == {
            "UUID": uuid,
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0,
            "ParallelizationFactor": 1,
            "EventSourceArn": STREAM_ARN,
            "FunctionArn": FUNCTION_ARN,
            "LastModified": Instant(mapped.clock.now_ms()),
            "LastProcessingResult": "No records processed",
            "State": "Creating",
            "StateTransitionReason": "User action",
            "DestinationConfig": {"OnFailure": {}},
            "MaximumRecordAgeInSeconds": -1,
            "BisectBatchOnFunctionError": False,
            "MaximumRetryAttempts": -1,
            "TumblingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            "EventSourceMappingArn": f"arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:{uuid}",
        }


@in_loop
async def test_every_option_is_given_back() -> None:
    pattern = json.dumps({"data": {"a": [1]}})
    options = {
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 300,
        "ParallelizationFactor": 10,
        "MaximumRecordAgeInSeconds": 604_800,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 10_000,
        "TumblingWindowInSeconds": 900,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:failures"}},
        "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
        "KMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1",
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }
    async with mapped_stream() as mapped:
        answer = await create(mapped, **options)
        assert {name: answer[name] for name in options} == options
        await mapped.restart()
        stored = await mapped.state(answer["UUID"])
        assert {name: stored[name] for name in options} == options


@in_loop
async def test_at_timestamp_is_given_back() -> None:
    async with mapped_stream() as mapped:
        now_ms = mapped.clock.now_ms()
        answer = await create(
            mapped, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=now_ms - 5_000
        )
        assert answer["StartingPositionTimestamp"] == Instant(now_ms - 5_000)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"EventSourceArn": None}, "Unrecognized event source."),
        (
            {"StartingPosition": None},
            f"1 validation error detected: Value null at 'startingPosition' {MUST_NOT_BE_NULL}",
        ),
        (
            {"StartingPosition": "AT_TIMESTAMP"},
            f"1 validation error detected: Value null at 'startingPositionTimestamp' {MUST_NOT_BE_NULL}",
        ),
        (
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 2**42},
            "StartingPositionTimestamp cannot be in the future.",
        ),
        (
            {"StartingPositionTimestamp": 1},
            "StartingPositionTimestamp can only be used with the starting position AT_TIMESTAMP.",
        ),
        ({"FunctionName": "missing"}, "Function does not exist"),
        ({"EventSourceArn": STREAM_ARN + "-2"}, f"Stream not found: {STREAM_ARN}-2"),
        (
            {"EventSourceArn": STREAM_ARN + "/consumer/reader:1"},
            f"Stream consumer not found: {STREAM_ARN}/consumer/reader:1",
        ),
        (
            {"EventSourceArn": "arn:aws:sqs:eu-central-1:123456789012:queue"},
            f"{UNRECOGNIZED} Unsupported source arn : arn:aws:sqs:eu-central-1:123456789012:queue",
        ),
        (
            {"MaximumRecordAgeInSeconds": 59},
            f"1 validation error detected: Value '59' at 'maximumRecordAgeInSeconds' {AT_LEAST_60}",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"a": ["x"]}'}] * 6}},
            "FilterCriteria has 6 filters. The maximum number of filters is 5.",
        ),
        ({"FilterCriteria": {"Filters": [{"Pattern": "text"}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{}]}}, "Invalid filter pattern definition."),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:q"}}},
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            on_failure("arn:aws:lambda:eu-central-1:123456789012:x"),
            "The destination ARN arn:aws:lambda:eu-central-1:123456789012:x is not supported.",
        ),
        (
            on_failure("kafka://topic"),
            "The destination ARN kafka://topic is not supported.",
        ),
        (
            on_failure("arn:aws:kinesis:eu-central-1:123456789012:x"),
            "The destination ARN arn:aws:kinesis:eu-central-1:123456789012:x is not supported.",
        ),
        (
            {"MetricsConfig": {"Metrics": ["KafkaMetrics"]}},
            "Unsupported MetricsConfig parameter for given event source mapping type.",
        ),
        (
            {"LoggingConfig": {"SystemLogLevel": "INFO"}},
            "Unsupported LoggingConfig parameter for given event source mapping type.",
        ),
        (
            {"ScalingConfig": {"MaximumConcurrency": 2}},
            "Unsupported ScalingConfig parameter for given event source mapping type.",
        ),
        ({"Topics": ["t"]}, "Unsupported Topics parameter for given event source mapping type."),
        ({"Tags": {"aws:x": "y"}}, "Reserved prefix in tag key: aws:"),
        ({"Tags": {str(n): "" for n in range(51)}}, "Number of tags exceeds resource tag limit."),
    ],
)  # fmt: skip
@in_loop
async def test_what_does_not_fit_is_refused(members: dict[str, Any], text: str) -> None:
    async with mapped_stream() as mapped:
        assert await refusal(mapped, InvalidParameterValueException, **members) == text
        assert mapped.mappings.all_current() == []


@in_loop
async def test_a_pair_of_stream_and_function_has_one_mapping() -> None:
    async with mapped_stream() as mapped:
        first = (await create(mapped))["UUID"]
        text = await refusal(mapped, ResourceConflictException, FunctionName=FUNCTION_ARN)
        assert text == (
            f'The event source arn (" {STREAM_ARN} ") and function (" count ") provided mapping '
            f"already exists. Please update or delete the existing mapping with UUID {first}"
        )
        await create(mapped, FunctionName="count:alias")
        await mapped.tick()
        await mapped.lambda_call("DeleteEventSourceMapping", UUID=first)
        await mapped.tick()
        await create(mapped)


@in_loop
async def test_a_mapping_that_is_created_disabled_is_disabled() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map(Enabled=False)
        assert (await mapped.state(uuid))["State"] == "Disabled"
        await mapped.put("a")
        assert mapped.functions.batches == []


@in_loop
async def test_each_change_of_state_takes_its_time() -> None:
    async with mapped_stream(transition_ms=500) as mapped:
        await mapped.tick(500)
        uuid = (await create(mapped))["UUID"]

        async def passes(state: str, next_state: str) -> None:
            assert (await mapped.state(uuid))["State"] == state
            await mapped.tick(499)
            assert (await mapped.state(uuid))["State"] == state
            await mapped.tick(1)
            assert (await mapped.state(uuid))["State"] == next_state

        await passes("Creating", "Enabled")
        answer = await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, BatchSize=7)
        assert (answer["State"], answer["BatchSize"]) == ("Updating", 7)
        await passes("Updating", "Enabled")
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
        await passes("Disabling", "Disabled")
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, BatchSize=8)
        await passes("Updating", "Disabled")
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=True)
        await passes("Enabling", "Enabled")
        answer = await mapped.lambda_call("DeleteEventSourceMapping", UUID=uuid)
        assert answer["State"] == "Deleting"
        await mapped.tick(499)
        assert (await mapped.state(uuid))["State"] == "Deleting"
        await mapped.tick(1)
        with pytest.raises(ResourceNotFoundException):
            await mapped.state(uuid)


@in_loop
async def test_a_transition_is_completed_after_a_restart() -> None:
    async with mapped_stream(transition_ms=500) as mapped:
        await mapped.tick(500)
        uuid = (await create(mapped))["UUID"]
        await mapped.put("a")
        await mapped.restart()
        assert (await mapped.state(uuid))["State"] == "Creating"
        await mapped.tick(500)
        assert (await mapped.state(uuid))["State"] == "Enabled"
        assert mapped.functions.batches == [["a"]]


@in_loop
async def test_a_mapping_in_transition_is_neither_changed_nor_deleted() -> None:
    async with mapped_stream(transition_ms=500) as mapped:
        await mapped.tick(500)
        uuid = (await create(mapped))["UUID"]
        with pytest.raises(ResourceInUseException, match=r"^Cannot update the event source mapping"):
            await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, BatchSize=7)
        with pytest.raises(ResourceInUseException, match=r"^Cannot delete the event source mapping"):
            await mapped.lambda_call("DeleteEventSourceMapping", UUID=uuid)


@in_loop
async def test_an_update_changes_only_what_it_names() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map(BatchSize=7, MaximumRetryAttempts=3)
        before = await mapped.state(uuid)
        await mapped.tick(1_000)
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, MaximumRetryAttempts=-1)
        await mapped.tick()
        after = await mapped.state(uuid)
        assert after == before | {"MaximumRetryAttempts": -1, "LastModified": after["LastModified"]}
        assert after["LastModified"].ms > before["LastModified"].ms


@in_loop
async def test_filters_and_destinations_can_be_taken_away() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map(
            FilterCriteria={"Filters": [{"Pattern": '{"data": ["x"]}'}]},
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::bucket"}},
            KMSKeyArn="arn:aws:kms:eu-central-1:123456789012:key/1",
        )
        await mapped.lambda_call(
            "UpdateEventSourceMapping",
            UUID=uuid,
            FilterCriteria={},
            DestinationConfig={"OnFailure": {}},
            KMSKeyArn="",
        )
        await mapped.tick()
        answer = await mapped.state(uuid)
        assert answer["DestinationConfig"] == {"OnFailure": {}}
        assert not {"FilterCriteria", "KMSKeyArn"} & answer.keys()
        await mapped.put("y")
        assert mapped.functions.batches == [["y"]]


@in_loop
async def test_a_mapping_can_get_another_function_but_not_one_that_has_the_stream_already() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map()
        mapped.functions.functions["other"] = mapped.functions.functions["third"] = succeed
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, FunctionName="other")
        await mapped.tick()
        assert (await mapped.state(uuid))["FunctionArn"].endswith(":function:other")
        second = await mapped.map()
        with pytest.raises(ResourceConflictException):
            await mapped.lambda_call("UpdateEventSourceMapping", UUID=second, FunctionName="other")
        with pytest.raises(InvalidParameterValueException, match="Function does not exist"):
            await mapped.lambda_call("UpdateEventSourceMapping", UUID=second, FunctionName="missing")
        with pytest.raises(InvalidParameterValueException, match="Unsupported ScalingConfig"):
            await mapped.lambda_call(
                "UpdateEventSourceMapping", UUID=second, ScalingConfig={"MaximumConcurrency": 2}
            )


@in_loop
async def test_what_does_not_exist_is_not_found() -> None:
    async with mapped_stream() as mapped:
        for name in ("GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping"):
            with pytest.raises(ResourceNotFoundException) as refused:
                await mapped.lambda_call(name, UUID="2b733dcc-8ac3-4df5-af3a-1827b3b11284")
            assert refused.value.message == "The resource you requested does not exist."


@in_loop
async def test_mappings_belong_to_their_account_and_region() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map()
        operations = mapping_operations(mapped.mappings)
        other = Caller("123456789012", "us-east-1")
        with pytest.raises(ResourceNotFoundException):
            await operations["GetEventSourceMapping"](other, {"UUID": uuid})
        assert await operations["ListEventSourceMappings"](other, {}) == {"EventSourceMappings": []}


@in_loop
async def test_mappings_are_listed_by_stream_by_function_and_in_pages() -> None:
    async with mapped_stream() as mapped:
        await mapped.call("CreateStream", StreamName="other", ShardCount=1)
        await mapped.tick()
        other_arn = STREAM_ARN.replace(STREAM, "other")
        ids = {
            (arn, name): (await create(mapped, EventSourceArn=arn, FunctionName=name))["UUID"]
            for arn in (STREAM_ARN, other_arn)
            for name in ("count", "count:alias")
        }

        async def listed(**members: Any) -> list[str]:
            answer = await mapped.lambda_call("ListEventSourceMappings", **members)
            assert "NextMarker" not in answer
            return [mapping["UUID"] for mapping in answer["EventSourceMappings"]]

        assert sorted(await listed()) == sorted(ids.values())
        by_stream = {uuid for (arn, _), uuid in ids.items() if arn == other_arn}
        assert set(await listed(EventSourceArn=other_arn)) == by_stream
        by_function = {uuid for (_, name), uuid in ids.items() if name == "count"}
        assert set(await listed(FunctionName="count")) == by_function
        assert await listed(FunctionName="count", EventSourceArn=STREAM_ARN) == [ids[STREAM_ARN, "count"]]
        assert await listed(FunctionName="missing") == []
        function = mapped.functions.functions.pop("count")
        assert set(await listed(FunctionName="count")) == by_function
        mapped.functions.functions["count"] = function

        pages: list[str] = []
        marker: dict[str, str] = {}
        while True:
            answer = await mapped.lambda_call("ListEventSourceMappings", MaxItems=3, **marker)
            pages += [mapping["UUID"] for mapping in answer["EventSourceMappings"]]
            if "NextMarker" not in answer:
                break
            marker = {"Marker": answer["NextMarker"]}
        assert pages == sorted(ids.values())
        with pytest.raises(InvalidParameterValueException):
            await mapped.lambda_call("ListEventSourceMappings", Marker="?")


@in_loop
async def test_filters_under_a_key_are_shown_one_by_one_but_not_in_lists() -> None:
    async with mapped_stream() as mapped:
        criteria = {"Filters": [{"Pattern": '{"data": ["x"]}'}]}
        uuid = await mapped.map(
            FilterCriteria=criteria, KMSKeyArn="arn:aws:kms:eu-central-1:123456789012:key/1"
        )
        assert (await mapped.state(uuid))["FilterCriteria"] == criteria
        (listed,) = (await mapped.lambda_call("ListEventSourceMappings"))["EventSourceMappings"]
        assert "FilterCriteria" not in listed


@in_loop
async def test_mappings_have_tags() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map(Tags={"team": "a"})
        arn = (await mapped.state(uuid))["EventSourceMappingArn"]
        await tag_mapping(mapped.mappings, CALLER, arn, {"stage": "test", "team": "b"})
        assert tags_of(mapped.mappings, CALLER, arn) == {"team": "b", "stage": "test"}
        await untag_mapping(mapped.mappings, CALLER, arn, ["team", "unknown"])
        await mapped.restart()
        assert tags_of(mapped.mappings, CALLER, arn) == {"stage": "test"}
        with pytest.raises(InvalidParameterValueException):
            await tag_mapping(mapped.mappings, CALLER, arn, {str(n): "" for n in range(50)})
        with pytest.raises(ResourceNotFoundException):
            tags_of(mapped.mappings, CALLER, arn[:-1] + "x")


@in_loop
async def test_a_reset_forgets_every_mapping() -> None:
    async with mapped_stream() as mapped:
        await mapped.map()
        await mapped.put("a")
        await mapped.mappings.reset()
        assert mapped.mappings.all_current() == []
        await mapped.put("b")
        assert mapped.functions.batches == [["a"]]
        await mapped.settle()
        assert not [key for key in mapped.store.metadata() if key.startswith("lambda-")]
