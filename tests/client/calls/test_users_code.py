"""Whatever the application's code raises, in threads, processes and asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.client import (
    AsyncKinesisConsumer,
    AsyncKinesisProducer,
    Batch,
    HandlerFailed,
    KinesisConsumer,
    KinesisProducer,
    Record,
    SQLiteState,
)
from tests.client import handlers
from tests.client.streams import new_stream, stored
from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

MODES = ["threads", "processes", "asyncio"]
FAILURES: dict[str, type[BaseException]] = {
    "StopIteration": StopIteration,
    "StopAsyncIteration": StopAsyncIteration,
    "GeneratorExit": GeneratorExit,
    "asyncio": asyncio.CancelledError,
    "concurrent.futures": concurrent.futures.CancelledError,
    "Abort": handlers.Abort,
    "Unreadable": handlers.Unreadable,
}
EXITS = {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}


@pytest.fixture
def stream(kinesis: Any) -> str:
    """One shard with three records."""
    name = new_stream(kinesis)
    kinesis.put_records(
        StreamName=name, Records=[{"PartitionKey": "key", "Data": b"%d" % number} for number in range(3)]
    )
    return name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(handlers.FOLDER, str(tmp_path))
    return tmp_path


def run(mode: str, stream: str, settings: dict[str, Any], told: Callable[[Any, Any], Any]) -> Any:
    """Run a consumer with the handler that the environment describes, in this thread; gives the consumer.

    `told` is called with the consumer and the error that its records were given up for.
    """
    consumer: Any

    def on_failure(_records: list[Record], error: BaseException) -> None:
        told(consumer, error)

    defaults: dict[str, Any] = {"start": "TRIM_HORIZON", "retries": 1, "on_failure": on_failure}
    settings = defaults | settings
    if mode == "asyncio":
        consumer = AsyncKinesisConsumer(stream, **settings)
        asyncio.run(consumer.run(handlers.raise_it_later))
    else:
        consumer = KinesisConsumer(stream, processes=int(mode == "processes"), **settings)
        consumer.run(handlers.raise_it)
    return consumer


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        # What crosses between processes is the same for all but the last three.
        pytest.param(name, mode, marks=pytest.mark.long if mode == "processes" and at < 4 else ())
        for at, name in enumerate(FAILURES)
        for mode in MODES
    ],
)
def test_it_is_an_error_like_any_other(
    mode: str,
    name: str,
    stream: str,
    at: dict[str, Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(handlers.RAISES, name)
    errors: list[BaseException] = []

    def told(consumer: Any, error: BaseException) -> None:
        errors.append(error)
        consumer.stop()

    with caplog.at_level(logging.WARNING, "headwater.client"):
        consumer = run(mode, stream, at, told)
    assert (folder / "calls").read_text() == ".."
    assert consumer.stats().handler_errors == 2
    assert consumer.stats().skipped_records == 3
    assert [record.msg for record in caplog.records].count("the handler failed on %s: %s") == 2
    (error,) = errors
    if mode == "asyncio" and name == "StopIteration":  # Python's own rule for coroutines
        assert isinstance(error.__cause__, StopIteration)
    elif mode == "processes" and name == "Unreadable":
        assert "Unreadable('enough')" in str(error)
    else:
        assert type(error) is FAILURES[name]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.long) for name in ("StopIteration", "asyncio")), "Abort"]
)
def test_it_stops_the_consumer_when_nobody_takes_the_records(
    mode: str, name: str, stream: str, at: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(handlers.RAISES, name)
    with pytest.raises(HandlerFailed) as failure:
        run(mode, stream, at | {"on_failure": "stop", "retries": 0}, lambda *_: None)
    assert failure.value.__cause__ is not None
    assert (folder / "calls").read_text() == "."


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", EXITS)
def test_an_exit_ends_the_consumer_with_its_code_and_leaves_the_records(
    mode: str, name: str, stream: str, at: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(handlers.RAISES, name)
    path = folder / "leases.db"
    with pytest.raises(EXITS[name]) as exit_:
        run(mode, stream, at | {"state": SQLiteState(path), "retries": None}, lambda *_: None)
    if isinstance(exit_.value, SystemExit):
        assert exit_.value.code == 3
    assert (folder / "calls").read_text() == "."
    with KinesisConsumer(
        stream, state=SQLiteState(path), start="TRIM_HORIZON", lease_duration_s=60, **at
    ) as again:
        # At once: the lease was released, and nothing of it is done.
        assert next(iter(again)).data == b"0"


def test_the_other_shards_finish_what_is_in_hand_before_an_exit(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis, 2)
    for hash_key in ("0", str(2**128 - 1)):
        kinesis.put_record(StreamName=stream, PartitionKey="key", ExplicitHashKey=hash_key, Data=b"x")
    both, finished = threading.Barrier(2), threading.Event()

    def handler(batch: Batch) -> None:
        both.wait(RETRY_FOR_S)
        if batch.shard_id.endswith("0"):
            sys.exit(3)
        time.sleep(0.2)
        finished.set()

    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", **at)
    with pytest.raises(SystemExit) as exit_:
        consumer.run(handler)
    assert (exit_.value.code, finished.is_set(), consumer.stats().records) == (3, True, 1)


@pytest.mark.parametrize("mode", ["threads", pytest.param("processes", marks=pytest.mark.long), "asyncio"])
@pytest.mark.parametrize("refusal", [StopIteration(), asyncio.CancelledError(), handlers.Abort()], ids=repr)
def test_dead_letters_that_are_refused_with_anything_are_offered_again(
    mode: str,
    refusal: BaseException,
    stream: str,
    at: dict[str, Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(handlers.RAISES, "Abort")
    offers: list[str] = []

    def told(consumer: Any, _error: BaseException) -> None:
        offers.append(threading.current_thread().name)
        if len(offers) == 1:
            raise refusal
        consumer.stop()

    consumer = run(mode, stream, at | {"retries": 0}, told)
    assert (len(offers), consumer.stats().skipped_records) == (2, 3)


@pytest.mark.parametrize("mode", MODES)
def test_an_exit_by_what_takes_dead_letters_ends_the_consumer(
    mode: str, stream: str, at: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(handlers.RAISES, "Abort")

    def told(_consumer: Any, _error: BaseException) -> None:
        sys.exit("no room")

    with pytest.raises(SystemExit, match="no room"):
        run(mode, stream, at | {"retries": 0}, told)


def test_plain_dead_letters_may_write_checkpoints_and_close_the_consumer(
    stream: str, at: dict[str, Any]
) -> None:
    def on_failure(records: list[Record], _error: BaseException) -> None:
        records[1].checkpoint()
        consumer.close()

    def handler(_batch: Batch) -> None:
        raise ValueError("no")

    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", retries=0, on_failure=on_failure, **at)
    consumer.run(handler)
    assert consumer.stats().skipped_records == 3


def test_an_exit_in_a_task_of_async_dead_letters_ends_the_consumer(stream: str, at: dict[str, Any]) -> None:
    async def exit_() -> None:
        sys.exit(5)

    async def on_failure(_records: list[Record], _error: BaseException) -> None:
        await asyncio.create_task(exit_())

    def handler(_batch: Batch) -> None:
        raise ValueError("no")

    with pytest.raises(SystemExit) as exited:
        KinesisConsumer(stream, start="TRIM_HORIZON", retries=0, on_failure=on_failure, **at).run(handler)
    assert exited.value.code == 5


def test_a_handler_may_close_its_consumer(stream: str, at: dict[str, Any]) -> None:
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", **at)
    consumer.run(lambda _batch: consumer.close())
    assert consumer.stats().records == 3


def test_closing_in_another_thread_waits_for_what_is_in_hand(stream: str, at: dict[str, Any]) -> None:
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", **at)
    begun, go_on = threading.Event(), threading.Event()

    def handler(_batch: Batch) -> None:
        begun.set()
        assert go_on.wait(RETRY_FOR_S)

    running = threading.Thread(target=consumer.run, args=(handler,), daemon=True)
    running.start()
    assert begun.wait(RETRY_FOR_S)
    threading.Timer(0.2, go_on.set).start()
    consumer.close()
    assert consumer.stats().records == 3
    running.join(RETRY_FOR_S)
    assert not running.is_alive()


def test_a_coroutine_function_handles_in_a_thread_too(stream: str, at: dict[str, Any]) -> None:
    seen: list[bytes] = []

    async def handler(batch: Batch) -> None:
        await asyncio.sleep(0)
        seen.extend(record.data for record in batch)
        consumer.stop()

    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", **at)
    consumer.run(handler)
    assert seen == [b"0", b"1", b"2"]


def test_a_handler_that_cancels_its_own_task_has_failed(stream: str, at: dict[str, Any]) -> None:
    async def handler(_batch: Batch) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(RETRY_FOR_S)

    async def test() -> None:
        with pytest.raises(HandlerFailed) as failure:
            await AsyncKinesisConsumer(stream, start="TRIM_HORIZON", retries=1, **at).run(handler)
        assert isinstance(failure.value.__cause__, asyncio.CancelledError)

    asyncio.run(test())


def test_cancelling_who_runs_the_consumer_is_a_cancellation(stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        begun = asyncio.Event()
        ended: list[BaseException] = []

        async def handler(_batch: Batch) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as cancelled:
                ended.append(cancelled)
                raise

        consumer = AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at)
        running = asyncio.create_task(consumer.run(handler))
        await asyncio.wait_for(begun.wait(), RETRY_FOR_S)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (len(ended), consumer.stats().handler_errors, consumer.stats().records) == (1, 0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())


def test_cancelling_once_more_while_it_stops_ends_what_is_in_hand(stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        begun = asyncio.Event()

        async def handler(_batch: Batch) -> None:
            begun.set()
            await asyncio.Event().wait()

        consumer = AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at)
        running = asyncio.create_task(consumer.run(handler))
        await asyncio.wait_for(begun.wait(), RETRY_FOR_S)
        consumer.stop()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(test())


@pytest.mark.parametrize(
    "steps", [0, 1, 2, *(pytest.param(steps, marks=pytest.mark.long) for steps in (3, 4, 5))]
)
def test_an_iteration_that_is_cancelled_loses_no_record(steps: int, stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        async with AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:

            async def first() -> bytes:
                async for record in consumer:
                    return record.data
                raise AssertionError

            async def cancelled_after(steps: int) -> list[bytes]:
                taking = asyncio.create_task(first())
                for _ in range(steps):
                    await asyncio.sleep(0)
                taking.cancel()
                await asyncio.wait({taking})
                return [] if taking.cancelled() else [taking.result()]

            assert await cancelled_after(1) == []
            async with asyncio.timeout(RETRY_FOR_S):
                while not consumer.stats().buffered_bytes:
                    await asyncio.sleep(0.005)
            seen = await cancelled_after(steps)
            while len(seen) < 3:
                async for record in consumer:
                    seen.append(record.data)
                    if len(seen) == 3:
                        break
            assert seen == [b"0", b"1", b"2"]

    asyncio.run(test())


PROGRAM = """
import sys
from headwater.client import KinesisConsumer
stream, url, what, processes = sys.argv[1:]

class Own(BaseException):
    pass

def handler(batch):
    print("called", flush=True)
    if what == "exit":
        sys.exit(3)
    if what == "own":
        raise Own
    next(iter(()))

if __name__ == "__main__":
    KinesisConsumer(
        stream, endpoint_url=url, region_name="us-east-1", start="TRIM_HORIZON", retries=None,
        processes=int(processes),
    ).run(handler)
    print("returned", flush=True)
"""


@pytest.mark.parametrize("processes", ["0", pytest.param("1", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("what", "sent", "code"),
    [
        ("exit", None, 3),
        pytest.param("stop", signal.SIGTERM, 0, marks=pytest.mark.long),
        pytest.param("own", signal.SIGINT, 0, marks=pytest.mark.long),
    ],
)
def test_a_program_ends_with_its_code_and_by_signals(
    what: str,
    sent: signal.Signals | None,
    code: int,
    processes: str,
    stream: str,
    server: RunningServer,
    tmp_path: Path,
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(program), stream, server.endpoint_url, what, processes],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "called\n"
            if sent is not None:
                running.send_signal(sent)
            out, errors = running.communicate(timeout=RETRY_FOR_S)
        finally:
            running.kill()
    assert (running.returncode, "Traceback" in errors) == (code, False), errors
    assert ("returned" in out) == (code == 0)


ANYTHING = [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), StopIteration(), handlers.Abort()]


@pytest.mark.parametrize("raised", ANYTHING, ids=repr)
def test_a_producer_outlives_whatever_its_hook_and_callbacks_raise(
    raised: BaseException, kinesis: Any, at: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    name = new_stream(kinesis)

    def raise_it(_: object) -> None:
        raise raised

    with (
        caplog.at_level(logging.CRITICAL, "headwater.client"),
        KinesisProducer(name, on_call=raise_it, **at) as producer,
    ):
        puts = [producer.put(b"%d" % number, "key") for number in range(5)]
        for put in puts:
            put.add_done_callback(raise_it)
        producer.flush(RETRY_FOR_S)
        puts.append(producer.put(b"5", "key"))
    assert len({put.result(RETRY_FOR_S).sequence_number for put in puts}) == 6
    assert [record.data for record in stored(kinesis, name)] == [b"%d" % number for number in range(6)]


@pytest.mark.parametrize("raised", ANYTHING, ids=repr)
def test_an_asyncio_producer_counts_right_and_lets_the_program_end(
    raised: BaseException, kinesis: Any, at: dict[str, Any]
) -> None:
    name = new_stream(kinesis)
    producers: list[AsyncKinesisProducer] = []

    def raise_it(_: object) -> None:
        raise raised

    async def put_some() -> None:
        async with AsyncKinesisProducer(name, **at) as producer:
            producers.append(producer)
            puts = [await producer.put(b"%d" % number, "key") for number in range(5)]
            puts[2].add_done_callback(raise_it)
            await asyncio.gather(*puts)

    if isinstance(raised, SystemExit | KeyboardInterrupt):
        with pytest.raises(type(raised)):
            asyncio.run(put_some())
    else:
        asyncio.run(put_some())
    assert (producers[0].counters.user_records_done, producers[0].counters.user_records_failed) == (5, 0)
    assert len(stored(kinesis, name)) == 5


@pytest.mark.parametrize(
    "raised", [concurrent.futures.CancelledError(), SystemExit(3), handlers.Abort()], ids=repr
)
def test_an_iteration_can_be_left_by_any_error(
    raised: BaseException, stream: str, at: dict[str, Any]
) -> None:
    def iterate() -> None:
        with KinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
            for record in consumer:
                assert record.data == b"0"
                raise raised

    with pytest.raises(type(raised)):
        iterate()
