"""A queue over restarts, failures of its store, and time: what is forgotten, and what never is."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from headwater.engine.queues.progress import PAGE_POSITIONS
from headwater.model.errors import ResourceNotFoundException
from headwater.storage.interface import Post, Store, StoreUnavailable
from tests.engine.queues.queue_engine import QueueEngine, on_disk, text_of
from tests.storage.faulty_store import FaultyStore

ONE_RECEIVE = {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}


def test_a_restart_forgets_receives_and_no_acknowledgement(tmp_path: Path) -> None:
    queue = QueueEngine(on_disk(tmp_path))
    queue.put(*"abcdefgh")
    records = {text_of(record): record for record in queue.receive()}
    queue.acknowledge([records["c"], records["a"]])
    queue.restart()
    again = {text_of(record): record for record in queue.receive()}
    assert sorted(again) == list("bdefgh")
    assert {record["ReceiveCount"] for record in again.values()} == {1}
    assert again["b"]["RecordId"] == records["b"]["RecordId"]
    assert queue.engine.check() == []
    queue.close()


def test_a_handle_from_before_a_restart_acknowledges_until_the_record_is_handed_out_again(
    tmp_path: Path,
) -> None:
    queue = QueueEngine(on_disk(tmp_path))
    queue.put("early", "late")
    records = {text_of(record): record for record in queue.receive()}
    queue.restart()
    assert len(queue.acknowledge([records["early"]])["Successful"]) == 1
    assert [text_of(record) for record in queue.receive()] == ["late"]
    assert len(queue.acknowledge([records["late"]])["Successful"]) == 1  # an older one: it does nothing
    queue.clock.advance_ms(30_000)
    assert [text_of(record) for record in queue.receive()] == ["late"]
    queue.close()


def test_dead_letters_restores_and_their_counts_outlive_a_restart(tmp_path: Path) -> None:
    queue = QueueEngine(on_disk(tmp_path), DeadLetterConfiguration=ONE_RECEIVE)
    queue.put("discarded", "kept", "restored")
    first = {text_of(record): record for record in queue.receive(VisibilityTimeoutSeconds=0)}
    dead = {text_of(record): record for record in queue.dead_letters()}
    assert sorted(dead) == ["discarded", "kept", "restored"]
    queue.settle("AcknowledgeDeadLetterQueueRecords", [dead["discarded"]])
    queue.settle("RestoreDeadLetterQueueRecords", [dead["restored"]])
    queue.restart()
    (kept,) = queue.dead_letters(VisibilityTimeoutSeconds=0)
    assert (text_of(kept), kept["ReceiveCount"]) == ("kept", 2)
    assert kept["FirstReceiveTimestamp"] == first["kept"]["FirstReceiveTimestamp"]
    assert queue.drain() == ["restored"]
    assert queue.engine.check() == []
    queue.close()


def test_a_dead_letters_handle_from_before_a_restart_restores_unless_it_is_past_retention(
    tmp_path: Path,
) -> None:
    queue = QueueEngine(on_disk(tmp_path), DeadLetterConfiguration=ONE_RECEIVE)
    queue.put("old")
    queue.receive(VisibilityTimeoutSeconds=0)
    old = queue.dead_letters()
    queue.clock.advance_ms(20 * 3_600_000)
    queue.put("young")
    queue.receive(VisibilityTimeoutSeconds=0)
    again = queue.dead_letters(Limit=1) + queue.dead_letters(Limit=1)
    young = [record for record in again if text_of(record) == "young"]
    queue.restart()
    queue.clock.advance_ms(5 * 3_600_000)
    answer = queue.settle("RestoreDeadLetterQueueRecords", old + young)
    assert [entry["ReceiptHandle"] for entry in answer["Successful"]] == [young[0]["ReceiptHandle"]]
    assert [entry["ErrorCode"] for entry in answer["Failed"]] == ["ResourceNotFoundException"]
    queue.close()


def test_an_acknowledged_prefix_of_each_shard_is_at_most_two_keys() -> None:
    queue = QueueEngine()
    texts = [str(number) for number in range(5 * PAGE_POSITIONS)]
    for begin in range(0, len(texts), 500):
        queue.put(*texts[begin : begin + 500])
    left = len(texts)
    while left:
        records = queue.receive()
        queue.acknowledge(records)
        left -= len(records)
    keys = queue.progress_keys()
    assert len(keys) <= 2 * 4
    assert queue.drain() == []
    assert queue.engine.check() == []


def test_what_the_store_cannot_take_stays_in_flight_and_comes_back() -> None:
    stores: list[FaultyStore] = []

    def opened(post: Post) -> Store:
        stores.append(FaultyStore(post))
        return stores[0]

    queue = QueueEngine(opened)
    queue.put("a", "b")
    records = queue.receive()
    stores[0].is_full = True
    with pytest.raises(StoreUnavailable):
        queue.acknowledge(records)
    stores[0].is_full = False
    queue.clock.advance_ms(28_000)
    assert queue.receive() == []
    queue.clock.advance_ms(1_000)
    records = queue.receive()
    assert [record["ReceiveCount"] for record in records] == [2, 2]
    assert len(queue.acknowledge(records)["Successful"]) == 2
    queue.clock.advance_ms(30_000)
    assert queue.drain() == []


def test_a_dead_letter_that_the_store_cannot_take_is_not_handed_out_and_tried_again() -> None:
    stores: list[FaultyStore] = []

    def opened(post: Post) -> Store:
        stores.append(FaultyStore(post))
        return stores[0]

    queue = QueueEngine(opened, DeadLetterConfiguration=ONE_RECEIVE)
    queue.put("poison")
    stores[0].is_full = True
    queue.receive(VisibilityTimeoutSeconds=0)
    assert queue.receive() == []
    assert queue.dead_letters() == []
    stores[0].is_full = False
    assert [text_of(record) for record in queue.dead_letters()] == ["poison"]


def test_a_queue_that_goes_takes_all_that_was_written_of_it(tmp_path: Path) -> None:
    queue = QueueEngine(on_disk(tmp_path))
    other = queue.create_queue("other")
    queue.put("a", "b")
    for arn in (queue.arn, other):
        records = queue.receive(QueueARN=arn)
        entries = [{"ReceiptHandle": record["ReceiptHandle"]} for record in records]
        queue.call("AcknowledgeQueueRecords", QueueARN=arn, Entries=entries)
    assert len(queue.progress_keys()) >= 2
    queue.call("DeleteQueue", QueueARN=queue.arn)
    queue.call("ListQueues")
    assert queue.progress_keys()
    assert all(other.rpartition("/")[2] in key for key in queue.progress_keys())
    with pytest.raises(ResourceNotFoundException):
        queue.receive()
    queue.restart()
    assert queue.engine.check() == []
    queue.close()


def test_a_reset_forgets_queues_and_what_was_written_of_them() -> None:
    queue = QueueEngine()
    queue.put("a")
    queue.acknowledge(queue.receive())
    queue.inbox.run(queue.engine.reset())
    assert queue.progress_keys() == []
    with pytest.raises(ResourceNotFoundException):
        queue.receive()


def test_what_is_past_retention_leaves_memory_and_the_store() -> None:
    queue = QueueEngine()
    queue.put(*[str(number) for number in range(200)])
    stuck = [text_of(record) for record in queue.receive(VisibilityTimeoutSeconds=43_200)]
    for _ in range(19):
        queue.acknowledge(queue.receive())
    assert len(stuck) == 10
    queue.clock.advance_ms(25 * 3_600_000)
    queue.put("fresh")
    for _ in range(3):
        queue.clock.advance_ms(10_001)
        queue.engine.tick()
        queue.inbox.run_posted()
    assert [text_of(record) for record in queue.receive()] == ["fresh"]
    assert queue.engine.check() == []


def test_pages_of_what_is_past_retention_leave_the_store_though_nothing_more_is_settled() -> None:
    queue = QueueEngine()
    for _ in range(PAGE_POSITIONS // 500 + 1):
        queue.put(*["same"] * 500)
    queue.receive(Limit=1, VisibilityTimeoutSeconds=43_200)
    for _ in range(PAGE_POSITIONS // 10 + 2):
        queue.acknowledge(queue.receive())
    before = queue.progress_keys()
    assert [key.rpartition("/")[2] for key in before] == ["0", "1"]
    queue.clock.advance_ms(25 * 3_600_000)
    for _ in range(3):
        queue.clock.advance_ms(10_001)
        queue.engine.tick()
        queue.inbox.run_posted()
    assert before[0] not in queue.progress_keys()
    assert queue.engine.check() == []


def test_an_acknowledgement_that_is_sent_again_before_its_answer_counts_once() -> None:
    queue = QueueEngine()
    queue.put("apple")
    (record,) = queue.receive()
    entries = [{"ReceiptHandle": record["ReceiptHandle"]}]
    calls = [queue.begin("AcknowledgeQueueRecords", QueueARN=queue.arn, Entries=entries) for _ in range(3)]
    queue.inbox.run_posted()
    for ((answer, error),) in calls:
        assert error is None
        assert answer == {"Successful": entries, "Failed": []}
    assert queue.totals().acknowledged == 1


def test_who_acknowledges_while_the_queue_goes_is_told_so() -> None:
    queue = QueueEngine()
    queue.put("apple")
    (record,) = queue.receive()
    entries = [{"ReceiptHandle": record["ReceiptHandle"]}]
    deleted = queue.begin("DeleteQueue", QueueARN=queue.arn)
    acknowledged = queue.begin("AcknowledgeQueueRecords", QueueARN=queue.arn, Entries=entries)
    queue.inbox.run_posted()
    ((_, error),) = deleted
    assert error is None
    ((_, error),) = acknowledged
    assert isinstance(error, ResourceNotFoundException)
    assert queue.progress_keys() == []


def test_records_that_wait_cost_no_memory_of_the_queue() -> None:
    queue = QueueEngine()
    for begin in range(0, 5_000, 500):
        queue.put(*[str(number) for number in range(begin, begin + 500)])
    queue.acknowledge(queue.receive())
    (live,) = queue.engine.queues._live.values()
    assert len(list(live._tracking.records())) == 0
    queue.receive()
    assert len(list(live._tracking.records())) == 10


@pytest.mark.long
def test_two_hundred_thousand_records_that_wait_take_less_than_a_mebibyte(tmp_path: Path) -> None:
    queue = QueueEngine(on_disk(tmp_path))
    texts = [str(number) for number in range(500)]
    for _ in range(400):
        queue.put(*texts)
    tracemalloc.start()
    try:
        arn = queue.create_queue("behind")
        for _ in range(100):
            records = queue.receive(QueueARN=arn)
            entries = [{"ReceiptHandle": record["ReceiptHandle"]} for record in records[1:]]
            queue.call("AcknowledgeQueueRecords", QueueARN=arn, Entries=entries)
        for _ in range(3):
            queue.clock.advance_ms(10_001)
            queue.engine.tick()
            queue.inbox.run_posted()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    live = {live.name[1]: live for live in queue.engine.queues._live.values()}["behind"]
    assert live.counts().visible == 200_000 - 900
    assert peak < 2**20
    queue.close()
