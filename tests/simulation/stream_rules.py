"""What a stream does, as a reference: one plain rule for each operation that changes one.

A rule takes a stream's state and a call, and gives the next state or is `Refused`. It knows
no store, no commit, no log: it is what the engine must look like from outside.

Transitions take time. `settled` is the state once they are over. Since a call may be worked
on while its transition is becoming due, a transition has a span in which it may be over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from headwater.model.hash_key import HASH_KEY_MAX

DAY_MS = 86_400_000
HOUR_MS = 3_600_000

Range = tuple[int, int]


class Span(NamedTuple):
    """When something is due: not before `least_ms`, and certainly from `most_ms` on."""

    least_ms: int
    most_ms: int


class Refused(Exception):
    """The operation must answer with this error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class ExpectedConsumer:
    status: str
    due: Span | None


@dataclass(frozen=True)
class StreamState:
    """A stream as it looks from outside, but for its records and the history of its shards."""

    born: int
    """The step in which it was created; another one of the same name is another stream."""
    status: str
    open_ranges: tuple[Range, ...]
    due: Span | None = None
    step: tuple[Any, ...] = ("activate",)
    retention_hours: int = 24
    mode: str = "PROVISIONED"
    key_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    max_record_size_kib: int = 1024
    consumers: tuple[tuple[str, ExpectedConsumer], ...] = ()
    policy: str | None = None
    scaled_ms: tuple[int, ...] = ()
    encrypted_ms: tuple[int, ...] = ()
    decrypted_ms: tuple[int, ...] = ()
    switched_ms: tuple[int, ...] = ()


class Call(NamedTuple):
    """A call that has its effect somewhere in this time."""

    members: dict[str, Any]
    now_ms: int
    due: Span
    """When a transition that it begins is due."""
    born: int
    range_of: Callable[[str], Range | None]
    """The range of a shard; `None` for one that is known to be closed."""


Rule = Callable[[StreamState | None, Call], StreamState | None]


def even_ranges(count: int) -> tuple[Range, ...]:
    """All hash keys in so many ranges of equal size."""
    size = (HASH_KEY_MAX + 1) // count
    ends = [size * at - 1 for at in range(1, count)]
    return tuple(zip((size * at for at in range(count)), (*ends, HASH_KEY_MAX), strict=True))


def dues(state: StreamState | None) -> dict[str, Span]:
    """When each transition is over: the consumers' by their names, the stream's own by none."""
    if state is None:
        return {}
    found = {name: consumer.due for name, consumer in state.consumers if consumer.due is not None}
    return found if state.due is None else {**found, "": state.due}


def settled(state: StreamState | None, over: Collection[str]) -> StreamState | None:
    """The state after these transitions; see `dues`."""
    if state is None:
        return None
    consumers = []
    for name, consumer in state.consumers:
        if consumer.due is None or name not in over:
            consumers.append((name, consumer))
        elif consumer.status == "CREATING":
            consumers.append((name, ExpectedConsumer("ACTIVE", None)))
    state = replace(state, consumers=tuple(consumers))
    if state.due is None or "" not in over:
        return state
    if state.step[0] == "delete":
        return None
    return replace(_stepped(state), status="ACTIVE", due=None, step=("activate",))


def _stepped(state: StreamState) -> StreamState:
    match state.step:
        case ("split", parent, hash_key):
            halves = ((parent[0], hash_key - 1), (hash_key, parent[1]))
            return replace(state, open_ranges=_replaced(state.open_ranges, (parent,), halves))
        case ("merge", first, second):
            whole = ((first[0], second[1]),)
            return replace(state, open_ranges=_replaced(state.open_ranges, (first, second), whole))
        case ("scale", count):
            return replace(state, open_ranges=even_ranges(count))
        case ("encrypt", key_id):
            return replace(state, key_id=key_id)
        case _:
            return state


def _replaced(
    ranges: tuple[Range, ...], gone: tuple[Range, ...], new: tuple[Range, ...]
) -> tuple[Range, ...]:
    return tuple(sorted([*(r for r in ranges if r not in gone), *new]))


# The rules


def _active(state: StreamState | None) -> StreamState:
    known = _known(state)
    if known.status != "ACTIVE":
        raise Refused("ResourceInUseException")
    return known


def _known(state: StreamState | None) -> StreamState:
    if state is None:
        raise Refused("ResourceNotFoundException")
    return state


def _updating(state: StreamState, call: Call, *step: Any) -> StreamState:
    return replace(state, status="UPDATING", due=call.due, step=step)


def _counted(times_ms: tuple[int, ...], call: Call, limit: int) -> tuple[int, ...]:
    if sum(call.now_ms - time_ms < DAY_MS for time_ms in times_ms) >= limit:
        raise Refused("LimitExceededException")
    return (*times_ms, call.now_ms)


def _create(state: StreamState | None, call: Call) -> StreamState:
    if state is not None:
        raise Refused("ResourceInUseException")
    details = call.members.get("StreamModeDetails", {"StreamMode": "PROVISIONED"})
    on_demand = details["StreamMode"] == "ON_DEMAND"
    count = 4 if on_demand else call.members.get("ShardCount", 4)
    return StreamState(
        born=call.born,
        status="CREATING",
        due=call.due,
        open_ranges=even_ranges(count),
        mode=details["StreamMode"],
        tags=tuple(sorted(call.members.get("Tags", {}).items())),
    )


def _delete(state: StreamState | None, call: Call) -> StreamState:
    active = state if state is not None and state.status == "CREATING" else _active(state)
    if active.consumers and not call.members.get("EnforceConsumerDeletion"):
        raise Refused("ResourceInUseException")
    return replace(active, status="DELETING", due=call.due, step=("delete",))


def _provisioned(state: StreamState | None) -> StreamState:
    active = _active(state)
    if active.mode != "PROVISIONED":
        raise Refused("ValidationException")
    return active


def _open_range(state: StreamState, call: Call, member: str) -> Range:
    found = call.range_of(call.members[member])
    if found is None or found not in state.open_ranges:
        raise Refused("ResourceInUseException")
    return found


def _split(state: StreamState | None, call: Call) -> StreamState:
    active = _provisioned(state)
    parent = _open_range(active, call, "ShardToSplit")
    hash_key = int(call.members["NewStartingHashKey"])
    if not parent[0] + 1 < hash_key < parent[1]:
        raise Refused("InvalidArgumentException")
    return _updating(active, call, "split", parent, hash_key)


def _merge(state: StreamState | None, call: Call) -> StreamState:
    active = _provisioned(state)
    first = _open_range(active, call, "ShardToMerge")
    second = _open_range(active, call, "AdjacentShardToMerge")
    if first[1] + 1 != second[0]:
        raise Refused("InvalidArgumentException")
    return _updating(active, call, "merge", first, second)


def _scale(state: StreamState | None, call: Call) -> StreamState:
    active = _provisioned(state)
    current, target = len(active.open_ranges), call.members["TargetShardCount"]
    scaled_ms = _counted(active.scaled_ms, call, 10)
    if not (current + 1) // 2 <= target <= current * 2:
        raise Refused("InvalidArgumentException")
    return replace(_updating(active, call, "scale", target), scaled_ms=scaled_ms)


def _retain_longer(state: StreamState | None, call: Call) -> StreamState:
    active, hours = _active(state), call.members["RetentionPeriodHours"]
    if hours < active.retention_hours or not 24 <= hours <= 8760:
        raise Refused("InvalidArgumentException")
    return replace(active, retention_hours=hours)


def _retain_shorter(state: StreamState | None, call: Call) -> StreamState:
    active, hours = _active(state), call.members["RetentionPeriodHours"]
    if hours > active.retention_hours or not 24 <= hours <= 8760:
        raise Refused("InvalidArgumentException")
    return replace(active, retention_hours=hours)


def _switch_mode(state: StreamState | None, call: Call) -> StreamState:
    active, mode = _active(state), call.members["StreamModeDetails"]["StreamMode"]
    if active.mode == mode:
        return active
    switched_ms = _counted(active.switched_ms, call, 2)
    return replace(_updating(active, call, "activate"), mode=mode, switched_ms=switched_ms)


def _encrypt(state: StreamState | None, call: Call) -> StreamState:
    active = _active(state)
    encrypted_ms = _counted(active.encrypted_ms, call, 25)
    return replace(_updating(active, call, "encrypt", call.members["KeyId"]), encrypted_ms=encrypted_ms)


def _decrypt(state: StreamState | None, call: Call) -> StreamState:
    active = _active(state)
    return replace(
        _updating(active, call, "encrypt", None), decrypted_ms=_counted(active.decrypted_ms, call, 25)
    )


def _tag(state: StreamState | None, call: Call) -> StreamState:
    active = _active(state)
    return replace(active, tags=tuple(sorted({**dict(active.tags), **call.members["Tags"]}.items())))


def _untag(state: StreamState | None, call: Call) -> StreamState:
    active = _active(state)
    return replace(active, tags=tuple(tag for tag in active.tags if tag[0] not in call.members["TagKeys"]))


def _register(state: StreamState | None, call: Call) -> StreamState:
    active, name = _active(state), call.members["ConsumerName"]
    if name in dict(active.consumers):
        raise Refused("ResourceInUseException")
    consumers = (*active.consumers, (name, ExpectedConsumer("CREATING", call.due)))
    return replace(active, consumers=tuple(sorted(consumers)))


def _deregister(state: StreamState | None, call: Call) -> StreamState:
    known, name = _known(state), call.members["ConsumerName"]
    consumers = dict(known.consumers)
    if name not in consumers:
        raise Refused("ResourceNotFoundException")
    if consumers[name].status != "DELETING":
        consumers[name] = ExpectedConsumer("DELETING", call.due)
    return replace(known, consumers=tuple(sorted(consumers.items(), key=lambda item: item[0])))


def _resize(state: StreamState | None, call: Call) -> StreamState:
    active = _active(state)
    resized = replace(active, max_record_size_kib=call.members["MaxRecordSizeInKiB"])
    return _updating(resized, call, "activate")


def _put_policy(state: StreamState | None, call: Call) -> StreamState:
    return replace(_active(state), policy=call.members["Policy"])


def _delete_policy(state: StreamState | None, _call: Call) -> StreamState:
    active = _active(state)
    if active.policy is None:
        raise Refused("ResourceNotFoundException")
    return replace(active, policy=None)


RULES: dict[str, Rule] = {
    "AddTagsToStream": _tag,
    "CreateStream": _create,
    "DecreaseStreamRetentionPeriod": _retain_shorter,
    "DeleteResourcePolicy": _delete_policy,
    "DeleteStream": _delete,
    "DeregisterStreamConsumer": _deregister,
    "IncreaseStreamRetentionPeriod": _retain_longer,
    "MergeShards": _merge,
    "PutResourcePolicy": _put_policy,
    "RegisterStreamConsumer": _register,
    "RemoveTagsFromStream": _untag,
    "SplitShard": _split,
    "StartStreamEncryption": _encrypt,
    "StopStreamEncryption": _decrypt,
    "UpdateMaxRecordSize": _resize,
    "UpdateShardCount": _scale,
    "UpdateStreamMode": _switch_mode,
}
