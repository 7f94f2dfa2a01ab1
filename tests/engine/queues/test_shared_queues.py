"""A queue of several servers: a record is with one worker, whichever of them the worker has asked."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.api.held_answer import HeldAnswer
from headwater.api.operation import OPERATIONS
from headwater.api.validation.constraints import accept
from headwater.engine.queues.progress import ProgressKey
from headwater.model.clock import ManualClock
from headwater.model.completion import drive
from headwater.model.errors import ResourceInUseException, ResourceNotFoundException
from headwater.storage.interface import Post
from headwater.wire.json_format import encode
from tests.api.channels import ROLE, bucket_request
from tests.engine.running_engine import CALLER, RunningEngine
from tests.storage.shared_memory_store import SharedMemoryStore

VISIBILITY_MS = 30_000
ONE_RECEIVE = {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}}


class SharedQueue:
    """Two engines over the same data, with a queue from the first record on."""

    def __init__(self, **attributes: Any) -> None:
        self.clock = ManualClock()
        self.stores: list[SharedMemoryStore] = []
        self.engines = [RunningEngine(self._open_store, self.clock, seed=seed) for seed in (1, 2)]
        self.arn = self.create("orders", "work", attributes=attributes)

    def _open_store(self, post: Post) -> SharedMemoryStore:
        self.stores.append(SharedMemoryStore(post, self.stores[0] if self.stores else None))
        return self.stores[-1]

    def create(
        self, stream: str, queue: str, start: str = "TRIM_HORIZON", attributes: Any = None, at: int = 0
    ) -> str:
        engine = self.engines[at]
        mode = {"StreamMode": "ON_DEMAND"}
        if stream not in engine.call("ListStreams")["StreamNames"]:
            engine.call("CreateStream", StreamName=stream, StreamModeDetails=mode)
        configuration = {"StreamARN": arn_of(stream), "StartingPosition": {"Type": start}}
        answer = engine.call(
            "CreateQueue",
            QueueName=queue,
            StreamConfigurationList=[configuration],
            QueueAttributes=attributes or {},
        )
        arn: str = answer["QueueDescription"]["QueueARN"]
        return arn

    def put(self, at: int, *texts: str) -> None:
        records = [{"Data": b64encode(text.encode()).decode(), "PartitionKey": "key"} for text in texts]
        self.engines[at].call("PutRecords", StreamName="orders", Records=records)

    def receive(
        self, at: int, operation: str = "ReceiveQueueRecords", **members: Any
    ) -> list[dict[str, Any]]:
        asked = {"QueueARN": self.arn, "WaitTimeSeconds": 1, **members}
        records: list[dict[str, Any]] = self.engines[at].call(operation, **asked)["QueueRecords"]
        return records

    def dead_letters(self, at: int, **members: Any) -> list[dict[str, Any]]:
        return self.receive(at, "ReceiveDeadLetterQueueRecords", **members)

    def settle(self, at: int, operation: str, *records: dict[str, Any], **members: Any) -> dict[str, Any]:
        entries = [{"ReceiptHandle": record["ReceiptHandle"], **members} for record in records]
        return self.engines[at].call(operation, QueueARN=self.arn, Entries=entries)

    def begin(self, at: int, **members: Any) -> list[list[str]]:
        """A receive whose commit nobody has made yet; gets its answer when it is there."""
        handler = OPERATIONS["ReceiveQueueRecords"].handler
        assert handler is not None
        asked = accept("ReceiveQueueRecords", encode({"QueueARN": self.arn, **members}))
        answers: list[list[str]] = []

        def answered(answer: Any, error: BaseException | None) -> None:
            assert error is None
            if isinstance(answer, HeldAnswer):
                drive(answer.answered(), answered)
            else:
                answers.append(texts_of(answer["QueueRecords"].documents()))

        drive(handler(self.engines[at].engine, CALLER, asked), answered)
        return answers

    def run(self) -> None:
        """Let both do what they have been asked for."""
        while sum(engine.inbox.run_posted() for engine in self.engines):
            pass

    def pass_ms(self, duration_ms: int) -> None:
        self.clock.advance_ms(duration_ms)
        for engine in self.engines:
            engine.engine.tick()
        self.run()

    def stored(self) -> list[str]:
        """What the store has of the queue."""
        return [key for key in self.stores[0].metadata() if key.startswith("queue/")]


def arn_of(stream: str) -> str:
    return f"arn:aws:kinesis:{CALLER.region}:{CALLER.account_id}:stream/{stream}"


def texts_of(records: list[dict[str, Any]]) -> list[str]:
    return [record["Data"].decode() for record in records]


@pytest.fixture
def queue() -> Iterator[SharedQueue]:
    shared = SharedQueue()
    yield shared
    for engine in shared.engines:
        engine.close()


@pytest.fixture
def strict_queue() -> Iterator[SharedQueue]:
    """One receive, and a record is a dead letter."""
    shared = SharedQueue(**ONE_RECEIVE)
    yield shared
    for engine in shared.engines:
        engine.close()


def test_what_one_has_handed_out_the_other_does_not_until_its_visibility_ends(queue: SharedQueue) -> None:
    queue.put(1, "a", "b")
    (first,) = queue.receive(0, Limit=1)
    assert texts_of(queue.receive(1)) == ["b"]
    assert queue.receive(0) == queue.receive(1) == []
    queue.pass_ms(VISIBILITY_MS)
    again = queue.receive(1)
    assert sorted(texts_of(again)) == ["a", "b"]
    assert {record["ReceiveCount"] for record in again} == {2}
    assert first["RecordId"] in {record["RecordId"] for record in again}
    assert queue.receive(0) == []


def test_of_two_that_choose_the_same_record_at_the_same_moment_one_gets_it(queue: SharedQueue) -> None:
    queue.put(0, "a", "b", "c")
    for at in (0, 1):
        assert queue.receive(at, Limit=1)  # both know the queue
    answers = [queue.begin(at, WaitTimeSeconds=20) for at in (0, 1)]
    queue.run()
    assert sorted(answers) == [[], [["c"]]]
    queue.put(0, "d")
    queue.run()
    assert sorted(answers) == [[["c"]], [["d"]]]


def test_a_handle_of_one_acknowledges_at_the_other_and_for_good(queue: SharedQueue) -> None:
    queue.put(0, "a")
    received = queue.receive(0)
    assert len(queue.settle(1, "AcknowledgeQueueRecords", *received)["Successful"]) == 1
    queue.pass_ms(2 * VISIBILITY_MS)
    assert queue.receive(0) == queue.receive(1) == []
    assert len(queue.settle(0, "AcknowledgeQueueRecords", *received)["Successful"]) == 1


def test_an_older_handle_does_nothing_at_either(queue: SharedQueue) -> None:
    queue.put(0, "a")
    old = queue.receive(0)
    queue.pass_ms(VISIBILITY_MS)
    new = queue.receive(1)
    for at in (0, 1):
        assert len(queue.settle(at, "AcknowledgeQueueRecords", *old)["Successful"]) == 1
        answer = queue.settle(at, "UpdateQueueRecordsVisibility", *old, VisibilityTimeoutSeconds=0)
        assert [entry["ErrorCode"] for entry in answer["Failed"]] == ["InvalidArgumentException"]
    queue.pass_ms(VISIBILITY_MS)
    assert [record["RecordId"] for record in queue.receive(0)] == [new[0]["RecordId"]]


def test_a_visibility_that_is_changed_at_one_holds_at_the_other(queue: SharedQueue) -> None:
    queue.put(0, "a")
    received = queue.receive(0)
    queue.settle(1, "UpdateQueueRecordsVisibility", *received, VisibilityTimeoutSeconds=90)
    queue.pass_ms(2 * VISIBILITY_MS)
    assert queue.receive(0) == queue.receive(1) == []
    queue.settle(0, "UpdateQueueRecordsVisibility", *received, VisibilityTimeoutSeconds=0)
    assert texts_of(queue.receive(1, VisibilityTimeoutSeconds=0)) == ["a"]
    assert texts_of(queue.receive(0)) == ["a"]


def test_who_waits_at_one_hears_of_what_is_put_and_given_back_at_the_other(queue: SharedQueue) -> None:
    waiting = queue.begin(1, WaitTimeSeconds=20)
    queue.run()
    queue.put(0, "a")
    queue.run()
    assert waiting == [["a"]]
    queue.pass_ms(VISIBILITY_MS)
    received = queue.receive(0)
    waiting = queue.begin(1, WaitTimeSeconds=20)
    queue.run()
    assert waiting == []
    queue.settle(0, "UpdateQueueRecordsVisibility", *received, VisibilityTimeoutSeconds=0)
    queue.pass_ms(100)
    assert waiting == [["a"]]


def test_who_leaves_while_a_record_is_chosen_for_it_gets_no_answer_and_the_record_comes_back(
    queue: SharedQueue,
) -> None:
    queue.put(0, "a")
    stream, of_stream = queue.engines[0].engine.all_streams()[0], queue.engines[0].engine.queues
    live = of_stream.live(stream, stream.queues[0])
    waiter = live.receive(10, 20_000, None, is_dead=False)
    assert not waiter.is_waiting
    assert waiter.leave()
    assert not waiter.leave()
    queue.run()
    assert queue.receive(1) == []
    queue.pass_ms(VISIBILITY_MS)
    assert texts_of(queue.receive(1)) == ["a"]


def test_when_one_is_killed_the_other_goes_on_and_remembers_how_often_a_record_was_received(
    strict_queue: SharedQueue,
) -> None:
    strict_queue.put(0, "a")
    assert texts_of(strict_queue.receive(0)) == ["a"]
    strict_queue.engines[0].close()
    del strict_queue.engines[0]
    assert strict_queue.receive(0) == []
    strict_queue.pass_ms(VISIBILITY_MS)
    assert strict_queue.receive(0) == []
    assert texts_of(strict_queue.dead_letters(0)) == ["a"]


def test_a_dead_letter_is_with_one_worker_and_settled_at_either(strict_queue: SharedQueue) -> None:
    queue = strict_queue
    queue.put(0, "discarded", "restored")
    assert len(queue.receive(0, VisibilityTimeoutSeconds=0)) == 2
    queue.pass_ms(100)
    dead = {record["Data"].decode(): record for record in queue.dead_letters(0)}
    assert sorted(dead) == ["discarded", "restored"]
    assert queue.dead_letters(1) == []
    queue.settle(1, "AcknowledgeDeadLetterQueueRecords", dead["discarded"])
    change = "UpdateDeadLetterQueueRecordsVisibility"
    queue.settle(1, change, dead["restored"], VisibilityTimeoutSeconds=0)
    queue.settle(0, "RestoreDeadLetterQueueRecords", dead["restored"])
    (again,) = queue.receive(1)
    assert (again["Data"], again["ReceiveCount"]) == (b"restored", 1)
    assert queue.dead_letters(0) == queue.dead_letters(1) == []


def test_an_engine_that_starts_finds_who_has_what(queue: SharedQueue) -> None:
    queue.put(0, *"abc")
    acknowledged, kept = queue.receive(0, Limit=2)
    queue.settle(0, "AcknowledgeQueueRecords", acknowledged)
    queue.engines.append(RunningEngine(queue._open_store, queue.clock, seed=3))
    assert texts_of(queue.receive(2)) == ["c"]
    assert len(queue.settle(2, "AcknowledgeQueueRecords", kept)["Successful"]) == 1
    queue.pass_ms(VISIBILITY_MS)
    assert [texts_of(queue.receive(at)) for at in (0, 1, 2)] == [["c"], [], []]
    assert [engine.engine.check() for engine in queue.engines] == [[], [], []]


def test_pages_that_are_done_with_go_and_nothing_of_them_comes_back(queue: SharedQueue) -> None:
    for _ in range(42):
        queue.put(0, *(str(at) for at in range(100)))
        for at in (0, 1) * 5:
            queue.settle(1 - at, "AcknowledgeQueueRecords", *queue.receive(at))
    pages = {ProgressKey.parse(key).page for key in queue.stored()}
    assert pages == {None, 1}
    queue.pass_ms(VISIBILITY_MS)
    assert queue.receive(0) == queue.receive(1) == []


A_CHANNEL = {
    "ChannelName": "same",
    "ServiceExecutionRoleARN": ROLE,
    "S3DestinationConfiguration": bucket_request(CALLER.account_id),
}


@pytest.mark.parametrize(
    ("operation", "members", "of_stream"),
    [
        ("CreateQueue", {"QueueName": "same"}, {}),
        ("CreateChannel", A_CHANNEL, {"RecordConfiguration": {"RecordFormatType": "JSON"}}),
    ],
)
def test_a_name_is_one_queues_or_channels_whoever_gives_it(
    queue: SharedQueue, operation: str, members: dict[str, Any], of_stream: dict[str, Any]
) -> None:
    for at, stream in enumerate(("invoices", "payments")):
        queue.create(stream, f"of-{stream}", at=at)
    handler = OPERATIONS[operation].handler
    assert handler is not None
    ended: list[BaseException | None] = []
    for at, stream in enumerate(("invoices", "payments")):
        start = [{"StreamARN": arn_of(stream), **of_stream}]
        asked = accept(operation, encode({**members, "StreamConfigurationList": start}))
        drive(handler(queue.engines[at].engine, CALLER, asked), lambda _, error: ended.append(error))
    queue.run()
    assert [type(error) for error in ended].count(ResourceInUseException) == 1
    assert ended.count(None) == 1


def test_a_queue_from_the_latest_record_on_begins_where_all_engines_are(queue: SharedQueue) -> None:
    queue.put(1, "before")
    queue.arn = queue.create("orders", "later", start="LATEST")
    queue.put(1, "after")
    assert texts_of(queue.receive(0)) == ["after"]


def test_what_is_left_of_a_queue_that_is_gone_is_removed_by_the_holder_of_the_lease(
    queue: SharedQueue,
) -> None:
    queue.put(0, "a")
    queue.receive(0)
    (key,) = queue.stored()
    value = queue.stores[0].metadata()[key].value
    queue.engines[0].call("DeleteQueue", QueueARN=queue.arn)
    queue.pass_ms(100)
    with pytest.raises(ResourceNotFoundException):
        queue.receive(1)
    assert queue.stored() == []
    queue.engines[1].inbox.run(queue.engines[1].engine.write_metadata({key: value}))  # it did not know
    queue.pass_ms(100)
    queue.pass_ms(10_000)
    queue.pass_ms(100)
    assert queue.stored() == []
