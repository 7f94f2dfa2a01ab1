"""KinesisProducer: when it sends, what becomes of each record, and what it does when it is full."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from headwater.client import KinesisProducer
from headwater.client.calls.errors import (
    BufferFull,
    ConfigurationError,
    ProducerClosed,
    PutFailed,
    RecordTooLarge,
)
from headwater.client.producer.counters import CallReport
from headwater.testing import Headwater
from tests.client.refusing_front import Decide, RefuseCall, RefusingFront, Seen
from tests.client.streams import new_stream, stored, user_records, wait_until_active
from tests.conftest import RunningServer, client_for, started_server
from tests.waiting import RETRY_FOR_S, wait_until

NEVER_MS = 3_600_000
THROTTLED = "ProvisionedThroughputExceededException"
KIB = 1024


def test_the_future_of_a_record_tells_where_it_is(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis, 2)
    with KinesisProducer(name, **at) as producer:
        put = producer.put(b"one", "key")
        shard_id, sequence_number = put.result(RETRY_FOR_S)
    assert stored(kinesis, name) == [(shard_id, sequence_number, "key", b"one")]
    assert put.done()
    assert put.exception() is None


def test_records_without_a_key_are_spread(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis, 4)
    with KinesisProducer(name, **at) as producer:
        shards = Counter(put.result(RETRY_FOR_S).shard_id for put in [producer.put(b"x") for _ in range(500)])
    assert len(shards) == 4
    assert min(shards.values()) > 50


def test_an_explicit_hash_key_picks_the_shard(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis, 2)
    with KinesisProducer(name, **at) as producer:
        first = producer.put(b"x", "k", 0)
        last = producer.put(b"x", "k", str(2**128 - 1))
    assert [first.result().shard_id, last.result().shard_id] == [
        "shardId-000000000000",
        "shardId-000000000001",
    ]


def test_a_full_call_goes_without_waiting(kinesis: Any, at: dict[str, Any]) -> None:
    with KinesisProducer(new_stream(kinesis), buffer_time_ms=NEVER_MS, **at) as producer:
        puts = [producer.put(b"x") for _ in range(1000)]
        assert all(put.result(RETRY_FOR_S) for put in puts)
        assert producer.counters.calls == 2


def test_a_call_that_is_full_by_bytes_goes_without_waiting(kinesis: Any, at: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"buffer_time_ms": NEVER_MS, "batch_bytes": 10 * KIB}
    with KinesisProducer(new_stream(kinesis), **settings, **at) as producer:
        puts = [producer.put(b"x" * 1000) for _ in range(11)]
        assert all(put.result(RETRY_FOR_S) for put in puts[:10])
        assert not puts[10].done()


def test_what_is_not_full_goes_after_the_buffer_time(kinesis: Any, at: dict[str, Any]) -> None:
    with KinesisProducer(new_stream(kinesis), buffer_time_ms=20, **at) as producer:
        for _ in range(3):
            assert producer.put(b"x").result(RETRY_FOR_S)
        assert producer.counters.calls == 3


def test_who_is_told_of_a_record_finds_its_call_counted(kinesis: Any, at: dict[str, Any]) -> None:
    calls: list[int] = []
    with KinesisProducer(new_stream(kinesis), buffer_time_ms=NEVER_MS, **at) as producer:
        producer.put(b"x").add_done_callback(lambda _: calls.append(producer.counters.calls))
        producer.flush(RETRY_FOR_S)
    assert calls == [1]


def test_flush_waits_until_everything_has_its_outcome(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, buffer_time_ms=NEVER_MS, **at) as producer:
        puts = [producer.put(b"x") for _ in range(7)]
        assert not any(put.done() for put in puts)
        producer.flush(RETRY_FOR_S)
        assert all(put.done() for put in puts)
        producer.flush(RETRY_FOR_S)
    assert len(stored(kinesis, name)) == 7


def test_close_puts_what_is_held_and_takes_no_more(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    producer = KinesisProducer(name, buffer_time_ms=NEVER_MS, **at)
    producer.put(b"x")
    producer.close()
    producer.close()
    assert len(stored(kinesis, name)) == 1
    with pytest.raises(ProducerClosed):
        producer.put(b"y")


def test_a_producer_that_put_nothing_closes(at: dict[str, Any]) -> None:
    with KinesisProducer("none", **at) as producer:
        producer.flush()
    assert [metric.value for metric in producer.metrics() if metric.name.endswith("held_records")] == [0]


def test_callbacks_are_called_with_the_future(kinesis: Any, at: dict[str, Any]) -> None:
    told: list[Any] = []
    with KinesisProducer(new_stream(kinesis), buffer_time_ms=NEVER_MS, **at) as producer:
        put = producer.put(b"x")
        put.add_done_callback(lambda _: 1 / 0)
        put.add_done_callback(told.append)
        producer.flush()
        put.add_done_callback(told.append)
    assert told == [put, put]


def test_a_result_is_waited_for_as_long_as_said(kinesis: Any, at: dict[str, Any]) -> None:
    producer = KinesisProducer(new_stream(kinesis), buffer_time_ms=NEVER_MS, **at)
    with producer, pytest.raises(TimeoutError):
        producer.put(b"x").result(0.01)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((b"x", ""), ValueError),
        ((b"x", "k" * 257), ValueError),
        ((b"x", "\ud800"), ValueError),
        ((b"x", b"k"), TypeError),
        ((1,), TypeError),
        ((b"x", "k", "-1"), ValueError),
        ((b"x", "k", 2**128), ValueError),
        ((b"x" * (10 * KIB * KIB), "k"), RecordTooLarge),
    ],
)
def test_what_can_be_no_record_is_refused_at_once(
    at: dict[str, Any], arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    with KinesisProducer("none", **at) as producer, pytest.raises(error):
        producer.put(*arguments)


def test_texts_and_views_are_data_too(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, ordered=True, **at) as producer:
        for data in ("ä", bytearray(b"b"), memoryview(b"c")):
            producer.put(data, "k")
    assert [record.data for record in stored(kinesis, name)] == ["ä".encode(), b"b", b"c"]


def test_settings_that_cannot_be_are_refused(at: dict[str, Any]) -> None:
    settings: list[dict[str, Any]] = [
        {"batch_records": 501},
        {"buffer_time_ms": -1},
        {"shard_records_s": 0},
        {"put_timeout_s": -1},
    ]
    for wrong in settings:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            KinesisProducer("none", **wrong, **at)
    with pytest.raises(TypeError):
        KinesisProducer("none", no_such=1, **at)  # type: ignore[call-arg]  # mypy refuses it too
    for url in ("nowhere", "http://", "http://host:port", "ftp://host", "http://["):
        with pytest.raises(ConfigurationError):
            KinesisProducer("none", endpoint_url=url, region_name="us-east-1")


def test_only_refused_records_are_sent_again(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    def refuse_odd_ones_once(records: list[Seen]) -> list[str | None]:
        is_first = len(front.calls) == 1
        return [THROTTLED if is_first and int(record.data) % 2 else None for record in records]

    with RefusingFront(at["endpoint_url"], refuse_odd_ones_once) as front:
        with KinesisProducer(name, buffer_time_ms=NEVER_MS, **at | {"endpoint_url": front.url}) as producer:
            puts = [producer.put(str(number)) for number in range(10)]
        assert [[int(record.data) for record in call] for call in front.calls] == [
            list(range(10)),
            [1, 3, 5, 7, 9],
        ]
    assert all(put.result() for put in puts)
    assert sorted(int(record.data) for record in stored(kinesis, name)) == list(range(10))
    assert producer.counters.retries == 5
    assert producer.counters.errors == {THROTTLED: 5}


def test_a_record_that_is_refused_for_too_long_fails(kinesis: Any, at: dict[str, Any]) -> None:
    for retry_time_s in (0.3, 3, 30):  # on a busy machine one attempt takes longer than that
        with RefusingFront(at["endpoint_url"], lambda records: [THROTTLED] * len(records)) as front:
            settings: dict[str, Any] = {"buffer_time_ms": 0, "retry_time_s": retry_time_s}
            of_front = at | {"endpoint_url": front.url}
            with KinesisProducer(new_stream(kinesis), **settings, **of_front) as producer:
                error = producer.put(b"x").exception(RETRY_FOR_S)
            assert isinstance(error, PutFailed)
            assert (error.code, error.attempts) == (THROTTLED, len(front.calls))
        assert producer.counters.user_records_failed == 1
        if len(front.calls) > 1:
            return
    pytest.fail("it was tried once only")


def test_a_call_that_fails_for_the_moment_is_made_again(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    def fail_once(records: list[Seen]) -> list[str | None]:
        if len(front.calls) == 1:
            raise RefuseCall("LimitExceededException")
        return [None] * len(records)

    with (
        RefusingFront(at["endpoint_url"], fail_once) as front,
        KinesisProducer(name, **at | {"endpoint_url": front.url}) as producer,
    ):
        producer.put(b"x")
        producer.put(b"y")
    assert len(stored(kinesis, name)) == 2


def test_one_bad_record_fails_alone(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    def refuse_bad_ones(records: list[Seen]) -> list[str | None]:
        if any(record.data == b"37" for record in records):
            raise RefuseCall("ValidationException")
        return [None] * len(records)

    with (
        RefusingFront(at["endpoint_url"], refuse_bad_ones) as front,
        KinesisProducer(name, buffer_time_ms=NEVER_MS, **at | {"endpoint_url": front.url}) as producer,
    ):
        puts = [producer.put(str(number)) for number in range(100)]
    assert [number for number, put in enumerate(puts) if put.exception()] == [37]
    assert getattr(puts[37].exception(), "code", "") == "ValidationException"
    assert len(stored(kinesis, name)) == 99


def test_without_the_stream_records_fail(at: dict[str, Any]) -> None:
    with KinesisProducer("no-such-stream", buffer_time_ms=0, **at) as producer:
        error = producer.put(b"x").exception(RETRY_FOR_S)
    assert isinstance(error, PutFailed)
    assert error.code == "ResourceNotFoundException"


def test_without_a_server_records_fail_after_the_retry_time(at: dict[str, Any]) -> None:
    unreachable = at | {"endpoint_url": "http://127.0.0.1:9"}
    with KinesisProducer("none", buffer_time_ms=0, retry_time_s=0.1, **unreachable) as producer:
        error = producer.put(b"x").exception(RETRY_FOR_S)
    assert isinstance(error, PutFailed)
    assert error.code == "ConnectionFailed"


def test_the_streams_record_limit_is_known(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, buffer_time_ms=0, **at) as producer:
        fits = producer.put(b"x" * (1024 * KIB - 1), "k")
        large = producer.put(b"x" * 1024 * KIB, "k")
        assert fits.result(RETRY_FOR_S)
        assert isinstance(large.exception(RETRY_FOR_S), RecordTooLarge)
        assert producer.counters.errors == {}


def test_a_stream_that_takes_larger_records_gets_them(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    wait_until_active(kinesis, name)
    with KinesisProducer(arn, **at) as producer:
        assert producer.put(b"x" * 1500 * KIB).result(RETRY_FOR_S)


def refuse_at_random(chance: Random) -> Decide:
    return lambda records: [chance.choice((None, None, THROTTLED)) for _ in records]


@pytest.mark.usefixtures("short_put_delays")
@pytest.mark.parametrize("aggregate", [False, True])
def test_records_of_a_key_stay_in_order_through_refusals(
    kinesis: Any, at: dict[str, Any], aggregate: bool
) -> None:
    name = new_stream(kinesis, 2)
    settings: dict[str, Any] = {"aggregate": aggregate, "aggregate_bytes": 200, "buffer_time_ms": 5}
    with (
        RefusingFront(at["endpoint_url"], refuse_at_random(Random(7))) as front,
        KinesisProducer(name, ordered=True, **settings, **at | {"endpoint_url": front.url}) as producer,
    ):
        for number in range(60):
            producer.put(str(number), f"key-{number % 5}")
    read: dict[str, list[int]] = defaultdict(list)
    for key, data in user_records(stored(kinesis, name)):
        read[key].append(int(data))
    assert producer.counters.retries > 0
    assert read == {f"key-{key}": list(range(key, 60, 5)) for key in range(5)}


def test_put_raises_at_once_when_there_is_no_room_and_it_was_told_so(
    kinesis: Any, at: dict[str, Any]
) -> None:
    held = threading.Event()

    def hold(records: list[Seen]) -> list[str | None]:
        held.wait(RETRY_FOR_S)
        return [None] * len(records)

    with RefusingFront(at["endpoint_url"], hold) as front:
        settings: dict[str, Any] = {"buffer_records": 3, "put_timeout_s": 0}
        with KinesisProducer(new_stream(kinesis), **settings, **at | {"endpoint_url": front.url}) as producer:
            puts = [producer.put(b"x") for _ in range(3)]
            with pytest.raises(BufferFull):
                producer.put(b"x")
            held.set()
            assert all(put.result(RETRY_FOR_S) for put in puts)
            assert producer.put(b"x")


@pytest.mark.parametrize("bound", [{"buffer_records": 3}, {"buffer_bytes": 100}])
def test_put_waits_for_room(kinesis: Any, at: dict[str, Any], bound: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    with KinesisProducer(name, buffer_time_ms=NEVER_MS, **bound, **at) as producer:
        for _ in range(20):
            producer.put(b"x" * 30, "k")
    assert len(stored(kinesis, name)) == 20


def test_several_threads_put_into_one_producer(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis, 2)
    with KinesisProducer(name, buffer_records=600, **at) as producer:

        def put(thread: int) -> None:
            for number in range(500):
                producer.put(f"{thread}-{number}")

        threads = [threading.Thread(target=put, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Counter(record.data for record in stored(kinesis, name)) == Counter(
        f"{thread}-{number}".encode() for thread in range(8) for number in range(500)
    )


def test_the_hook_is_told_of_every_call(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    reports: list[CallReport] = []

    def hook(report: CallReport) -> None:
        reports.append(report)
        raise ValueError

    with KinesisProducer(name, on_call=hook, **at) as producer:
        producer.put(b"xy", "key")
    (report,) = reports
    assert report[:3] == (name, 1, 5)
    assert report.errors == {}
    assert report.duration_s > 0


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with started_server(tmp_path_factory.mktemp("limited") / "log", "--enforce-limits") as running:
        yield running


def test_what_a_shard_throttles_arrives_all_the_same() -> None:
    with Headwater(enforce_limits=True) as server:
        server.client().create_stream(StreamName="orders", ShardCount=1)
        server.clock.stop()  # until more was put than a second is for
        with KinesisProducer("orders", endpoint_url=server.endpoint_url, region_name="us-east-1") as producer:
            puts = [producer.put(str(number)) for number in range(1500)]
            wait_until(lambda: producer.counters.errors[THROTTLED] > 0, "a refusal")
            server.clock.go_on()
        sequence_numbers = {put.result().sequence_number for put in puts}
    assert len(sequence_numbers) == 1500


def test_a_rate_for_each_shard_keeps_within_its_limits(limited: RunningServer) -> None:
    """Unless the server stands still, on a busy machine, and finds the records of two seconds at once."""
    kinesis = client_for(limited.endpoint_url)
    settings: dict[str, Any] = {"shard_records_s": 900, "shard_bytes_s": 900 * KIB}
    for _ in range(5):
        with KinesisProducer(
            new_stream(kinesis, 2), endpoint_url=limited.endpoint_url, **settings
        ) as producer:
            puts = [producer.put(str(number)) for number in range(2200)]
        assert len({put.result() for put in puts}) == 2200
        if producer.counters.errors == {}:
            break
    assert producer.counters.errors == {}
    kinesis.close()
