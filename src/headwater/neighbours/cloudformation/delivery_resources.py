"""CloudFormation's resource types of what puts records into streams or takes them out: rules, filters, pipes.

What is said of the types of streams (`stream_resources`) holds here too. The services are moto's, with what
Headwater has put into them, so that a template is refused what a request is.

Refuses to know stacks and templates, and what becomes of a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.events.exceptions import ResourceNotFoundException as RuleNotFound
from moto.events.models import EventsBackend, events_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.pipes.exceptions import NotFoundException as PipeNotFound
from moto.pipes.models import EventBridgePipesBackend, Pipe, pipes_backends

from headwater.model.caller import Caller
from headwater.neighbours.cloudformation.stream_resources import (
    Properties,
    Resource,
    ResourceType,
    shortened,
    tags_of,
)
from headwater.neighbours.logs.subscription_filters import BY_LOG_STREAM, subscribe
from headwater.neighbours.pipes.stream_pipes import require_valid

DEFAULT_BUS = "default"
NAME_CHARACTERS_MAX = 64
"""Of a rule and of a pipe."""


# Rules of EventBridge


def put_rule(caller: Caller, name: str, properties: Properties) -> Resource:
    """A rule with its targets; without a rule if a target is refused."""
    backend = _events(caller)
    name = properties.get("Name") or shortened(name, NAME_CHARACTERS_MAX)
    resource = _put_rule(backend, name, properties)
    try:
        _put_targets(backend, name, properties)
    except Exception:
        _remove_rule(backend, name, properties.get("EventBusName"))
        raise
    return resource


def update_rule(caller: Caller, rule: Resource, before: Properties, after: Properties) -> Resource:
    """The rule with what it says now, and no target that it had before and has no longer."""
    backend, name = _events(caller), rule.attributes["RuleName"]
    if before.get("EventBusName", DEFAULT_BUS) != after.get("EventBusName", DEFAULT_BUS):
        made = put_rule(caller, name, {**after, "Name": name})
        _remove_rule(backend, name, before.get("EventBusName"))
        return made
    resource = _put_rule(backend, name, after)
    _put_targets(backend, name, after)
    kept = {target["Id"] for target in after.get("Targets", ())}
    gone = [target["Id"] for target in before.get("Targets", ()) if target["Id"] not in kept]
    backend.remove_targets(name, after.get("EventBusName"), gone)
    return resource


def delete_rule(caller: Caller, rule: Resource) -> None:
    """Its targets, and then itself."""
    bus, _, name = rule.identifier.rpartition("|")
    _remove_rule(_events(caller), name, bus or None)


def _events(caller: Caller) -> EventsBackend:
    backend: EventsBackend = events_backends[caller.account_id][caller.region]
    return backend


def _put_rule(backend: EventsBackend, name: str, properties: Properties) -> Resource:
    bus, pattern = properties.get("EventBusName"), properties.get("EventPattern")
    rule = backend.put_rule(
        name,
        description=properties.get("Description"),
        event_bus_arn=bus,
        event_pattern=pattern if pattern is None or isinstance(pattern, str) else json.dumps(pattern),
        role_arn=properties.get("RoleArn"),
        scheduled_expression=properties.get("ScheduleExpression"),
        state=properties.get("State"),
    )
    backend.tagger.delete_all_tags_for_resource(rule.arn)
    backend.tagger.tag_resource(rule.arn, list(properties.get("Tags", ())))
    is_default = rule.event_bus_name == DEFAULT_BUS
    identifier = name if is_default else f"{rule.event_bus_name}|{name}"
    return Resource(identifier, {"Arn": rule.arn, "RuleName": name})


def _put_targets(backend: EventsBackend, name: str, properties: Properties) -> None:
    if properties.get("Targets"):
        backend.put_targets(name, properties.get("EventBusName"), list(properties["Targets"]))


def _remove_rule(backend: EventsBackend, name: str, bus: str | None) -> None:
    try:
        rule = backend.describe_rule(name, bus)
    except RuleNotFound:
        return
    rule.remove_targets([target["Id"] for target in list(rule.targets)])
    backend.delete_rule(name, bus)


# Subscription filters and destinations of CloudWatch Logs


def put_filter(caller: Caller, name: str, properties: Properties) -> Resource:
    """A filter on a group that is there."""
    name = properties.get("FilterName", name)
    _subscribe(caller, name, properties)
    return Resource(name, {"LogGroupName": properties["LogGroupName"]})


def update_filter(caller: Caller, made: Resource, _before: Properties, after: Properties) -> Resource:
    """Everything but its name and group."""
    _subscribe(caller, made.identifier, after)
    return made


def delete_filter(caller: Caller, made: Resource) -> None:
    """Of a group that may be gone."""
    group = _logs(caller).groups.get(made.attributes["LogGroupName"])
    if group is not None:
        group.subscription_filters.pop(made.identifier, None)


def _subscribe(caller: Caller, name: str, properties: Properties) -> None:
    subscribe(
        _logs(caller),
        properties["LogGroupName"],
        name,
        properties["FilterPattern"],
        properties["DestinationArn"],
        properties.get("RoleArn", ""),
        properties.get("Distribution", BY_LOG_STREAM),
    )


def put_destination(caller: Caller, _name: str, properties: Properties) -> Resource:
    """A destination that stands for a stream."""
    backend, name = _logs(caller), properties["DestinationName"]
    destination = backend.put_destination(name, properties["RoleArn"], properties["TargetArn"], {})
    if "DestinationPolicy" in properties:
        backend.put_destination_policy(name, properties["DestinationPolicy"])
    backend.tagger.delete_all_tags_for_resource(destination.arn)
    backend.tag_resource(destination.arn, tags_of(properties) or {})
    return Resource(name, {"Arn": destination.arn})


def update_destination(caller: Caller, made: Resource, _before: Properties, after: Properties) -> Resource:
    """Everything but its name."""
    return put_destination(caller, made.identifier, after)


def delete_destination(caller: Caller, made: Resource) -> None:
    """It may be gone."""
    _logs(caller).destinations.pop(made.attributes["Arn"], None)


def _logs(caller: Caller) -> LogsBackend:
    backend: LogsBackend = logs_backends[caller.account_id][caller.region]
    return backend


# Pipes

PIPE_MEMBERS: Mapping[str, str] = {
    "Description": "description",
    "DesiredState": "desired_state",
    "Enrichment": "enrichment",
    "EnrichmentParameters": "enrichment_parameters",
    "KmsKeyIdentifier": "kms_key_identifier",
    "LogConfiguration": "log_configuration",
    "RoleArn": "role_arn",
    "SourceParameters": "source_parameters",
    "Target": "target",
    "TargetParameters": "target_parameters",
}
"""Of a template, and what moto's operations call them."""
RUNNING: Mapping[str, Any] = {"Description": "", "DesiredState": "RUNNING", "Enrichment": ""}
"""What a pipe is without a word of its template: an update says it."""
NOTHING: Mapping[str, Any] = {"FilterCriteria": {}, "InputTemplate": ""}
"""Parameters that an update has to take back, and how it does."""
SOURCE = "SourceParameters"


def create_pipe(caller: Caller, name: str, properties: Properties) -> Resource:
    """A pipe that runs, or is stopped."""
    name = properties.get("Name") or shortened(name, NAME_CHARACTERS_MAX)
    given = _with_instant(properties)
    members = {member: value for member, value in given.items() if member in PIPE_MEMBERS}
    tags = dict(properties.get("Tags", {})) or None
    require_valid("CreatePipe", {**members, "Name": name, "Source": properties["Source"], "Tags": tags})
    arguments: dict[str, Any] = {argument: given.get(member) for member, argument in PIPE_MEMBERS.items()}
    return _of_pipe(
        _pipes(caller).create_pipe(name=name, source=properties["Source"], tags=tags, **arguments)
    )


def update_pipe(caller: Caller, pipe: Resource, before: Properties, after: Properties) -> Resource:
    """What differs, and the tags."""
    given = {**RUNNING, **_with_instant(after)}
    for member in ("SourceParameters", "EnrichmentParameters", "TargetParameters"):
        if member in before or member in after:
            given[member] = {**_emptied(before.get(member, {})), **given.get(member, {})}
    members = {member: given[member] for member in PIPE_MEMBERS if member in given}
    require_valid("UpdatePipe", {**members, "Name": pipe.identifier})
    arguments: dict[str, Any] = {argument: given.get(member) for member, argument in PIPE_MEMBERS.items()}
    changed = _pipes(caller).update_pipe(name=pipe.identifier, **arguments)
    changed.tags = dict(after.get("Tags", {}))
    return _of_pipe(changed)


def _emptied(parameters: Properties) -> dict[str, Any]:
    """What a template may no longer have, as an update says so: one that is not named would stay."""
    return {name: nothing for name, nothing in NOTHING.items() if name in parameters}


def delete_pipe(caller: Caller, pipe: Resource) -> None:
    """And its poller. It may be gone."""
    try:
        _pipes(caller).delete_pipe(pipe.identifier)
    except PipeNotFound:
        return


def _pipes(caller: Caller) -> EventBridgePipesBackend:
    backend: EventBridgePipesBackend = pipes_backends[caller.account_id][caller.region]
    return backend


def _of_pipe(pipe: Pipe) -> Resource:
    times = {"CreationTime": pipe.creation_time, "LastModifiedTime": pipe.last_modified_time}
    attributes = {name: value.isoformat() for name, value in times.items()}
    state = {"Arn": pipe.arn, "CurrentState": pipe.current_state, "StateReason": pipe.state_reason or ""}
    return Resource(pipe.name, {**attributes, **state})


def _with_instant(properties: Properties) -> dict[str, Any]:
    """The properties as the operations take them: the time in seconds."""
    source = properties.get(SOURCE) or {}
    stream = source.get("KinesisStreamParameters") or {}
    if "StartingPositionTimestamp" not in stream:
        return dict(properties)
    moment = datetime.fromisoformat(stream["StartingPositionTimestamp"])
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    stream = {**stream, "StartingPositionTimestamp": seconds}
    return {**properties, SOURCE: {**source, "KinesisStreamParameters": stream}}


DELIVERY_TYPES: dict[str, ResourceType] = {
    "AWS::Events::Rule": ResourceType(
        frozenset({"Arn", "RuleName"}), "Name", put_rule, update_rule, delete_rule, lambda caller: caller
    ),
    "AWS::Logs::SubscriptionFilter": ResourceType(
        frozenset(), "FilterName", put_filter, update_filter, delete_filter, lambda caller: caller
    ),
    "AWS::Logs::Destination": ResourceType(
        frozenset({"Arn"}), "", put_destination, update_destination, delete_destination, lambda caller: caller
    ),
    "AWS::Pipes::Pipe": ResourceType(
        frozenset({"Arn", "CreationTime", "CurrentState", "LastModifiedTime", "StateReason"}),
        "Name",
        create_pipe,
        update_pipe,
        delete_pipe,
        lambda caller: caller,
    ),
}
