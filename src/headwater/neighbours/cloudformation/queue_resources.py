"""CloudFormation's resource type of queues, as a sequence of Kinesis operations.

What is said of the types of streams (`stream_resources`) holds here too.

Rules:
- a queue is ACTIVE before its stack goes on, and gone before its name or stream is needed again;
- attributes that a template no longer has go back to what CreateQueue gives without them;
- dead letters and acknowledgements stay through an update, and go with a replacement.

Refuses to know stacks and templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from headwater.model.errors import ValidationException
from headwater.neighbours.cloudformation.queue_schema import QUEUE_TYPE
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

ATTRIBUTES: Mapping[str, Any] = {
    "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 6},
    "VisibilityTimeoutSeconds": 30,
}
"""What a queue has without them."""


def create_queue(kinesis: Kinesis, name: str, properties: Properties) -> Resource:
    """A queue, once it is ACTIVE."""
    configurations = properties["StreamConfigurationList"]
    for configuration in configurations:
        kinesis.stream(configuration["StreamARN"])
    created = kinesis(
        "CreateQueue",
        QueueName=properties.get("QueueName", name),
        StreamConfigurationList=[_with_instant(each) for each in configurations],
        QueueAttributes=properties.get("QueueAttributes"),
        Tags=tags_of(properties),
    )
    return _at_rest(kinesis, created["QueueDescription"]["QueueARN"])


def _with_instant(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as CreateQueue takes it: the time in seconds."""
    start = configuration.get("StartingPosition", {})
    if "Timestamp" not in start:
        return dict(configuration)
    return {**configuration, "StartingPosition": {**start, "Timestamp": _seconds(start["Timestamp"])}}


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationException(f"Timestamp {text} is no time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _at_rest(kinesis: Kinesis, queue_arn: str) -> Resource:
    """The queue when it is ACTIVE. Raises InternalFailureException if it does not become so."""
    attributes = attributes_of("Queue", described_at_rest(kinesis, "Queue", queue_arn))
    return Resource(queue_arn, {**attributes, "Arn": queue_arn})


def update_queue(kinesis: Kinesis, queue: Resource, before: Properties, after: Properties) -> Resource:
    """Attributes and tags, each if it differs."""
    old, new = ({**ATTRIBUTES, **each.get("QueueAttributes", {})} for each in (before, after))
    changed = {name: value for name, value in new.items() if value != old[name]}
    if changed:
        _at_rest(kinesis, queue.identifier)
        kinesis("UpdateQueue", QueueARN=queue.identifier, QueueAttributes=changed)
    change_tags(kinesis, queue.identifier, before, after)
    return _at_rest(kinesis, queue.identifier)


def delete_queue(kinesis: Kinesis, queue: Resource) -> None:
    """And wait until it is gone. Raises InternalFailureException if that takes too long."""
    delete_at_rest(kinesis, "Queue", queue.identifier)


QUEUE_TYPES: dict[str, ResourceType] = {
    QUEUE_TYPE: ResourceType(
        frozenset({"Arn", "QueueARN", "QueueCreationTimestamp", "QueueStatus"}),
        "QueueName",
        create_queue,
        update_queue,
        delete_queue,
        current_kinesis,
    ),
}
