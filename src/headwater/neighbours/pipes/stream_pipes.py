"""Pipes with a stream as source: moto's, each with a poller of Headwater's that reads the stream.

Rules:
- the source is a stream, the enrichment a function, the target a function, queue, topic or stream; what is
  anything else is refused by name;
- what a pipe says of its source becomes options of the poller; STOPPED is a poller that is not enabled;
- one poller for a pipe, as long as the pipe is there;
- an update changes what it names; the parameters of one service are changed as one, and an option among them
  that it leaves out is as a new pipe has it. A source's starting position stays.

Refuses to know what is done with a batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import unquote

from moto.pipes.exceptions import ConflictException, NotFoundException, ValidationException
from moto.pipes.models import EventBridgePipesBackend, Pipe, pipes_backends
from moto.pipes.responses import EventBridgePipesResponse

from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.calls.lambda_ import CallRefused
from headwater.neighbours.calls.model_checks import broken_constraints
from headwater.neighbours.pipes.pipe_run import TARGETS, service_of

STOPPED, RUNNING = "STOPPED", "RUNNING"
SOURCE = "KinesisStreamParameters"
OPTIONS = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
}
"""What a pipe and a mapping call the same, and what they are without a word."""
START = ("StartingPosition", "StartingPositionTimestamp")
TEMPLATE = "InputTemplate"
BISECT = "AUTOMATIC_BISECT"
PARAMETERS_OF = {
    "source_parameters": "source",
    "enrichment_parameters": "enrichment",
    "target_parameters": "target",
}
"""What is said of what, in the names of moto's arguments."""

Document = dict[str, Any]

_create: Callable[..., Any] = EventBridgePipesBackend.create_pipe
_update: Callable[..., Any] = EventBridgePipesBackend.update_pipe
_delete: Callable[..., Any] = EventBridgePipesBackend.delete_pipe
_start: Callable[..., Any] = EventBridgePipesBackend.start_pipe
_stop: Callable[..., Any] = EventBridgePipesBackend.stop_pipe


def pipe_at(arn: str) -> Pipe | None:
    """The pipe of an ARN."""
    _, _, _, region, account_id, resource = arn.split(":", 5)
    backend: EventBridgePipesBackend = pipes_backends[account_id][region]
    return backend.pipes.get(resource.rpartition("/")[2])


def create_pipe(backend: EventBridgePipesBackend, *, name: str, source: str, **members: Any) -> Pipe:
    """CreatePipe.

    Raises `ConflictException`, as moto does, and NotImplementedError for what nothing here does.
    """
    if name in backend.pipes:
        raise ConflictException(f"Pipe {name} already exists.", name, "Pipe")
    if parse_stream_arn(source) is None:
        raise NotImplementedError(f"pipes read streams here, and not {source}")
    _require_known(members.get("enrichment"), members["target"])
    pipe: Pipe = _create(backend, name=name, source=source, **members)
    try:
        asked = {**_options(pipe), **_start_of(pipe), "EventSourceArn": source, "FunctionName": pipe.arn}
        _poller(pipe)["uuid"] = _ask(pipe, "CreateEventSourceMapping", asked)["UUID"]
    except ValidationException:
        backend.pipes.pop(name)
        raise
    _poller(pipe)["state"] = pipe.desired_state
    return pipe


def update_pipe(backend: EventBridgePipesBackend, *, name: str, **members: Any) -> Pipe:
    """UpdatePipe: everything but its source. Raises `NotFoundException`, and as above."""
    pipe = backend.pipes.get(name)
    if pipe is None:
        raise NotFoundException(f"Pipe {name} not found")
    _require_known(members.get("enrichment") or pipe.enrichment, members.get("target") or pipe.target)
    members |= {parameters: _merged(pipe, members, parameters) for parameters in PARAMETERS_OF}
    before = dict(vars(pipe))
    changed: Pipe = _update(backend, name=name, **members)
    try:
        _ask(changed, "UpdateEventSourceMapping", {"UUID": _poller(changed)["uuid"], **_options(changed)})
    except ValidationException:
        vars(changed).update(before)
        raise
    _poller(changed)["state"] = changed.desired_state
    return changed


def delete_pipe(backend: EventBridgePipesBackend, name: str) -> Pipe:
    """DeletePipe."""
    pipe = backend.pipes.get(name)
    if pipe is not None:
        _ask(pipe, "DeleteEventSourceMapping", {"UUID": _poller(pipe)["uuid"]})
    deleted: Pipe = _delete(backend, name)
    _poller(deleted)["state"] = deleted.status
    return deleted


def start_pipe(backend: EventBridgePipesBackend, name: str) -> Pipe:
    """StartPipe."""
    pipe: Pipe = _start(backend, name)
    return _enabled(pipe, RUNNING)


def stop_pipe(backend: EventBridgePipesBackend, name: str) -> Pipe:
    """StopPipe."""
    pipe: Pipe = _stop(backend, name)
    return _enabled(pipe, STOPPED)


def _enabled(pipe: Pipe, state: str) -> Pipe:
    _ask(pipe, "UpdateEventSourceMapping", {"UUID": _poller(pipe)["uuid"], "Enabled": state == RUNNING})
    _poller(pipe)["state"] = state
    return pipe


def current_state(pipe: Pipe) -> str:
    """What a pipe is. Moto's has a state of its own, which goes on by itself."""
    return str(_poller(pipe).get("state") or pipe.status)


def _merged(pipe: Pipe, members: Document, parameters: str) -> Document | None:
    """The parameters after an update: those of the source, the enrichment or the target."""
    given, before = members.get(parameters), getattr(pipe, parameters) or {}
    other = members.get(PARAMETERS_OF[parameters])
    if other and service_of(other) != service_of(getattr(pipe, PARAMETERS_OF[parameters]) or ""):
        before = {name: value for name, value in before.items() if name == TEMPLATE}
        given = given or {}
    if given is None:
        return None
    merged = {**before, **given}
    if SOURCE in given:
        start = {name: before[SOURCE][name] for name in START if name in before.get(SOURCE, {})}
        merged[SOURCE] = {**given[SOURCE], **start}
    return merged


def _require_known(enrichment: str | None, target: str) -> None:
    if enrichment and service_of(enrichment) != "lambda":
        raise NotImplementedError(
            f"pipes are enriched by functions here, and not by {service_of(enrichment)}"
        )
    if service_of(target) not in TARGETS:
        known = ", ".join(sorted(TARGETS))
        raise NotImplementedError(f"nothing delivers a pipe to {service_of(target)}; targets are {known}")


def _options(pipe: Pipe) -> Document:
    """The options of the poller."""
    parameters = pipe.source_parameters or {}
    source = parameters.get(SOURCE) or {}
    options = {name: source.get(name, default) for name, default in OPTIONS.items()}
    destination = (source.get("DeadLetterConfig") or {}).get("Arn")
    filters = (parameters.get("FilterCriteria") or {}).get("Filters") or []
    by_function = "lambda" in (service_of(pipe.enrichment or ""), service_of(pipe.target))
    return {
        **options,
        "DestinationConfig": {"OnFailure": {"Destination": destination} if destination else {}},
        "FilterCriteria": {"Filters": filters},
        "BisectBatchOnFunctionError": source.get("OnPartialBatchItemFailure") == BISECT,
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if by_function else [],
        "Enabled": pipe.desired_state != STOPPED,
    }


def _start_of(pipe: Pipe) -> Document:
    source = (pipe.source_parameters or {}).get(SOURCE) or {}
    start = {"StartingPosition": source.get("StartingPosition")}
    if source.get("StartingPositionTimestamp") is not None:
        start["StartingPositionTimestamp"] = int(float(source["StartingPositionTimestamp"]) * 1000)
    return start


def _poller(pipe: Pipe) -> Document:
    found: Document = vars(pipe).setdefault("poller", {})
    return found


def _ask(pipe: Pipe, operation: str, members: Document) -> Document:
    """What Lambda's mappings say. Raises ValidationException."""
    try:
        return CURRENT_SERVER.get().lambda_.ask_mappings(
            Caller(pipe.account_id, pipe.region_name), operation, members
        )
    except CallRefused as error:
        raise ValidationException(error.message) from error


def require_valid(operation: str, members: Document) -> None:
    """Look whether a request keeps to the API's model. Raises ValidationException."""
    broken = broken_constraints("pipes", operation, members)
    if broken is not None:
        raise ValidationException(broken)


def checked(operation: str, handler: Callable[..., Any]) -> Callable[[EventBridgePipesResponse], Any]:
    """Moto's handler of an operation, for requests that keep to the model."""

    def handle(response: EventBridgePipesResponse) -> Any:
        query = {name: values[0] for name, values in (response.querystring or {}).items()}
        limit = query.get("Limit", "")
        members = {**query, "Limit": int(limit)} if limit.isdigit() else query
        name = unquote(response.uri.partition("?")[0].partition("/v1/pipes/")[2].partition("/")[0])
        document = json.loads(response.body or "{}") if response.body else members
        require_valid(operation, {**document, "Name": name} if name else document)
        return handler(response)

    return handle


CHECKED = ("create_pipe", "list_pipes", "update_pipe")
"""Operations of moto's whose requests are held against the model first."""

MENDED: dict[str, Callable[..., Pipe]] = {
    "create_pipe": create_pipe,
    "delete_pipe": delete_pipe,
    "start_pipe": start_pipe,
    "stop_pipe": stop_pipe,
    "update_pipe": update_pipe,
}
"""What takes the place of what, in moto's pipes."""


@cache
def install() -> None:
    """Put it in, once for a process."""
    for name, replacement in MENDED.items():
        setattr(EventBridgePipesBackend, name, replacement)
    for name in CHECKED:
        operation = "".join(word.title() for word in name.split("_"))
        handler = getattr(EventBridgePipesResponse, name)
        setattr(EventBridgePipesResponse, name, checked(operation, handler))
    of_moto: Any = Pipe
    of_moto.current_state = property(current_state)
