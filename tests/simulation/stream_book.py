"""Every stream as the reference has it, and whether what the engine answers can be.

Rules:
- a call that changes a stream is held against the rules at the moment of its effect: what is
  done must have been allowed, what is refused must have been forbidden while it was under way;
- an answer that describes a stream must describe the reference's;
- all numbers of a stream, and the ARNs of its consumers, are of later seconds than those of the
  streams of its name before it;
- a transition that is surely due must have happened, unless the store could not write or the
  server was busy; one that may be due may have happened;
- after a crash, some of the calls that were under way may have had their effect, in some order,
  and nothing else may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

from headwater.model.arn import StreamName, stream_arn
from tests.simulation.record_book import RecordBook
from tests.simulation.shard_book import ShardBook, hash_range_of
from tests.simulation.simulated_server import CALLER, Flight, SimulatedServer
from tests.simulation.stream_rules import HOUR_MS, RULES, Call, Refused, Span, StreamState, dues, settled

SERVING = ("ACTIVE", "UPDATING")
Candidates = tuple[StreamState | None, ...]
LOST_EFFECTS_MAX = 2
"""Of the calls on one stream that a crash interrupts, no more can have had their effect: one that was on
its way to be told, and one that came just before the end. A third would have had to wait for the first."""


@dataclass
class ExpectedStream:
    """One name: the states in which it may have been, each time with the step from which on."""

    states: list[tuple[int, Candidates]]
    shards: ShardBook
    records: RecordBook
    changes_under_way: int = 0
    last_change_ended: int = -1
    gone_before_ms: int = 0
    """Records that arrived before this may be gone: they have been beyond retention at some time."""
    consumers_s: dict[str, int] = field(default_factory=dict)
    """The second in the ARN that a consumer's name had last."""
    listed: int = field(default=-1)
    """The step of the last listing of its shards."""

    @property
    def candidates(self) -> Candidates:
        """The states in which it may be now."""
        return self.states[-1][1]

    @property
    def state(self) -> StreamState | None:
        """One of them; there is a stream if there may be one."""
        return next((state for state in self.candidates if state is not None), None)

    def during(self, since: int) -> Candidates:
        """The states in which it may have been from a step on."""
        later = [states for step, states in self.states if step > since]
        before = [states for step, states in self.states if step <= since]
        return _distinct(state for states in [*before[-1:], *later] for state in states)


class StreamBook:
    """The reference for all streams."""

    def __init__(self, server: SimulatedServer, names: list[str]) -> None:
        self._server = server
        self.latest_ms = server.clock.now_ms()
        self.streams = {
            name: ExpectedStream([(-1, (None,))], ShardBook(self.latest_ms), RecordBook()) for name in names
        }
        server.recovered = self.recover

    def arn_of(self, name: str) -> str:
        return stream_arn(StreamName(*CALLER, name))

    def name_in(self, members: dict[str, Any]) -> str:
        """The stream that a call is about."""
        if "StreamName" in members:
            return str(members["StreamName"])
        return str(members.get("StreamARN") or members["ResourceARN"]).rpartition("/")[2]

    # Changes

    def change(self, operation: str, **members: Any) -> Any:
        """Begin a call that changes a stream."""
        self.streams[self.name_in(members)].changes_under_way += 1
        return self._server.call(operation, self.settle_change, **members)

    def settle_change(self, flight: Flight) -> None:
        """Hold the outcome of a change against the rules, and take it over."""
        stream = self.streams[self.name_in(flight.members)]
        stream.changes_under_way -= 1
        if flight.code == "ConnectionLost":
            return  # `recover` finds out
        if flight.code == "StoreUnavailable":
            assert flight.saw_failures, f"{flight.operation} fails though the store did not"
        elif flight.code is None:
            self._take_over(flight, stream)
        else:
            self._check_refusal(flight, stream)
        stream.last_change_ended = flight.ended

    def _take_over(self, flight: Flight, stream: ExpectedStream) -> None:
        after = self._after(stream, stream.candidates, [flight])
        assert after, f"{flight.operation} {flight.members} is done, though it is {stream.candidates}"
        self._become(stream, after, flight.ended)
        if flight.operation == "RegisterStreamConsumer":
            name = flight.members["ConsumerName"]
            created_s = int(flight.answer["Consumer"]["ConsumerARN"].rpartition(":")[2])
            assert created_s > stream.consumers_s.get(name, -1), f"{name} is of the same second again"
            stream.consumers_s[name] = created_s

    def _check_refusal(self, flight: Flight, stream: ExpectedStream) -> None:
        expected: list[str | None] = []
        for view in self._views(stream, stream.during(flight.started), flight):
            for call in self._calls(flight, stream):
                try:
                    RULES[flight.operation](view, call)
                    expected.append(None)
                except Refused as refused:
                    expected.append(refused.code)
                if expected[-1] == flight.code:
                    return
        stale = stream.listed <= max(stream.states[-1][0], flight.started) or not expected
        if flight.operation in {"SplitShard", "MergeShards"} and (
            stale or "ResourceInUseException" in expected
        ):
            # A shard that was closed unseen, or is closed and by now beyond retention.
            assert flight.code in {"ResourceInUseException", "ResourceNotFoundException"}, flight
            return
        raise AssertionError(f"{flight.operation} {flight.members}: {flight.error!r}, not {expected}")

    def _become(self, stream: ExpectedStream, candidates: Candidates, step: int) -> None:
        before = stream.state
        if candidates == stream.candidates:
            return
        stream.states.append((step, candidates))
        now = stream.state
        if now is not None and (before is None or before.born != now.born):
            after_s = max(stream.shards.latest_s, stream.records.latest_s, *stream.consumers_s.values(), -1)
            stream.shards = ShardBook(self._server.clock.now_ms(), after_s)
            stream.records.begin_anew()
            stream.gone_before_ms = 0
        self._expire(stream)

    # Time

    def clock_moved(self) -> None:
        """Take note of what the new time may have made to go."""
        self._server.clock_moved()
        self.latest_ms = max(self.latest_ms, self._server.clock.now_ms())
        for stream in self.streams.values():
            self._expire(stream)
            stream.records.clock_moved(self._server.clock.now_ms())
            stream.shards.clock_moved(self._server.clock.now_ms())

    def _expire(self, stream: ExpectedStream) -> None:
        periods = [state.retention_hours for state in stream.candidates if state is not None]
        if periods:
            horizon_ms = self._server.clock.now_ms() - min(periods) * HOUR_MS
            stream.gone_before_ms = max(stream.gone_before_ms, horizon_ms)

    # What can be

    def _views(self, stream: ExpectedStream, states: Candidates, flight: Flight) -> Candidates:
        """The states as they may be while the call is worked on: with this or that transition over."""
        changing = stream.changes_under_way or stream.last_change_ended >= flight.started
        disturbed = changing or flight.saw_failures or flight.met_others
        views: list[StreamState | None] = []
        for state in states:
            possibly = [name for name, due in dues(state).items() if due.least_ms <= self.latest_ms]
            surely = [name for name, due in dues(state).items() if due.most_ms <= flight.least_ms]
            maybe = possibly if disturbed else [name for name in possibly if name not in surely]
            always = [] if disturbed else surely
            for count in range(len(maybe) + 1):
                views += [settled(state, [*always, *over]) for over in combinations(maybe, count)]
        return _distinct(views)

    def _calls(self, flight: Flight, stream: ExpectedStream) -> Iterator[Call]:
        transition_ms = self._server.transition_ms
        due = Span(flight.least_ms + transition_ms, flight.most_ms + transition_ms)
        for now_ms in sorted({flight.least_ms, flight.most_ms}):
            yield Call(flight.members, now_ms, due, flight.ended, stream.shards.range_of)

    def may_serve(self, name: str, flight: Flight, *, serving: bool) -> bool:
        """Whether the stream may have been serving records, or not, at some time of the call."""
        stream = self.streams[name]
        views = self._views(stream, stream.during(flight.started), flight)
        return any((view is not None and view.status in SERVING) is serving for view in views)

    def visible_from_ms(self, name: str, flight: Flight) -> int:
        """Records that arrived before this are beyond retention, whatever happened during the call."""
        periods = [state.retention_hours for state in self.streams[name].during(flight.started) if state]
        return flight.least_ms - max(periods, default=8760) * HOUR_MS

    # Descriptions

    def look(self, operation: str, **members: Any) -> Any:
        """Begin a call that describes a stream."""
        return self._server.call(operation, self.settle_look, **members)

    def settle_look(self, flight: Flight) -> None:
        """Hold a description, or its refusal, against the reference."""
        name = self.name_in(flight.members)
        stream = self.streams[name]
        if flight.code in {"ConnectionLost", "StoreUnavailable"}:
            assert flight.code == "ConnectionLost" or flight.saw_failures
            return
        if flight.code is not None:
            wanted = _refusals(flight.operation)
            views = self._views(stream, stream.during(flight.started), flight)
            statuses = {None if view is None else view.status for view in views}
            assert statuses & wanted.get(flight.code, set()), f"{name}: {flight.error!r}: {statuses}"
            return
        described = _described(flight.operation, flight.answer)
        views = self._views(stream, stream.candidates, flight)
        expected = [view and _expected(view)[flight.operation] for view in views]
        matching = tuple(
            view for view, told in zip(views, expected, strict=True) if view and told == described
        )
        assert matching, f"{name}: {flight.operation} tells {described}, not {expected}"
        self._become(stream, matching, flight.ended)
        if flight.operation == "ListShards":
            now_ms = self._server.clock.now_ms()
            stream.shards.check_listing(flight.answer["Shards"], now_ms, self.latest_ms)
            stream.listed = flight.ended

    # Crashes

    def recover(self, lost: list[Flight]) -> None:
        """Find out which of the lost calls have had their effect."""
        for name, stream in self.streams.items():
            calls = [f for f in lost if f.operation in RULES and self.name_in(f.members) == name]
            picture = self.picture(name)
            step, now_ms = self._server.step, self._server.clock.now_ms()
            look = Flight("", {}, step, now_ms, now_ms, 0, met_others=False, ended=step)
            found = _distinct(
                view
                for count in range(min(len(calls), LOST_EFFECTS_MAX) + 1)
                for order in permutations(calls, count)
                for view in self._views(stream, self._after(stream, stream.candidates, list(order)), look)
                if _pictured(view) == picture
            )
            assert found, f"{name}: after a crash it is {picture}; it was {stream.candidates}, lost: {calls}"
            self._become(stream, found, self._server.step)
            if picture is not None and "ListShards" in picture:
                listing = self._server.ask("ListShards", StreamName=name)["Shards"]
                stream.shards.check_listing(listing, self._server.clock.now_ms(), self.latest_ms)

    def picture(self, name: str) -> dict[str, Any] | None:
        """All that the engine tells of a stream; `None` when there is none."""
        arn = self.arn_of(name)
        if name not in self._server.ask("ListStreams")["StreamNames"]:
            return None
        summary = self._server.ask("DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"]
        status = summary["StreamStatus"]
        asked = {
            operation: self._server.ask(operation, **({member: arn if member != "StreamName" else name}))
            for operation, member in LOOKS.items()
            if operation != "ListShards" or status in SERVING
        }
        return {operation: _described(operation, answer) for operation, answer in asked.items()}

    def _after(self, stream: ExpectedStream, states: Candidates, flights: list[Flight]) -> Candidates:
        """The states in which it may be after these calls, one after the other, have been done."""
        for flight in flights:
            after = []
            for view in self._views(stream, states, flight):
                for call in self._calls(flight, stream):
                    with suppress(Refused):
                        after.append(RULES[flight.operation](view, call))
            states = _distinct(after)
        return states


def _distinct(states: Iterable[StreamState | None]) -> Candidates:
    return tuple(dict.fromkeys(states))


LOOKS = {
    "DescribeStreamSummary": "StreamName",
    "GetResourcePolicy": "ResourceARN",
    "ListShards": "StreamName",
    "ListStreamConsumers": "StreamARN",
    "ListTagsForStream": "StreamName",
}
"""The operations that describe a stream, and the member that names it."""


def _refusals(operation: str) -> dict[str, set[str | None]]:
    """For each error, the states of a stream in which the operation may answer it."""
    if operation == "ListShards":
        return {
            "ResourceNotFoundException": {None},
            "ResourceInUseException": {"CREATING", "DELETING"},
        }
    return {"ResourceNotFoundException": {None}}


def _described(operation: str, answer: dict[str, Any]) -> Any:
    """What an answer tells, in the reference's words."""
    return _READERS[operation](answer)


def _expected(state: StreamState) -> dict[str, Any]:
    """What each description of a stream must tell."""
    shard_count = 0 if state.status == "CREATING" else len(state.open_ranges)
    return {
        "DescribeStreamSummary": (
            *(state.status, state.retention_hours, state.mode, state.key_id, state.max_record_size_kib),
            *(shard_count, len(state.consumers)),
        ),
        "GetResourcePolicy": state.policy or "{}",
        "ListShards": state.open_ranges,
        "ListStreamConsumers": [(name, consumer.status) for name, consumer in state.consumers],
        "ListTagsForStream": list(state.tags),
    }


def _pictured(state: StreamState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    told = _expected(state)
    if state.status not in SERVING:
        del told["ListShards"]
    return told


def _summary(answer: dict[str, Any]) -> tuple[Any, ...]:
    told = answer["StreamDescriptionSummary"]
    assert (told["EncryptionType"] == "KMS") == ("KeyId" in told)
    return (
        *(told["StreamStatus"], told["RetentionPeriodHours"], told["StreamModeDetails"]["StreamMode"]),
        *(told.get("KeyId"), told["MaxRecordSizeInKiB"], told["OpenShardCount"], told["ConsumerCount"]),
    )


def _open_ranges(answer: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    shards = answer["Shards"]
    opened = [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
    return tuple(sorted(hash_range_of(shard) for shard in opened))


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "DescribeStreamSummary": _summary,
    "GetResourcePolicy": lambda answer: answer["Policy"],
    "ListShards": _open_ranges,
    "ListStreamConsumers": lambda answer: [
        (consumer["ConsumerName"], consumer["ConsumerStatus"]) for consumer in answer["Consumers"]
    ],
    "ListTagsForStream": lambda answer: sorted((tag["Key"], tag["Value"]) for tag in answer["Tags"]),
}
