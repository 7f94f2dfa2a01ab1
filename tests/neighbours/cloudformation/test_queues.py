"""CloudFormation for queues, by the real SDK."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.neighbours.cloudformation.published_schemas import readable
from headwater.neighbours.cloudformation.queue_resources import QUEUE_TYPES
from headwater.testing import Headwater
from tests.neighbours.cloudformation.test_streams import Document, Stacks, attribute, stream
from tests.neighbours.conftest import ClientOf

QUEUE = "AWS::Kinesis::Queue"
JOBS = stream(Name="jobs", StreamModeDetails={"StreamMode": "ON_DEMAND"})


@pytest.fixture
def stacks(headwater: Headwater, client_of: ClientOf) -> Iterator[Stacks]:
    yield Stacks(client_of)
    headwater.reset()


def queue(start: Document | None = None, **properties: Any) -> Document:
    configuration: Document = {"StreamARN": attribute("Jobs", "Arn")}
    if start is not None:
        configuration["StartingPosition"] = start
    return {"Type": QUEUE, "Properties": {"StreamConfigurationList": [configuration], **properties}}


def described(stacks: Stacks, logical: str = "Work") -> Document:
    shown: Document = stacks.kinesis.describe_queue(QueueARN=stacks.physical(logical))["QueueDescription"]
    return shown


def built_in(count: int) -> Document:
    return {"TargetType": "BUILT_IN", "MaxReceiveCount": count}


def names(stacks: Stacks) -> list[str]:
    return [each["QueueName"] for each in stacks.kinesis.list_queues()["QueueSummaries"]]


def test_a_queue_has_every_property_of_its_schema(stacks: Stacks) -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    properties = {
        "QueueName": "work",
        "QueueAttributes": {"VisibilityTimeoutSeconds": "60", "DeadLetterConfiguration": built_in(3)},
        "Tags": [{"Key": "team", "Value": "blue"}],
    }
    start = {"Type": "AT_TIMESTAMP", "Timestamp": moment.isoformat()}
    shown = stacks.create({"Work": queue(start, **properties), "Jobs": JOBS})
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.reasons("CREATE_FAILED")
    made = described(stacks)
    assert (made["QueueName"], made["QueueStatus"]) == ("work", "ACTIVE")
    assert made["QueueAttributes"] == {
        "VisibilityTimeoutSeconds": 60,
        "DeadLetterConfiguration": built_in(3),
    }
    (configuration,) = made["StreamConfigurationList"]
    assert configuration["StreamARN"] == stacks.summary("jobs")["StreamARN"]
    assert configuration["StartingPosition"]["Type"] == "AT_TIMESTAMP"
    tags = stacks.kinesis.list_tags_for_resource(ResourceARN=made["QueueARN"])["Tags"]
    assert tags == [{"Key": "team", "Value": "blue"}]


def test_a_queue_is_known_by_its_arn(stacks: Stacks) -> None:
    attributes = ("Arn", "QueueARN", "QueueStatus", "QueueCreationTimestamp")
    outputs = {name: {"Value": attribute("Work", name)} for name in attributes}
    stacks.create({"Work": queue(), "Jobs": JOBS}, template={"Outputs": outputs})
    made, shown = described(stacks), stacks.outputs()
    assert made["QueueName"].startswith("stack-Work-")
    assert shown["Arn"] == shown["QueueARN"] == made["QueueARN"]
    assert shown["QueueStatus"] == "ACTIVE"
    assert shown["QueueCreationTimestamp"] == str(int(made["QueueCreationTimestamp"].timestamp()))


def test_attributes_and_tags_are_updated_in_their_place(stacks: Stacks) -> None:
    attributes = {"VisibilityTimeoutSeconds": 60, "DeadLetterConfiguration": built_in(3)}
    tags = [{"Key": "team", "Value": "blue"}]
    stacks.create({"Work": queue(QueueAttributes=attributes, Tags=tags), "Jobs": JOBS})
    before = stacks.physical("Work")
    fewer = {"DeadLetterConfiguration": {"TargetType": "NONE"}}
    stacks.update({"Work": queue(QueueAttributes=fewer), "Jobs": JOBS})
    assert stacks.physical("Work") == before
    assert described(stacks)["QueueStatus"] == "ACTIVE"
    # What the template no longer gives is what a new queue has.
    assert described(stacks)["QueueAttributes"] == {"VisibilityTimeoutSeconds": 30, **fewer}
    assert stacks.kinesis.list_tags_for_resource(ResourceARN=before)["Tags"] == []
    stacks.update({"Work": queue(), "Jobs": JOBS})
    assert described(stacks)["QueueAttributes"]["DeadLetterConfiguration"] == built_in(6)


def test_a_new_name_or_start_is_a_new_queue(stacks: Stacks) -> None:
    stacks.create({"Work": queue(QueueName="old"), "Jobs": JOBS})
    stacks.update({"Work": queue(QueueName="new"), "Jobs": JOBS})
    assert names(stacks) == ["new"]
    stacks.update({"Work": queue({"Type": "TRIM_HORIZON"}, QueueName="newer"), "Jobs": JOBS})
    assert names(stacks) == ["newer"]
    # With its name kept, the new one meets the old one.
    stacks.update({"Work": queue(QueueName="newer"), "Jobs": JOBS})
    assert stacks.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert "Queue newer under account 000000000000 already exists" in stacks.reasons("UPDATE_FAILED")[0]
    assert names(stacks) == ["newer"]


def test_a_replaced_stream_takes_its_queue_along(stacks: Stacks) -> None:
    stacks.create({"Work": queue(), "Jobs": JOBS})
    before = stacks.physical("Work")
    renamed = stream(Name="errands", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    shown = stacks.update({"Work": queue(), "Jobs": renamed})
    assert shown["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.physical("Work") != before
    assert stacks.streams() == ["errands"]


def test_a_queue_goes_before_its_stream_and_may_have_gone_before(stacks: Stacks) -> None:
    stack_id = stacks.create({"Work": queue(), "More": queue(), "Jobs": JOBS})["StackId"]
    stacks.kinesis.delete_queue(QueueARN=stacks.physical("More"))
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.status(stack_id) == "DELETE_COMPLETE"
    assert (names(stacks), stacks.streams()) == ([], [])


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ({"Jobs": stream(Name="jobs", ShardCount=1), "Work": queue()}, "ON_DEMAND"),
        ({"Jobs": JOBS, "Work": queue(Colour="red")}, "extraneous key [Colour] is not permitted"),
        ({"Jobs": JOBS, "Work": queue(QueueARN="a")}, "extraneous key [QueueARN] is not permitted"),
        ({"Jobs": JOBS, "Work": queue({"Type": "MIDDLE"})}, "MIDDLE is not a valid enum value"),
        (
            {"Jobs": JOBS, "Work": queue(QueueAttributes={"DeadLetterConfiguration": {}})},
            "required key [TargetType] not found",
        ),
        ({"Jobs": JOBS, "Work": queue({"Type": "AT_TIMESTAMP"})}, "Timestamp is required"),
        ({"Jobs": JOBS, "Work": queue({"Type": "AT_TIMESTAMP", "Timestamp": "noon"})}, "noon is no time"),
    ],
)
def test_a_queue_that_cannot_be_is_the_reason_of_the_failure(
    stacks: Stacks, resources: Document, reason: str
) -> None:
    assert stacks.create(resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in stacks.reasons("CREATE_FAILED")[0]
    assert (names(stacks), stacks.streams()) == ([], [])


def test_every_attribute_of_the_schema_is_known() -> None:
    for type_name, kind in QUEUE_TYPES.items():
        assert readable(type_name) <= kind.attributes
