"""Whether a fault makes sense: its names exist, and it can happen to the operations that it names.

What cannot happen is refused in words, because a rule that never fires would be taken
for a consumer without fault.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import msgspec

from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from headwater.engine.faults.faults import (
    AnyFault,
    EndOpenSubscriptions,
    EndSubscription,
    Error,
    ExpireIterator,
    Throttle,
)
from headwater.model.arn import parse_stream_arn
from headwater.model.shard import parse_shard_id, shard_id_of

COMMON_ERRORS = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InternalFailure",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestAbortedException",
        "RequestEntityTooLargeException",
        "RequestExpired",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ThrottlingException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
"""What any operation may answer, whatever the model says of it."""

_ALL = frozenset(OPERATIONS)
_PUTS = frozenset({"PutRecord", "PutRecords"})
_OF_SHARDS = _PUTS | {"GetRecords", "GetShardIterator", "MergeShards", "SplitShard", "SubscribeToShard"}
_OF_CONSUMERS = frozenset(
    {"DeregisterStreamConsumer", "DescribeStreamConsumer", "RegisterStreamConsumer", "SubscribeToShard"}
)
_STREAM_MEMBERS = frozenset(
    {"ConsumerARN", "QueueARN", "ResourceARN", "ShardIterator", "StreamARN", "StreamName"}
)
"""With which a request can name a stream, or what belongs to one."""
_STREAM_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}", re.ASCII)
_KEY_MAX_CHARACTERS = 256


class WrongFault(Exception):
    """A fault that cannot happen; the message says why."""


class _Bound(NamedTuple):
    """Operations to which something can happen, and what that is."""

    operations: frozenset[str]
    what: str


def checked(fault: AnyFault) -> tuple[AnyFault, frozenset[str]]:
    """The fault in its usual form, and the operations that it can happen to. Raises `WrongFault`."""
    if fault.stream is not None and not (_STREAM_NAME.fullmatch(fault.stream) or _is_arn(fault.stream)):
        raise WrongFault(f"{fault.stream!r} is neither the name nor the ARN of a stream.")
    if fault.partition_key is not None and not 1 <= len(fault.partition_key) <= _KEY_MAX_CHARACTERS:
        raise WrongFault(f"A partition key has 1 to {_KEY_MAX_CHARACTERS} characters.")
    if fault.shard is not None:
        index = parse_shard_id(fault.shard)
        if index is None:
            raise WrongFault(f"{fault.shard!r} is no shard; one looks like {shard_id_of(0)}.")
        fault = msgspec.structs.replace(fault, shard=shard_id_of(index))
    named = (fault.operation,) if isinstance(fault.operation, str) else fault.operation
    for name in named:
        _check_operation(name)
    possible = _ALL
    for bound in _bounds(fault):
        for name in named:
            if name not in bound.operations:
                raise WrongFault(f"{name} {bound.what}.")
        possible &= bound.operations
    if not possible:
        raise WrongFault("What it asks for does not go together: no operation has all of that.")
    return fault, frozenset(named) or possible


def _check_operation(name: str) -> None:
    if name not in OPERATIONS:
        raise WrongFault(f"There is no operation {name!r}.")
    if not OPERATIONS[name].is_offered:
        raise WrongFault(f"{name} is not offered yet.")


def _is_arn(text: str) -> bool:
    return parse_stream_arn(text) is not None


def _bounds(fault: AnyFault) -> list[_Bound]:
    """What narrows the operations, each with what is to be said of one beyond it."""
    bounds = []
    match fault:
        case Error(error=error):
            bounds.append(_Bound(_that_answer(error), f"does not answer {error}"))
        case Throttle():
            bounds.append(_Bound(frozenset({"PutRecords"}), "has no records to throttle: PutRecords has"))
        case ExpireIterator():
            bounds.append(_Bound(frozenset({"GetRecords"}), "reads no iterator: GetRecords does"))
        case EndSubscription(error=error, cut=cut) | EndOpenSubscriptions(error=error, cut=cut):
            _check_event_error(error)
            if cut and error is not None:
                raise WrongFault("A connection that is cut gives no error: say one or the other.")
            bounds.append(
                _Bound(frozenset({"SubscribeToShard"}), "opens no subscription: SubscribeToShard does")
            )
    if fault.stream is not None:
        bounds.append(_Bound(_of_streams(), "names no stream"))
    if fault.shard is not None:
        bounds.append(_Bound(_OF_SHARDS, f"is about no shard: {_listed(_OF_SHARDS)} are"))
    if fault.partition_key is not None:
        bounds.append(_Bound(_PUTS, f"has no partition key: {_listed(_PUTS)} have"))
    if fault.consumer is not None:
        bounds.append(_Bound(_OF_CONSUMERS, f"is about no consumer: {_listed(_OF_CONSUMERS)} are"))
    return bounds


def _that_answer(error: str) -> frozenset[str]:
    if error in COMMON_ERRORS:
        return _ALL
    found = frozenset(name for name, shapes in api_model().operations.items() if error in shapes.errors)
    if not found:
        raise WrongFault(f"The API has no error {error!r}.")
    return found


@cache
def _of_streams() -> frozenset[str]:
    model = api_model()
    return frozenset(
        name
        for name, operation in model.operations.items()
        if not _STREAM_MEMBERS.isdisjoint(model.shapes[operation.input].members)
    )


def _check_event_error(error: str | None) -> None:
    members = api_model().shapes["SubscribeToShardEventStream"].members
    known = [name for name in members if name != "SubscribeToShardEvent"]
    if error is not None and error not in known:
        raise WrongFault(f"A stream of events does not end with {error!r}: {', '.join(known)}.")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
