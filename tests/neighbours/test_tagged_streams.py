"""The tagging API lists Headwater's streams, consumers and queues, and changes their tags."""

from __future__ import annotations

from typing import Any

from tests.client.queues.queues import new_queue
from tests.neighbours.conftest import ClientOf


def test_streams_and_consumers_are_listed_by_tag_and_type_and_tagged(client_of: ClientOf) -> None:
    kinesis, tagging = client_of("kinesis"), client_of("resourcegroupstaggingapi")
    kinesis.create_stream(StreamName="tagged", ShardCount=1, Tags={"team": "orders"})
    kinesis.get_waiter("stream_exists").wait(StreamName="tagged", WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream_summary(StreamName="tagged")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c", Tags={"team": "orders"})

    def found(**filters: Any) -> set[str]:
        listed = tagging.get_resources(**filters)["ResourceTagMappingList"]
        return {each["ResourceARN"] for each in listed}

    of_team = {"TagFilters": [{"Key": "team", "Values": ["orders"]}]}
    consumer_arn = consumer["Consumer"]["ConsumerARN"]
    assert found(**of_team) == {arn, consumer_arn}
    assert found(**of_team, ResourceTypeFilters=["kinesis:stream"]) == {arn}
    assert arn in found(ResourceTypeFilters=["kinesis"])
    assert found(TagFilters=[{"Key": "team", "Values": ["payments"]}]) == set()

    missing = arn.replace("tagged", "missing")
    failed = tagging.tag_resources(ResourceARNList=[arn, missing], Tags={"stage": "test"})
    assert set(failed["FailedResourcesMap"]) == {missing}
    assert found(TagFilters=[{"Key": "stage"}]) == {arn}
    assert {"team", "stage"} <= set(tagging.get_tag_keys()["TagKeys"])
    assert "orders" in tagging.get_tag_values(Key="team")["TagValues"]
    tagging.untag_resources(ResourceARNList=[arn], TagKeys=["stage"])
    assert found(TagFilters=[{"Key": "stage"}]) == set()


def test_queues_are_listed_by_tag_and_type_and_tagged(client_of: ClientOf) -> None:
    kinesis, tagging = client_of("kinesis"), client_of("resourcegroupstaggingapi")
    queue = new_queue(kinesis)
    stream = kinesis.describe_queue(QueueARN=queue)["QueueDescription"]["StreamConfigurationList"][0]
    tags = {"stage": "queues"}
    tagging.tag_resources(ResourceARNList=[queue, stream["StreamARN"]], Tags=tags)
    assert kinesis.list_tags_for_resource(ResourceARN=queue)["Tags"] == [{"Key": "stage", "Value": "queues"}]
    of_stage = {"TagFilters": [{"Key": "stage", "Values": ["queues"]}]}
    listed = tagging.get_resources(**of_stage, ResourceTypeFilters=["kinesis:queue"])
    assert [each["ResourceARN"] for each in listed["ResourceTagMappingList"]] == [queue]
