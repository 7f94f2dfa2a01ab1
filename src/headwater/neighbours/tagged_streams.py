"""Headwater's streams, consumers, queues and channels in the Resource Groups Tagging API.

Moto asks each of its services for what is tagged; its own Kinesis has nothing.

Refuses to know how tags are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core import resource_tagging
from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource
from moto.resourcegroupstaggingapi import models

from headwater.model.arn import parse_channel_arn, parse_consumer_arn, parse_queue_arn, parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.neighbours.calls.current import CURRENT_SERVER

STREAM_TYPE = "kinesis:stream"
CONSUMER_TYPE = "kinesis:stream/consumer"
QUEUE_TYPE = "kinesis:queue"
CHANNEL_TYPE = "kinesis:channel"
ARNS = (parse_stream_arn, parse_consumer_arn, parse_queue_arn, parse_channel_arn)
PAGE = 100


class TaggedStreams(TaggableResourcesMixin):
    """Those of one account and region."""

    SERVICE_NAMESPACE = "kinesis"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def owns_arn(self, arn: str) -> bool:
        """Whether an ARN is one of a stream, consumer, queue or channel."""
        return any(parse(arn) is not None for parse in ARNS)

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Every stream, consumer, queue and channel, with its tags."""
        kinesis = CURRENT_SERVER.get().kinesis
        for arn, kind in list(self._arns()):
            try:
                tags = kinesis.call(self._caller, "ListTagsForResource", ResourceARN=arn)["Tags"]
            except ResourceNotFoundException:
                continue
            yield TaggedResource(arn, {tag["Key"]: tag.get("Value", "") for tag in tags}, kind)

    def tag_resource(self, resource_arn: str, tags: dict[str, str]) -> None:
        """Add tags. Raises NotImplementedError, which moto tells as a failure of this resource."""
        self._change("TagResource", ResourceARN=resource_arn, Tags=tags)

    def untag_resource(self, resource_arn: str, tag_keys: list[str]) -> None:
        """Take tags away. Raises NotImplementedError, as above."""
        self._change("UntagResource", ResourceARN=resource_arn, TagKeys=tag_keys)

    def _change(self, operation: str, **members: Any) -> None:
        try:
            CURRENT_SERVER.get().kinesis.call(self._caller, operation, **members)
        except KinesisError as error:
            raise NotImplementedError(error.message) from error

    def _arns(self) -> Iterator[tuple[str, str]]:
        kinesis = CURRENT_SERVER.get().kinesis
        members: dict[str, Any] = {"Limit": PAGE}
        while True:
            answer = kinesis.call(self._caller, "ListStreams", **members)
            for summary in answer["StreamSummaries"]:
                yield summary["StreamARN"], STREAM_TYPE
                found = kinesis.call(self._caller, "ListStreamConsumers", StreamARN=summary["StreamARN"])
                yield from ((each["ConsumerARN"], CONSUMER_TYPE) for each in found["Consumers"])
            if not answer["HasMoreStreams"]:
                break
            members = {"Limit": PAGE, "NextToken": answer["NextToken"]}
        yield from ((each["QueueARN"], QUEUE_TYPE) for each in self._listed("ListQueues", "QueueSummaries"))
        for each in self._listed("ListChannels", "ChannelSummaries"):
            yield each["ChannelARN"], CHANNEL_TYPE

    def _listed(self, operation: str, member: str) -> Iterator[dict[str, Any]]:
        kinesis = CURRENT_SERVER.get().kinesis
        next_token: str | None = None
        while True:
            answer = kinesis.call(self._caller, operation, NextToken=next_token)
            yield from answer[member]
            next_token = answer.get("NextToken")
            if next_token is None:
                return


_taggable = resource_tagging.iter_taggable_backends


def iter_taggable_backends(account_id: str, region_name: str) -> Iterator[TaggableResourcesMixin]:
    """Moto's services but its Kinesis, and Headwater's."""
    for backend in _taggable(account_id, region_name):
        if backend.SERVICE_NAMESPACE != TaggedStreams.SERVICE_NAMESPACE:
            yield backend
    yield TaggedStreams(Caller(account_id, region_name))


def install() -> None:
    """Put it in."""
    vars(models)["iter_taggable_backends"] = iter_taggable_backends
