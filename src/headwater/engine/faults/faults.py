"""Faults on purpose: rules that say which calls go wrong, how, and how often.

Rules:
- there are none until one is added, and `Faults.rules` is empty exactly then: nobody
  asks further;
- a call is shown to the rules in the order in which they were added. Those that end it
  (an error, a cut, an expired iterator) exclude each other: the first one that fires is
  the last one of them that is asked. The others (delays, throttled records, ended
  subscriptions) come on top of it;
- what fires follows from the rule, its seed and the calls that it matched before, and
  from nothing else: the same calls meet the same faults.

A fault is a value, and its own JSON document. Refuses to know what an operation means,
how an answer is held back, and whether a name in a fault exists: `api/fault_checks`
looks at that before a rule is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec

from headwater.engine.faults.seeded_random import SeededRandom
from headwater.model.arn import StreamName, stream_arn

DELAY_MS_MAX = 15 * 60_000

Moment: TypeAlias = Literal["before", "after"]
"""Before the operation has begun, or after its change took effect."""
_Count = Annotated[int, msgspec.Meta(ge=1)]
_CountFrom0 = Annotated[int, msgspec.Meta(ge=0)]
_Probability = Annotated[float, msgspec.Meta(gt=0, le=1)]
_DelayMs = Annotated[int, msgspec.Meta(ge=1, le=DELAY_MS_MAX)]


class FaultKind(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="action",
):
    """Which calls, and how often. What is not said does not narrow it."""

    operation: str | tuple[str, ...] = ()
    stream: str | None = None
    """A name, of whatever account and region, or an ARN."""
    shard: str | None = None
    partition_key: str | None = None
    consumer: str | None = None
    """The name of a consumer with enhanced fan-out."""
    times: _Count | None = None
    """How often it fires in all."""
    skip: _CountFrom0 = 0
    """The number of matching calls that are let through first."""
    probability: _Probability = 1.0
    """The probability for a matching call, drawn by the seed."""
    seed: int = 0


class Error(FaultKind, frozen=True, tag="error"):
    """The answer is an error; the operation is not run."""

    error: str
    message: str | None = None


class Throttle(FaultKind, frozen=True, tag="throttle"):
    """Records of a PutRecords call are refused, the others stored."""

    records: _Count | None = None
    """How many of those that match, the first ones; `None` is all."""
    error: Literal["ProvisionedThroughputExceededException", "InternalFailure"] = (
        "ProvisionedThroughputExceededException"
    )
    message: str | None = None


class Delay(FaultKind, frozen=True, tag="delay"):
    """The operation begins later, or has happened and its answer comes later."""

    delay_ms: _DelayMs
    when: Moment = "before"


class CutConnection(FaultKind, frozen=True, tag="cut"):
    """The connection ends without an answer: with nothing done, or with everything done."""

    when: Moment = "before"


class ExpireIterator(FaultKind, frozen=True, tag="expire_iterator"):
    """The iterator of a GetRecords call is answered as too old."""


class _Ending(FaultKind, frozen=True):
    after_events: _CountFrom0 = 0
    error: str | None = None
    """The exception that the stream of events ends with; `None`: it just ends."""
    message: str | None = None
    cut: bool = False
    """End the connection instead, in the middle."""


class EndSubscription(_Ending, frozen=True, tag="end_subscription"):
    """A subscription that is opened ends after `after_events` events, with 0 at once."""


class EndOpenSubscriptions(_Ending, frozen=True, tag="end_open_subscriptions"):
    """Open subscriptions end after `after_events` further events: done at once, and no rule."""


AnyFault: TypeAlias = (
    Error | Throttle | Delay | CutConnection | ExpireIterator | EndSubscription | EndOpenSubscriptions
)
_ENDS_THE_CALL = (Error, CutConnection, ExpireIterator)


class Piece(NamedTuple):
    """A shard that a call is about, or a record that it brings."""

    shard_id: str | None
    """`None` where it is not known beforehand."""
    partition_key: str | None = None


class Subject(NamedTuple):
    """The subject of a call: what rules can match."""

    operation: str
    stream: StreamName | None
    consumer: str | None
    pieces: Sequence[Piece]


class Fired(NamedTuple):
    """A fault that a call meets."""

    number: int
    """The rule's."""
    fault: AnyFault
    pieces: list[int]
    """Which pieces of the call the rule is about."""


class Rule:
    """A fault that waits for its calls."""

    def __init__(self, number: int, fault: AnyFault, operations: frozenset[str]) -> None:
        """`operations` are those that the fault can happen to."""
        self.number = number
        self.fault = fault
        self.operations = operations
        self.matched = 0
        self.fired = 0
        self._chance = SeededRandom(fault.seed)

    def meets(self, subject: Subject) -> Fired | None:
        """The fault that this call meets, if it does; it counts."""
        pieces = self._matching(subject)
        if pieces is None:
            return None
        self.matched += 1
        fault = self.fault
        if self.matched <= fault.skip or (fault.times is not None and self.fired >= fault.times):
            return None
        if fault.probability < 1 and self._chance.draw() >= fault.probability:
            return None
        self.fired += 1
        return Fired(self.number, fault, pieces)

    def document(self) -> dict[str, Any]:
        """The rule as it was given, its number, and how often it matched and fired."""
        fault: dict[str, Any] = msgspec.to_builtins(self.fault)
        return {"id": self.number, **fault, "matched": self.matched, "fired": self.fired}

    def _matching(self, subject: Subject) -> list[int] | None:
        fault = self.fault
        if subject.operation not in self.operations or not _is_stream(fault.stream, subject.stream):
            return None
        if fault.consumer is not None and fault.consumer != subject.consumer:
            return None
        if fault.shard is None and fault.partition_key is None:
            return list(range(len(subject.pieces)))
        pieces = [
            at
            for at, (shard_id, partition_key) in enumerate(subject.pieces)
            if fault.shard in (None, shard_id) and fault.partition_key in (None, partition_key)
        ]
        return pieces or None


def _is_stream(wanted: str | None, stream: StreamName | None) -> bool:
    if wanted is None:
        return True
    return stream is not None and wanted in (stream.name, stream_arn(stream))


class Faults:
    """The rules of one server."""

    def __init__(self, rules: dict[int, Rule] | None = None) -> None:
        """`rules` is an empty table that somebody else looks at, too."""
        self.rules: dict[int, Rule] = {} if rules is None else rules
        """By their numbers, in the order in which they were added. No number comes again."""
        self._last_number = 0

    def add(self, fault: AnyFault, operations: frozenset[str]) -> Rule:
        """A new rule for a fault that can happen to these operations."""
        self._last_number += 1
        rule = self.rules[self._last_number] = Rule(self._last_number, fault, operations)
        return rule

    def remove(self, number: int) -> Rule | None:
        """Take a rule away; `None` when there is none of that number."""
        return self.rules.pop(number, None)

    def clear(self) -> int:
        """Take all away; how many there were."""
        count = len(self.rules)
        self.rules.clear()
        return count

    def concern(self, operation: str) -> bool:
        """Whether any rule is about calls of this operation."""
        return any(operation in rule.operations for rule in self.rules.values())

    def met_by(self, subject: Subject) -> list[Fired]:
        """The faults that a call meets, in the order of the rules."""
        met: list[Fired] = []
        is_ended = False
        for rule in self.rules.values():
            ends = isinstance(rule.fault, _ENDS_THE_CALL)
            if ends and is_ended:
                continue
            fired = rule.meets(subject)
            if fired is not None:
                met.append(fired)
                is_ended = is_ended or ends
        return met
