"""The five operations on event source mappings, and the tags of mappings.

`mapping_operations` is their table: name to a coroutine from the caller and the checked
members of a request to the members of the answer, named as in the API model. Moments are
whole milliseconds in a request, and `Instant` in an answer.

Texts that are not in the model were recorded from AWS, as far as they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

import msgspec

from headwater.engine.encryption_key import require_usable
from headwater.engine.engine import Engine
from headwater.engine.iterator_types import Start, position_of
from headwater.lambda_.api.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.lambda_.api.pages import page_of
from headwater.lambda_.api.tags import check_tags
from headwater.lambda_.functions.invocation import FunctionNotFound, FunctionReference
from headwater.lambda_.mappings.mapping import (
    NOTHING_PROCESSED,
    Mapping,
    StartingPosition,
    options_of,
    read_start,
    source_stream,
    updated,
)
from headwater.lambda_.mappings.mappings import EventSourceMappings
from headwater.lambda_.mappings.pipe_invoker import is_pipe
from headwater.lambda_.mappings.store import LaneProgress, ShardProgress
from headwater.model.arn import StreamName, parse_consumer_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.model.errors import ResourceNotFoundException as StreamNotFound
from headwater.model.instant import Instant
from headwater.model.partition import partition_of
from headwater.model.stream import Stream
from headwater.server.asyncio_bridge import finished

Operation: TypeAlias = Callable[[Caller, dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]

PAGE_MAX = 100
IN_TRANSITION = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")


def mapping_operations(mappings: EventSourceMappings) -> dict[str, Operation]:
    """The operations of one server's mappings, by name."""
    return {
        "CreateEventSourceMapping": partial(create_event_source_mapping, mappings),
        "DeleteEventSourceMapping": partial(delete_event_source_mapping, mappings),
        "GetEventSourceMapping": partial(get_event_source_mapping, mappings),
        "ListEventSourceMappings": partial(list_event_source_mappings, mappings),
        "UpdateEventSourceMapping": partial(update_event_source_mapping, mappings),
    }


async def create_event_source_mapping(
    mappings: EventSourceMappings, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """A new mapping; where it starts is settled before the answer, so that no later record is missed.

    Raises InvalidParameterValueException.
    """
    engine = mappings.engine
    arn = request.get("EventSourceArn")
    if not arn:
        raise InvalidParameterValueException("Unrecognized event source.")
    name = source_stream(arn)
    now_ms = engine.now_ms()
    starting_position, timestamp_ms = read_start(request, now_ms)
    fields = options_of(request)
    function = _function(mappings, caller, request["FunctionName"])
    stream = await _source(engine, name, arn)
    tags = request.get("Tags") or {}
    check_tags(tags)
    mapping = Mapping(
        uuid=mappings.new_uuid(),
        account_id=caller.account_id,
        region=caller.region,
        event_source_arn=arn,
        function_arn=function.arn,
        starting_position=starting_position,
        starting_timestamp_ms=timestamp_ms,
        due_ms=mappings.due_ms(),
        last_modified_ms=now_ms,
        last_processing_result=NOTHING_PROCESSED,
        tags=dict(tags),
        **fields,
    )
    progress = await finished(_first_progress(engine, stream, mapping))
    _refuse_second(mappings, caller, arn, function)
    await mappings.add(mapping, progress)
    return _shown(mappings, caller, mapping)


async def get_event_source_mapping(
    mappings: EventSourceMappings, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """A mapping as of now."""
    return _shown(mappings, caller, _found(mappings, caller, request["UUID"]))


async def list_event_source_mappings(
    mappings: EventSourceMappings, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Mappings of an event source, of a function, of both, or all, by pages of at most 100."""
    function_arn = None
    if request.get("FunctionName"):
        function_arn = _function_arn(mappings, caller, request["FunctionName"])
    arn = request.get("EventSourceArn")
    rows = [
        (mapping.uuid, _listed(mapping))
        for mapping in mappings.all_current()
        if _is_of(mapping, caller)
        and not is_pipe(mapping.function_arn)
        and (not arn or mapping.event_source_arn == arn)
        and (function_arn is None or mapping.function_arn == function_arn)
    ]
    return page_of("EventSourceMappings", rows, request, PAGE_MAX)


async def update_event_source_mapping(
    mappings: EventSourceMappings, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Other options, another function, enabled or disabled: the position stays.

    Raises ResourceInUseException.
    """
    mapping = _found(mappings, caller, request["UUID"])
    fields = options_of(request)
    if request.get("FunctionName"):
        function = _function(mappings, caller, request["FunctionName"])
        if function.arn != mapping.function_arn:
            _refuse_second(mappings, caller, mapping.event_source_arn, function)
        fields["function_arn"] = function.arn
    if mapping.state in IN_TRANSITION:
        raise ResourceInUseException("Cannot update the event source mapping because it is in use.")
    changed = updated(mapping, fields, mappings.due_ms(), mappings.engine.now_ms())
    await mappings.change(changed)
    return _shown(mappings, caller, changed)


async def delete_event_source_mapping(
    mappings: EventSourceMappings, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """The mapping is Deleting, and gone a moment later. Raises ResourceInUseException."""
    mapping = _found(mappings, caller, request["UUID"])
    if mapping.state in IN_TRANSITION:
        raise ResourceInUseException("Cannot delete the event source mapping because it is in use.")
    deleting = msgspec.structs.replace(mapping, state="Deleting", due_ms=mappings.due_ms())
    await mappings.change(deleting)
    return _shown(mappings, caller, deleting)


# Tags


def tags_of(mappings: EventSourceMappings, caller: Caller, arn: str) -> dict[str, str]:
    """The tags of the mapping with this ARN. Raises ResourceNotFoundException."""
    return dict(_tagged(mappings, caller, arn).tags)


async def tag_mapping(mappings: EventSourceMappings, caller: Caller, arn: str, tags: dict[str, str]) -> None:
    """Add tags to a mapping. Raises ResourceNotFoundException and InvalidParameterValueException."""
    mapping = _tagged(mappings, caller, arn)
    merged = mapping.tags | tags
    check_tags(merged)
    await finished(mappings.store.replace(msgspec.structs.replace(mapping, tags=merged)))


async def untag_mapping(mappings: EventSourceMappings, caller: Caller, arn: str, keys: list[str]) -> None:
    """Take tags from a mapping. Raises ResourceNotFoundException."""
    mapping = _tagged(mappings, caller, arn)
    left = {key: value for key, value in mapping.tags.items() if key not in keys}
    await finished(mappings.store.replace(msgspec.structs.replace(mapping, tags=left)))


def _tagged(mappings: EventSourceMappings, caller: Caller, arn: str) -> Mapping:
    mapping = mappings.current(arn.rpartition(":")[2])
    if mapping is None or mapping.arn != arn or not _is_of(mapping, caller):
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return mapping


# What a request names


def _found(mappings: EventSourceMappings, caller: Caller, uuid: str) -> Mapping:
    mapping = mappings.current(uuid)
    if mapping is None or not _is_of(mapping, caller):
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return mapping


def _is_of(mapping: Mapping, caller: Caller) -> bool:
    return (mapping.account_id, mapping.region) == caller


def _function(mappings: EventSourceMappings, caller: Caller, reference: str) -> FunctionReference:
    try:
        return mappings.invoker.resolve(caller, reference)
    except FunctionNotFound:
        raise InvalidParameterValueException("Function does not exist") from None


def _function_arn(mappings: EventSourceMappings, caller: Caller, reference: str) -> str:
    """The ARN to look for: mappings may be left of a function that is gone."""
    try:
        return mappings.invoker.resolve(caller, reference).arn
    except FunctionNotFound:
        name = reference.rpartition("function:")[2]
        account_id, region = caller
        return f"arn:{partition_of(region)}:lambda:{region}:{account_id}:function:{name}"


async def _source(engine: Engine, name: StreamName, arn: str) -> Stream:
    """The stream to read, with its consumer if the ARN is one's."""
    try:
        stream = (await finished(engine.serving(name))).stream
    except StreamNotFound:
        raise InvalidParameterValueException(f"Stream not found: {arn}") from None
    named = parse_consumer_arn(arn)
    if named is not None:
        consumer = stream.consumer(named.name)
        if consumer is None or consumer.created_s != named.created_s:
            raise InvalidParameterValueException(f"Stream consumer not found: {arn}")
    elif stream.arn != arn:
        raise InvalidParameterValueException(f"Stream not found: {arn}")
    return stream


def _refuse_second(
    mappings: EventSourceMappings, caller: Caller, arn: str, function: FunctionReference
) -> None:
    for other in mappings.all_current():
        if _is_of(other, caller) and (other.event_source_arn, other.function_arn) == (arn, function.arn):
            raise ResourceConflictException(
                f'The event source arn (" {arn} ") and function (" {function.name} ") provided mapping '
                f"already exists. Please update or delete the existing mapping with UUID {other.uuid}"
            )


async def _first_progress(engine: Engine, stream: Stream, mapping: Mapping) -> dict[int, ShardProgress]:
    """Where the mapping starts in each shard. A coroutine of the engine's.

    From LATEST on, a closed shard has nothing to read any more. Shards that come later
    are read from their beginning, whatever the starting position.
    """
    position: StartingPosition = mapping.starting_position
    start = Start(position, None, mapping.starting_timestamp_ms)
    progress = {}
    for shard in stream.shards:
        first = LaneProgress(await position_of(engine, stream, shard, start))
        is_finished = position == "LATEST" and not shard.is_open
        progress[shard.log_id] = ShardProgress((first,) * mapping.parallelization_factor, is_finished)
    return progress


# Answers


def _shown(mappings: EventSourceMappings, caller: Caller, mapping: Mapping) -> dict[str, Any]:
    """As `_described`, but filters under a key that cannot be used cannot be read: the answer says why."""
    described = _described(mapping)
    if mapping.kms_key_arn is None or mapping.filters is None:
        return described
    try:
        require_usable(mappings.engine.key_directory, caller, mapping.kms_key_arn)
    except KinesisError as error:
        del described["FilterCriteria"]
        described["FilterCriteriaError"] = {"ErrorCode": error.code, "Message": error.message}
    return described


def _described(mapping: Mapping) -> dict[str, Any]:
    described: dict[str, Any] = {
        "UUID": mapping.uuid,
        "StartingPosition": mapping.starting_position,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.batching_window_s,
        "ParallelizationFactor": mapping.parallelization_factor,
        "EventSourceArn": mapping.event_source_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": Instant(mapping.last_modified_ms),
        "LastProcessingResult": mapping.last_processing_result,
        "State": mapping.state,
        "StateTransitionReason": "User action",
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": mapping.maximum_record_age_s,
        "BisectBatchOnFunctionError": mapping.bisect_batch,
        "MaximumRetryAttempts": mapping.maximum_retry_attempts,
        "TumblingWindowInSeconds": mapping.tumbling_window_s,
        "FunctionResponseTypes": list(mapping.response_types),
        "EventSourceMappingArn": mapping.arn,
    }
    if mapping.starting_timestamp_ms is not None:
        described["StartingPositionTimestamp"] = Instant(mapping.starting_timestamp_ms)
    if mapping.on_failure_arn is not None:
        described["DestinationConfig"] = {"OnFailure": {"Destination": mapping.on_failure_arn}}
    if mapping.filters is not None:
        described["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in mapping.filters]}
    if mapping.kms_key_arn is not None:
        described["KMSKeyArn"] = mapping.kms_key_arn
    if mapping.metrics is not None:
        described["MetricsConfig"] = {"Metrics": list(mapping.metrics)}
    return described


def _listed(mapping: Mapping) -> dict[str, Any]:
    """As `_described`, but filters under a key are not shown in lists."""
    described = _described(mapping)
    if mapping.kms_key_arn is not None:
        described.pop("FilterCriteria", None)
    return described
