from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from headwater.client import GiveBack, QueueConsumer, QueueRecord
from headwater.client.calls.errors import ConfigurationError, ServiceError
from tests.client.queues import handlers
from tests.client.queues.queues import WAIT_S, built_in, left_in, name_of, new_queue, put


def test_an_iteration_acknowledges_each_record_when_it_moves_on(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, "abc")
    seen = []
    with QueueConsumer(arn, **at) as consumer:
        for record in consumer:
            seen.append((record.data, record.partition_key, record.receive_count))
            if len(seen) == 3:
                record.acknowledge()
                break
    assert sorted(seen) == [(b"a", "a", 1), (b"b", "b", 1), (b"c", "c", 1)]
    assert left_in(kinesis, arn) == []
    assert (consumer.stats().acknowledged, consumer.stats().in_hand) == (3, 0)


def test_a_queue_is_found_by_its_name(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, "a")
    with QueueConsumer(name_of(kinesis, arn), **at) as consumer:
        assert next(iter(consumer)).data == b"a"


def test_a_record_at_which_an_iteration_is_left_is_given_back_with_those_behind_it(
    kinesis: Any, at: dict[str, Any]
) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, ["only"])
    with QueueConsumer(arn, **at) as consumer:
        for record in consumer:
            assert record.data == b"only"
            break
    assert left_in(kinesis, arn) == [("only", 2)]
    assert consumer.stats().given_back == 1


def test_handlers_run_at_the_same_time_and_their_records_are_acknowledged(
    kinesis: Any, at: dict[str, Any]
) -> None:
    arn = new_queue(kinesis)
    names = [f"{number:02}" for number in range(40)]
    put(kinesis, arn, names)
    consumer = QueueConsumer(arn, concurrency=4, **at)
    together = threading.Barrier(4, timeout=WAIT_S)
    handled: list[str] = []
    lock = threading.Lock()

    def handle(record: QueueRecord) -> None:
        together.wait()
        with lock:
            handled.append(record.data.decode())
            if len(handled) == len(names):
                consumer.stop()

    consumer.run(handle)
    assert sorted(handled) == names
    assert left_in(kinesis, arn) == []


def test_a_record_whose_handler_failed_comes_again(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, ["a"])
    consumer = QueueConsumer(arn, retry_first_s=0, **at)
    counts: list[int] = []

    def handle(record: QueueRecord) -> None:
        counts.append(record.receive_count)
        if record.receive_count < 3:
            raise ValueError("not yet")
        consumer.stop()

    consumer.run(handle)
    assert counts == [1, 2, 3]
    stats = consumer.stats()
    assert (stats.handler_errors, stats.given_back, stats.acknowledged) == (2, 2, 1)


def test_what_fails_too_often_is_a_dead_letter_and_can_be_restored(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis, **built_in(2))
    put(kinesis, arn, ["bad"])
    failing = QueueConsumer(arn, retry_first_s=0, **at)
    failures = 0

    def fail(_record: QueueRecord) -> None:
        nonlocal failures
        failures += 1
        if failures == 2:
            failing.stop()
        raise ValueError("never")

    failing.run(fail)
    with QueueConsumer(arn, source="dead_letters", **at) as dead_letters:
        letter = next(iter(dead_letters))
        assert letter.data == b"bad"
        letter.restore()
    assert dead_letters.stats().restored == 1
    with QueueConsumer(arn, **at) as consumer:
        assert next(iter(consumer)).receive_count == 1


def test_a_handler_may_give_a_record_back_without_an_error(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, ["a"])
    consumer = QueueConsumer(arn, **at)

    def handle(record: QueueRecord) -> None:
        if record.receive_count == 1:
            raise GiveBack
        consumer.stop()

    consumer.run(handle)
    assert (consumer.stats().handler_errors, consumer.stats().given_back) == (0, 1)


def test_what_a_handler_acknowledged_itself_is_not_acknowledged_again(
    kinesis: Any, at: dict[str, Any]
) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, ["a"])
    consumer = QueueConsumer(arn, **at)

    def handle(record: QueueRecord) -> None:
        record.acknowledge()
        record.give_back()
        consumer.stop()

    consumer.run(handle)
    assert (consumer.stats().acknowledged, consumer.stats().given_back) == (1, 0)
    assert left_in(kinesis, arn) == []


def test_an_exit_in_a_handler_ends_the_consumer_when_the_others_are_done(
    kinesis: Any, at: dict[str, Any]
) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, ["exit", "other"])
    consumer = QueueConsumer(arn, concurrency=2, **at)
    together = threading.Barrier(2, timeout=WAIT_S)

    def handle(record: QueueRecord) -> None:
        together.wait()
        if record.data == b"exit":
            raise SystemExit(3)

    with pytest.raises(SystemExit) as exit_:
        consumer.run(handle)
    assert exit_.value.code == 3
    assert left_in(kinesis, arn) == [("exit", 2)]


def test_a_record_stays_invisible_for_as_long_as_its_handler_works(kinesis: Any, at: dict[str, Any]) -> None:
    """At the first attempt, unless the machine is so busy that no extension is made within half a second."""
    for _ in range(5):
        arn = new_queue(kinesis)
        put(kinesis, arn, ["long"])
        counts = receive_counts_of_a_long_handler(
            QueueConsumer(arn, concurrency=2, visibility_timeout_s=1, **at)
        )
        if counts == [1]:
            break
    assert counts == [1]
    assert left_in(kinesis, arn) == []


def receive_counts_of_a_long_handler(consumer: QueueConsumer) -> list[int]:
    """Of the one record that there is, which is handled until its visibility was extended three times."""
    counts: list[int] = []
    extended = threading.Event()

    def handle(record: QueueRecord) -> None:
        counts.append(record.receive_count)
        while consumer.stats().extensions < 3:
            assert not extended.wait(0.05)
        consumer.stop()

    consumer.run(handle)
    return counts


def test_two_workers_share_a_queue(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    names = [f"{number:03}" for number in range(100)]
    put(kinesis, arn, names)
    handled: list[tuple[int, str]] = []
    lock = threading.Lock()
    both_work = threading.Barrier(2, timeout=WAIT_S)
    workers = [QueueConsumer(arn, concurrency=1, prefetch=0, **at) for _ in range(2)]

    def work(number: int) -> None:
        is_first = True

        def handle(record: QueueRecord) -> None:
            nonlocal is_first
            if is_first:
                is_first = False
                both_work.wait()
            with lock:
                handled.append((number, record.data.decode()))
                if len(handled) == len(names):
                    for worker in workers:
                        worker.stop()

        workers[number].run(handle)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for _, name in handled) == names
    assert {number for number, _ in handled} == {0, 1}


@pytest.mark.long
def test_handlers_run_in_processes(
    kinesis: Any, at: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(handlers.FOLDER, str(tmp_path))
    arn = new_queue(kinesis)
    put(kinesis, arn, "12345")
    consumer = QueueConsumer(arn, processes=2, retry_first_s=0, **at)
    watching = threading.Thread(target=_stop_at, args=(consumer, 5))
    watching.start()
    consumer.run(handlers.die_once)
    watching.join()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == list("12345")
    assert consumer.stats().handler_errors == 1
    assert left_in(kinesis, arn) == []


def _stop_at(consumer: QueueConsumer, acknowledged: int) -> None:
    pause = threading.Event()
    while consumer.stats().acknowledged < acknowledged:
        pause.wait(0.02)
    consumer.stop()


def test_a_function_in_a_function_cannot_be_handled_in_processes(kinesis: Any, at: dict[str, Any]) -> None:
    consumer = QueueConsumer(new_queue(kinesis), processes=1, **at)
    with pytest.raises(ConfigurationError, match="top of a module"):
        consumer.run(lambda record: None)


def test_by_hand_only_what_was_acknowledged_is_done(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, "ab")
    seen: list[bytes] = []
    with QueueConsumer(arn, acknowledge="manual", visibility_timeout_s=1, **at) as consumer:
        for record in consumer:
            if record.data == b"a":
                record.acknowledge()
            seen.append(record.data)
            if len(seen) > 2 and record.data == b"b":
                assert record.receive_count >= seen.count(b"b") == 2
                break
    assert "a" not in [data for data, _ in left_in(kinesis, arn)]


def test_a_deleted_queue_stops_its_consumer(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, "a")
    consumer = QueueConsumer(arn, **at)

    def handle(_record: QueueRecord) -> None:
        kinesis.delete_queue(QueueARN=arn)

    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        consumer.run(handle)


def test_a_queue_that_is_not_there_is_named(at: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="there is no queue nowhere"):
        next(iter(QueueConsumer("nowhere", **at)))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("source", "letters"),
        ("acknowledge", "later"),
        ("concurrency", 0),
        ("prefetch", -1),
        ("visibility_timeout_s", 0),
        ("visibility_timeout_s", 43_201),
        ("wait_s", 21),
        ("retry_first_s", 301),
        ("retry_longest_s", 43_201),
    ],
)
def test_a_setting_out_of_range_is_refused(setting: str, value: Any, at: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        QueueConsumer("queue", **{setting: value}, **at)


def test_a_consumer_is_run_once(kinesis: Any, at: dict[str, Any]) -> None:
    consumer = QueueConsumer(new_queue(kinesis), **at)
    consumer.stop()
    consumer.run(lambda record: None)
    with pytest.raises(ConfigurationError):
        consumer.run(lambda record: None)


def test_the_counts_have_names(kinesis: Any, at: dict[str, Any]) -> None:
    arn = new_queue(kinesis)
    put(kinesis, arn, "a")
    with QueueConsumer(arn, **at) as consumer:
        next(iter(consumer)).acknowledge()
    metrics = {metric.name: metric.value for metric in consumer.metrics()}
    assert metrics["headwater_queue_consumer_acknowledged_total"] == 1
    assert metrics["headwater_queue_consumer_in_hand"] == 0
