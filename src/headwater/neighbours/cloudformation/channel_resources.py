"""CloudFormation's resource type of channels, as a sequence of Kinesis operations.

What is said of the types of streams (`stream_resources`) holds here too.

Rules:
- a channel is ACTIVE before its stack goes on, and gone before its name or stream is needed again; one that
  has failed is a failure of its stack, with its reason;
- freshness and logging are updated; what a template no longer has goes back to what a new channel has.

Refuses to know stacks and templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.model.errors import InvalidArgumentException
from headwater.neighbours.cloudformation.resting import attributes_of, delete_at_rest, described_at_rest
from headwater.neighbours.cloudformation.stream_resources import (
    Kinesis,
    Properties,
    Resource,
    ResourceType,
    change_tags,
    current_kinesis,
    tags_of,
)

CHANNEL_TYPE = "AWS::Kinesis::Channel"
DESTINATIONS = ("S3DestinationConfiguration", "S3TablesDestinationConfiguration")
FRESHNESS = "DataFreshnessInSeconds"
FRESHNESS_S = 300
LOGGING = "LoggingConfiguration"
NO_LOGGING: Mapping[str, Any] = {"CloudWatchLogs": {"Enabled": False}}
"""What a channel has without one."""


def create_channel(kinesis: Kinesis, _name: str, properties: Properties) -> Resource:
    """A channel, once it is ACTIVE."""
    for configuration in properties["StreamConfigurationList"]:
        kinesis.stream(configuration["StreamARN"])
    members = {
        member: properties.get(member)
        for member in ("EncryptionConfiguration", LOGGING, *DESTINATIONS, "ServiceExecutionRoleARN")
    }
    created = kinesis(
        "CreateChannel",
        ChannelName=properties["ChannelName"],
        StreamConfigurationList=properties["StreamConfigurationList"],
        Tags=tags_of(properties),
        **members,
    )
    return _at_rest(kinesis, created["ChannelDescription"]["ChannelARN"])


def _at_rest(kinesis: Kinesis, channel_arn: str) -> Resource:
    """The channel when it is ACTIVE.

    Raises InvalidArgumentException with the reason of one that has failed, which is deleted, and
    InternalFailureException if it does not come to rest.
    """
    described = described_at_rest(kinesis, "Channel", channel_arn, ("ACTIVE", "FAILED"))
    if described["ChannelStatus"] == "FAILED":
        delete_channel(kinesis, Resource(channel_arn, {}))
        raise InvalidArgumentException(described.get("ChannelStatusReason", f"{channel_arn} has failed."))
    attributes = attributes_of("Channel", described)
    return Resource(channel_arn, {**attributes, "ChannelId": described["ChannelId"]})


def update_channel(kinesis: Kinesis, channel: Resource, before: Properties, after: Properties) -> Resource:
    """Freshness, logging and tags, each if it differs. Raises as `_at_rest` does."""
    changed: dict[str, Any] = {}
    destination = next(member for member in DESTINATIONS if member in after)
    old, new = (each.get(destination, {}).get(FRESHNESS, FRESHNESS_S) for each in (before, after))
    if old != new:
        changed[destination] = {FRESHNESS: new}
    if before.get(LOGGING) != after.get(LOGGING):
        changed[LOGGING] = after.get(LOGGING, NO_LOGGING)
    if changed:
        _at_rest(kinesis, channel.identifier)
        kinesis("UpdateChannel", ChannelARN=channel.identifier, **changed)
    change_tags(kinesis, channel.identifier, before, after)
    return _at_rest(kinesis, channel.identifier)


def delete_channel(kinesis: Kinesis, channel: Resource) -> None:
    """And wait until it is gone. Raises InternalFailureException if that takes too long."""
    delete_at_rest(kinesis, "Channel", channel.identifier)


CHANNEL_TYPES: dict[str, ResourceType] = {
    CHANNEL_TYPE: ResourceType(
        frozenset({"ChannelARN", "ChannelCreationTimestamp", "ChannelId", "ChannelStatus"}),
        "",
        create_channel,
        update_channel,
        delete_channel,
        current_kinesis,
    ),
}
