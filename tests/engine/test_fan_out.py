"""Subscriptions, without a connection: what a sink is told, and when."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from headwater.api.operations.subscribe_to_shard import subscribe_to_shard
from headwater.api.streamed_answer import StreamedAnswer
from headwater.api.validation.constraints import accept
from headwater.engine.fan_out import (
    IDLE_EVENT_MS,
    PHASES,
    SUBSCRIPTION_LIFE_MS,
    TAKE_OVER_AFTER_MS,
    FanOutEvent,
    Phase,
)
from headwater.engine.limits.throughput_limits import ThroughputSettings
from headwater.model.arn import StreamName
from headwater.model.clock import ManualClock
from headwater.model.errors import KinesisError, ResourceInUseException, ResourceNotFoundException
from headwater.model.transitions import IllegalTransition
from headwater.storage.memory_store import MemoryStore
from headwater.wire.json_format import encode
from tests.engine.running_engine import CALLER, RunningEngine
from tests.phase_tables import never_left, reached_from

STREAM = "pushed"
SHARD = "shardId-000000000000"


class RecordingSink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[FanOutEvent] = []
        self.error: KinesisError | None = None
        self.ended = False

    def event(self, event: FanOutEvent) -> None:
        assert not self.ended
        self.events.append(event)

    def fail(self, error: KinesisError) -> None:
        assert not self.ended
        self.error, self.ended = error, True

    def end(self) -> None:
        assert not self.ended
        self.ended = True

    @property
    def data(self) -> list[bytes]:
        return [record["Data"] for event in self.events for record in event.page.records.documents()]


class HurryingClock(ManualClock):
    """A clock that no two readings find at the same time."""

    def now_ms(self) -> int:
        self.advance_ms(1)
        return super().now_ms()


class Subscribed:
    """A stream of one shard with one ACTIVE consumer."""

    def __init__(
        self,
        *,
        enforce_limits: bool = False,
        resubscribe_at_once: bool = False,
        clock: ManualClock | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.running = RunningEngine(
            MemoryStore,
            self.clock,
            enforce_limits=enforce_limits,
            resubscribe_at_once=resubscribe_at_once,
        )
        self.running.call("CreateStream", StreamName=STREAM, ShardCount=1)
        summary = self.running.call("DescribeStreamSummary", StreamName=STREAM)["StreamDescriptionSummary"]
        self.stream_arn = summary["StreamARN"]
        registered = self.running.call(
            "RegisterStreamConsumer", StreamARN=self.stream_arn, ConsumerName="reader"
        )
        self.consumer_arn = registered["Consumer"]["ConsumerARN"]

    def answer(self, start: str = "TRIM_HORIZON", shard: str = SHARD, **position: Any) -> StreamedAnswer:
        request = accept(
            "SubscribeToShard",
            encode(
                {
                    "ConsumerARN": self.consumer_arn,
                    "ShardId": shard,
                    "StartingPosition": {"Type": start, **position},
                }
            ),
        )
        return self.running.inbox.run(subscribe_to_shard(self.running.engine, CALLER, request))

    def subscribe(self, start: str = "TRIM_HORIZON", shard: str = SHARD, **position: Any) -> RecordingSink:
        sink = RecordingSink()
        self.subscription = self.answer(start, shard, **position).subscription
        self.subscription.start(sink)
        self.settle()
        return sink

    def put(self, *data: bytes) -> None:
        for item in data:
            self.running.call("PutRecord", StreamName=STREAM, Data=item, PartitionKey="k")
        self.settle()

    def pass_time(self, milliseconds: int) -> None:
        self.clock.advance_ms(milliseconds)
        self.settle()

    def settle(self) -> None:
        self.running.engine.tick()
        self.running.inbox.run_posted()


@pytest.fixture
def subscribed() -> Subscribed:
    return Subscribed()


def test_the_first_event_comes_at_once_even_when_it_is_empty(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    (event,) = sink.events
    assert len(event.page.records) == 0
    assert event.page.millis_behind_latest == 0
    assert event.continuation_sequence_number


def test_records_are_pushed_as_they_are_committed(subscribed: Subscribed) -> None:
    subscribed.put(b"before")
    sink = subscribed.subscribe()
    subscribed.put(b"one", b"two")
    assert sink.data == [b"before", b"one", b"two"]


def test_latest_begins_after_what_is_there(subscribed: Subscribed) -> None:
    subscribed.put(b"before")
    sink = subscribed.subscribe("LATEST")
    subscribed.put(b"after")
    assert sink.data == [b"after"]


def test_idle_events_come_every_few_seconds_and_move_the_continuation(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    for _ in range(3):
        subscribed.pass_time(IDLE_EVENT_MS)
    continuations = [event.continuation_sequence_number or "" for event in sink.events]
    assert len(continuations) == 4
    assert continuations == sorted(set(continuations))


def test_a_continuation_does_not_go_back_when_the_machines_clock_does(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.pass_time(10_000)
    subscribed.put(b"before")
    subscribed.pass_time(-5_000)
    subscribed.put(b"after")
    subscribed.pass_time(IDLE_EVENT_MS)
    continuations = [event.continuation_sequence_number or "" for event in sink.events]
    assert len(continuations) == 5
    assert continuations == sorted(continuations)


@pytest.mark.parametrize("start", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_continuation_between_two_records_goes_on_with_the_next_one(
    subscribed: Subscribed, start: str
) -> None:
    subscribed.put(b"read")
    first = subscribed.subscribe()
    subscribed.pass_time(IDLE_EVENT_MS)
    continuation = first.events[-1].continuation_sequence_number
    subscribed.subscription.stop()
    subscribed.pass_time(TAKE_OVER_AFTER_MS - IDLE_EVENT_MS)
    subscribed.put(b"unread")
    sink = subscribed.subscribe(start, SequenceNumber=continuation)
    assert sink.data == [b"unread"]


def test_a_subscription_ends_after_five_minutes(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.pass_time(SUBSCRIPTION_LIFE_MS - 1)
    assert not sink.ended
    subscribed.pass_time(1)
    assert sink.ended
    assert sink.error is None


def test_a_second_subscription_within_five_seconds_is_refused(subscribed: Subscribed) -> None:
    first = subscribed.subscribe()
    subscribed.pass_time(TAKE_OVER_AFTER_MS - 1)
    with pytest.raises(ResourceInUseException):
        subscribed.subscribe()
    assert not first.ended


def test_a_later_subscription_takes_over(subscribed: Subscribed) -> None:
    first = subscribed.subscribe()
    subscribed.pass_time(TAKE_OVER_AFTER_MS)
    second = subscribed.subscribe()
    subscribed.put(b"for the second")
    assert isinstance(first.error, ResourceInUseException)
    assert first.data == []
    assert second.data == [b"for the second"]


def test_a_subscription_that_its_reader_left_is_still_a_successful_call(subscribed: Subscribed) -> None:
    subscribed.subscribe()
    subscribed.subscription.stop()
    subscribed.pass_time(TAKE_OVER_AFTER_MS - 1)
    with pytest.raises(ResourceInUseException):
        subscribed.subscribe()
    subscribed.pass_time(1)
    assert not subscribed.subscribe().ended


def test_an_answer_that_nobody_took_is_one_too(subscribed: Subscribed) -> None:
    subscribed.answer()
    with pytest.raises(ResourceInUseException):
        subscribed.answer()


def test_a_call_that_is_refused_is_none(subscribed: Subscribed) -> None:
    subscribed.subscribe()
    for _ in range(3):
        subscribed.pass_time(TAKE_OVER_AFTER_MS // 3)
        with pytest.raises(ResourceInUseException):
            subscribed.subscribe()
    subscribed.pass_time(TAKE_OVER_AFTER_MS - TAKE_OVER_AFTER_MS // 3 * 3)
    assert not subscribed.subscribe().ended


def test_another_shard_and_another_consumer_are_free(subscribed: Subscribed) -> None:
    subscribed.running.call(
        "SplitShard", StreamName=STREAM, ShardToSplit=SHARD, NewStartingHashKey=str(2**127)
    )
    subscribed.subscribe()
    subscribed.subscribe(shard="shardId-000000000001")
    registered = subscribed.running.call(
        "RegisterStreamConsumer", StreamARN=subscribed.stream_arn, ConsumerName="other"
    )
    subscribed.consumer_arn = registered["Consumer"]["ConsumerARN"]
    subscribed.subscribe()


def test_a_clock_that_is_set_back_keeps_nobody_out(subscribed: Subscribed) -> None:
    subscribed.subscribe()
    subscribed.subscription.stop()
    subscribed.pass_time(-3_600_000)
    assert not subscribed.subscribe().ended


def test_who_has_left_can_be_followed_at_once_where_that_is_asked_for() -> None:
    subscribed = Subscribed(resubscribe_at_once=True)
    subscribed.subscribe()
    with pytest.raises(ResourceInUseException):
        subscribed.subscribe()
    subscribed.subscription.stop()
    assert not subscribed.subscribe().ended


def test_who_was_ended_on_purpose_is_followed_at_once_however_time_passes() -> None:
    subscribed = Subscribed(clock=HurryingClock())
    subscribed.subscribe()
    subscribed.subscription.end_after(0, None)
    assert not subscribed.subscribe().ended


def test_the_last_event_of_a_closed_shard_has_the_children_and_no_continuation(
    subscribed: Subscribed,
) -> None:
    sink = subscribed.subscribe()
    subscribed.put(b"last")
    subscribed.running.call(
        "SplitShard", StreamName=STREAM, ShardToSplit=SHARD, NewStartingHashKey=str(2**127)
    )
    subscribed.settle()
    assert sink.data == [b"last"]
    assert sink.ended
    assert sink.error is None
    *earlier, last = sink.events
    assert all(event.continuation_sequence_number and not event.page.children for event in earlier)
    assert last.continuation_sequence_number is None
    assert [child.index for child in last.page.children] == [1, 2]


def test_a_closed_shard_gives_its_end_at_once_to_latest(subscribed: Subscribed) -> None:
    subscribed.running.call(
        "SplitShard", StreamName=STREAM, ShardToSplit=SHARD, NewStartingHashKey=str(2**127)
    )
    subscribed.settle()
    sink = subscribed.subscribe("LATEST")
    assert sink.ended
    assert len(sink.events) == 1
    assert sink.events[0].page.children


def test_nothing_is_pushed_to_a_slow_reader(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.subscription.pause()
    subscribed.put(b"one", b"two")
    subscribed.pass_time(IDLE_EVENT_MS)
    assert len(sink.events) == 1
    subscribed.subscription.resume()
    subscribed.settle()
    assert sink.data == [b"one", b"two"]


def test_events_are_of_bounded_size_and_tell_how_far_behind_they_are(subscribed: Subscribed) -> None:
    subscribed.put(*[bytes(700_000)] * 3)
    subscribed.pass_time(1000)
    sink = subscribed.subscribe()
    assert [len(event.page.records) for event in sink.events] == [1, 1, 1]
    assert [event.page.millis_behind_latest for event in sink.events] == [1000, 1000, 0]


def test_deregistering_the_consumer_ends_its_subscriptions(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.running.call("DeregisterStreamConsumer", ConsumerARN=subscribed.consumer_arn)
    subscribed.settle()
    assert isinstance(sink.error, ResourceNotFoundException)


def test_a_subscription_to_a_stream_that_goes_before_it_starts_ends_with_an_error(
    subscribed: Subscribed,
) -> None:
    subscribed.subscribe()
    subscribed.pass_time(TAKE_OVER_AFTER_MS)
    answer = subscribed.answer()
    subscribed.running.call("DeleteStream", StreamName=STREAM, EnforceConsumerDeletion=True)
    subscribed.settle()
    sink = RecordingSink()
    answer.subscription.start(sink)
    subscribed.settle()
    assert isinstance(sink.error, ResourceNotFoundException)


def test_deleting_the_stream_ends_its_subscriptions(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.running.call("DeleteStream", StreamName=STREAM, EnforceConsumerDeletion=True)
    subscribed.settle()
    assert isinstance(sink.error, ResourceNotFoundException)


def test_a_reset_ends_every_subscription(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.running.inbox.run(subscribed.running.engine.reset())
    subscribed.settle()
    assert isinstance(sink.error, ResourceNotFoundException)


def test_a_reader_that_left_is_told_nothing_more(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    subscribed.subscription.stop()
    subscribed.put(b"unseen")
    assert len(sink.events) == 1
    assert not sink.ended


def test_a_consumer_gets_two_mebibytes_a_second_when_limits_are_enforced() -> None:
    subscribed = Subscribed(enforce_limits=True)
    sent = [bytes([65 + at]) * (1024 * 1024 - 1) for at in range(6)]
    for data in sent:
        subscribed.put(data)
        subscribed.pass_time(1_000)
    sink = subscribed.subscribe()
    assert sink.data == sent[:2]
    subscribed.pass_time(400)
    assert len(sink.data) == 3
    for _ in range(10):
        subscribed.pass_time(100)
    assert len(sink.data) == 5
    subscribed.pass_time(1_000)
    assert sink.data == sent


def test_subscribing_again_does_not_give_a_consumer_more() -> None:
    subscribed = Subscribed(enforce_limits=True, resubscribe_at_once=True)
    for _ in range(12):
        subscribed.put(b"x" * (1024 * 1024 - 1))
        subscribed.pass_time(1_000)
    subscribed.pass_time(6_000)
    assert len(subscribed.subscribe().data) == 2
    subscribed.subscription.stop()
    again = subscribed.subscribe()
    assert again.data == []
    subscribed.pass_time(400)
    assert len(again.data) == 1


def test_limits_that_come_and_go_hold_for_a_subscription_under_way(subscribed: Subscribed) -> None:
    enforcement = subscribed.running.engine.enforcement
    name = StreamName(*CALLER, STREAM)
    sink = subscribed.subscribe("LATEST")
    enforcement.set_own_rule(name, ThroughputSettings(fan_out_bytes_per_s=100))
    subscribed.put(b"x" * 99)
    subscribed.put(b"y" * 99)
    assert sink.data == [b"x" * 99]
    subscribed.pass_time(100)
    assert sink.data == [b"x" * 99, b"y" * 99]
    subscribed.put(b"z")
    assert len(sink.data) == 2
    enforcement.set_own_rule(name, "exempt")
    subscribed.pass_time(1)
    assert sink.data[2:] == [b"z"]


def test_every_phase_is_reached_and_only_what_is_over_goes_nowhere() -> None:
    assert reached_from("new", PHASES) == set(get_args(Phase))
    assert never_left(PHASES) == {"over"}
    assert set(PHASES["end"]) == set(get_args(Phase)) - {"over"}


def test_a_subscription_is_started_once(subscribed: Subscribed) -> None:
    sink = subscribed.subscribe()
    with pytest.raises(IllegalTransition):
        subscribed.subscription.start(RecordingSink())
    subscribed.subscription.stop()
    subscribed.subscription.stop()  # whoever reads may say so twice
    with pytest.raises(IllegalTransition):
        subscribed.subscription.start(sink)
