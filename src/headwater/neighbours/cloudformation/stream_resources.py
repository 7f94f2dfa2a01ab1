"""CloudFormation's resource types for streams, as sequences of Kinesis operations.

`RESOURCE_TYPES` is the table. Their properties are those of the published schemas, which
`published_schemas` holds a template against before anything here runs.

Rules:
- a resource is an identifier (what `Ref` gives) and attributes (what `Fn::GetAtt` gives);
- an update gives the resource as it is afterwards; a change of a property that the schema calls
  create-only never comes here: it is a creation, and the deletion of what was before;
- what differs between the properties before and after is changed, and nothing else: what somebody
  has changed by hand stays; a change that was done already is not done again;
- to delete what is gone succeeds.

Refuses to know stacks and templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from headwater.model.arn import StreamName, stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, ResourceNotFoundException
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.calls.kinesis import StreamCalls
from headwater.neighbours.calls.waiting import look_again_later

Properties = Mapping[str, Any]

RETENTION_HOURS = 24
MAX_RECORD_SIZE_KIB = 1024
MODE = "PROVISIONED"
STRATEGY = "USER_PARTITION_KEY"
SUFFIX_LENGTH = 13
"""Of a made name: what makes it one of its own."""
SHARD_FACTOR_MAX = 2
"""UpdateShardCount doubles or halves at most, so a larger change takes several."""


class Resource(NamedTuple):
    """A resource that a stack has made."""

    identifier: str
    attributes: Mapping[str, Any]


class Kinesis(NamedTuple):
    """The operations, as the stack's owner calls them."""

    calls: StreamCalls
    caller: Caller

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        """An operation's answer. Raises its error."""
        return self.calls.call(self.caller, operation, **members)

    def stream(self, stream_arn: str) -> dict[str, Any]:
        """The summary of a stream at rest."""
        return self.calls.stream(self.caller, stream_arn)


class ResourceType(NamedTuple):
    """One of CloudFormation's types."""

    attributes: frozenset[str]
    """For `Fn::GetAtt`; those of the documentation are more than the schema's."""

    name_property: str
    """What CloudFormation makes a name for when a template gives none; empty without such a property."""
    create: Callable[[Any, str, Properties], Resource]
    update: Callable[[Any, Resource, Properties, Properties], Resource]
    """Takes the properties before and after."""
    delete: Callable[[Any, Resource], None]
    service: Callable[[Caller], Any]
    """What these three are given first: the operations, as a caller's."""


def current_kinesis(caller: Caller) -> Kinesis:
    """The Kinesis of the server whose request this thread works at."""
    return Kinesis(CURRENT_SERVER.get().kinesis, caller)


def tags_of(properties: Properties) -> dict[str, str] | None:
    """The tags of a template as the operations take them."""
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())} or None


def shortened(name: str, length_max: int) -> str:
    """A made name for a service that takes shorter ones; its end stays."""
    if len(name) <= length_max:
        return name
    return name[: length_max - SUFFIX_LENGTH] + name[-SUFFIX_LENGTH:]


def create_stream(kinesis: Kinesis, name: str, properties: Properties) -> Resource:
    """Create the stream, then do what CreateStream cannot; if that fails, the stream is deleted."""
    _check_shard_count(properties)
    kinesis(
        "CreateStream",
        StreamName=name,
        ShardCount=properties.get("ShardCount"),
        StreamModeDetails=properties.get("StreamModeDetails"),
        Tags=tags_of(properties),
        MaxRecordSizeInKiB=properties.get("MaxRecordSizeInKiB"),
        WarmThroughputMiBps=properties.get("WarmThroughputMiBps"),
        RecordDistributionStrategy=properties.get("RecordDistributionStrategy"),
    )
    arn = stream_arn(StreamName(kinesis.caller.account_id, kinesis.caller.region, name))
    made = Resource(name, {"Arn": arn})
    created_with = {
        key: properties[key]
        for key in (
            "ShardCount",
            "StreamModeDetails",
            "Tags",
            "MaxRecordSizeInKiB",
            "WarmThroughputMiBps",
            "RecordDistributionStrategy",
        )
        if key in properties
    }
    try:
        return update_stream(kinesis, made, created_with, properties)
    except Exception:
        delete_stream(kinesis, made)
        raise


def update_stream(kinesis: Kinesis, stream: Resource, before: Properties, after: Properties) -> Resource:
    """Each property that differs, by its operation, the stream at rest before each."""
    _check_shard_count(after)
    arn = stream.attributes["Arn"]
    kinesis.stream(arn)
    for change in (
        _change_mode,
        _change_shard_count,
        _change_retention,
        _change_encryption,
        _change_metrics,
        _change_rest,
        change_tags,
    ):
        change(kinesis, arn, before, after)
        kinesis.stream(arn)
    warm = kinesis.stream(arn).get("WarmThroughput", {})
    attributes = {f"WarmThroughputObject.{name}": value for name, value in warm.items()}
    return Resource(stream.identifier, {"Arn": arn, **attributes})


def _check_shard_count(properties: Properties) -> None:
    if _mode(properties) == "ON_DEMAND" and "ShardCount" in properties:
        raise InvalidArgumentException("ShardCount is not expected when StreamMode=ON_DEMAND")


def _mode(properties: Properties) -> str:
    return str(properties.get("StreamModeDetails", {}).get("StreamMode", MODE))


def _change_mode(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    present = kinesis.stream(arn)["StreamModeDetails"]["StreamMode"]
    if _mode(before) != _mode(after) != present:
        kinesis("UpdateStreamMode", StreamARN=arn, StreamModeDetails={"StreamMode": _mode(after)})


def _change_shard_count(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    wanted = after.get("ShardCount")
    if _mode(after) != MODE or wanted is None or wanted == before.get("ShardCount"):
        return
    while (present := kinesis.stream(arn)["OpenShardCount"]) != wanted:
        lowest = -(-present // SHARD_FACTOR_MAX)
        target = min(max(wanted, lowest), present * SHARD_FACTOR_MAX)
        kinesis("UpdateShardCount", StreamARN=arn, TargetShardCount=target, ScalingType="UNIFORM_SCALING")


def _change_retention(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    if before.get("RetentionPeriodHours") == after.get("RetentionPeriodHours"):
        return
    present = kinesis.stream(arn)["RetentionPeriodHours"]
    wanted = after.get("RetentionPeriodHours", RETENTION_HOURS)
    if wanted != present:
        operation = "Increase" if wanted > present else "Decrease"
        kinesis(f"{operation}StreamRetentionPeriod", StreamARN=arn, RetentionPeriodHours=wanted)


def _change_encryption(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    old, new = before.get("StreamEncryption"), after.get("StreamEncryption")
    if old == new:
        return
    present = kinesis.stream(arn)
    if new is not None:
        kinesis("StartStreamEncryption", StreamARN=arn, **new)
    elif present["EncryptionType"] != "NONE":
        kinesis("StopStreamEncryption", StreamARN=arn, EncryptionType="KMS", KeyId=present["KeyId"])


def _change_metrics(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    if before.get("DesiredShardLevelMetrics") == after.get("DesiredShardLevelMetrics"):
        return
    monitoring = kinesis.stream(arn)["EnhancedMonitoring"]
    present = {name for each in monitoring for name in each["ShardLevelMetrics"]}
    wanted = set(after.get("DesiredShardLevelMetrics", ()))
    if present - wanted and "ALL" not in wanted:
        kinesis("DisableEnhancedMonitoring", StreamARN=arn, ShardLevelMetrics=sorted(present - wanted))
        kinesis.stream(arn)
    if wanted - present:
        kinesis("EnableEnhancedMonitoring", StreamARN=arn, ShardLevelMetrics=sorted(wanted - present))


def _change_rest(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    for name, default, operation in (
        ("MaxRecordSizeInKiB", MAX_RECORD_SIZE_KIB, "UpdateMaxRecordSize"),
        ("WarmThroughputMiBps", None, "UpdateStreamWarmThroughput"),
        ("RecordDistributionStrategy", STRATEGY, "UpdateStreamRecordDistributionStrategy"),
    ):
        wanted = after.get(name, default)
        if wanted is not None and wanted != before.get(name, default):
            kinesis(operation, StreamARN=arn, **{name: wanted})
            kinesis.stream(arn)


def change_tags(kinesis: Kinesis, arn: str, before: Properties, after: Properties) -> None:
    """Take away and set what differs."""
    old, new = tags_of(before) or {}, tags_of(after) or {}
    gone = sorted(old.keys() - new.keys())
    if gone:
        kinesis("UntagResource", ResourceARN=arn, TagKeys=gone)
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if changed:
        kinesis("TagResource", ResourceARN=arn, Tags=changed)


def delete_stream(kinesis: Kinesis, stream: Resource) -> None:
    """With its consumers, and wait until it is gone, so that its name is free."""
    arn = stream.attributes["Arn"]
    try:
        kinesis.stream(arn)
        kinesis("DeleteStream", StreamARN=arn, EnforceConsumerDeletion=True)
        kinesis.stream(arn)  # which waits while it is DELETING
    except ResourceNotFoundException:
        return


def register_consumer(kinesis: Kinesis, name: str, properties: Properties) -> Resource:
    """A consumer, once it is ACTIVE."""
    stream_arn = properties["StreamARN"]
    kinesis.stream(stream_arn)
    consumer = kinesis(
        "RegisterStreamConsumer",
        StreamARN=stream_arn,
        ConsumerName=properties.get("ConsumerName", name),
        Tags=tags_of(properties),
    )["Consumer"]
    return _described_consumer(kinesis, consumer["ConsumerARN"])


def _described_consumer(kinesis: Kinesis, consumer_arn: str) -> Resource:
    while True:
        described = kinesis("DescribeStreamConsumer", ConsumerARN=consumer_arn)["ConsumerDescription"]
        if described["ConsumerStatus"] == "ACTIVE":
            break
        look_again_later()
    attributes = {
        "ConsumerARN": consumer_arn,
        "ConsumerCreationTimestamp": str(int(described["ConsumerCreationTimestamp"].ms // 1000)),
        "ConsumerName": described["ConsumerName"],
        "ConsumerStatus": described["ConsumerStatus"],
        "StreamARN": described["StreamARN"],
    }
    return Resource(consumer_arn, attributes)


def keep(_kinesis: Kinesis, resource: Resource, _before: Properties, _after: Properties) -> Resource:
    """The update of a type whose properties are all create-only: nothing."""
    return resource


def deregister_consumer(kinesis: Kinesis, consumer: Resource) -> None:
    """And wait until it is gone, so that its name is free."""
    try:
        kinesis("DeregisterStreamConsumer", ConsumerARN=consumer.identifier)
        while True:
            kinesis("DescribeStreamConsumer", ConsumerARN=consumer.identifier)
            look_again_later()
    except ResourceNotFoundException:
        return


def put_policy(kinesis: Kinesis, _name: str, properties: Properties) -> Resource:
    """The policy of a stream or consumer."""
    arn = properties["ResourceArn"]
    policy = properties["ResourcePolicy"]
    text = policy if isinstance(policy, str) else msgspec.json.encode(policy).decode()
    kinesis("PutResourcePolicy", ResourceARN=arn, Policy=text)
    return Resource(arn, {"ResourceArn": arn})


def update_policy(kinesis: Kinesis, policy: Resource, _before: Properties, after: Properties) -> Resource:
    """The new one takes the place of the old one."""
    return put_policy(kinesis, policy.identifier, after)


def delete_policy(kinesis: Kinesis, policy: Resource) -> None:
    """The stream or consumer may have gone already."""
    try:
        kinesis("DeleteResourcePolicy", ResourceARN=policy.identifier)
    except ResourceNotFoundException:
        return


STREAM_ATTRIBUTES = frozenset(
    {"Arn", "WarmThroughputObject", "WarmThroughputObject.CurrentMiBps", "WarmThroughputObject.TargetMiBps"}
)
CONSUMER_ATTRIBUTES = frozenset(
    {"ConsumerARN", "ConsumerCreationTimestamp", "ConsumerName", "ConsumerStatus", "StreamARN"}
)

RESOURCE_TYPES: dict[str, ResourceType] = {
    "AWS::Kinesis::Stream": ResourceType(
        STREAM_ATTRIBUTES, "Name", create_stream, update_stream, delete_stream, current_kinesis
    ),
    "AWS::Kinesis::StreamConsumer": ResourceType(
        CONSUMER_ATTRIBUTES, "", register_consumer, keep, deregister_consumer, current_kinesis
    ),
    "AWS::Kinesis::ResourcePolicy": ResourceType(
        frozenset(), "", put_policy, update_policy, delete_policy, current_kinesis
    ),
}
"""The types that live in Headwater's engine."""
