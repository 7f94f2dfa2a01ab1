"""Futures: completed in one thread, waited for and called back in others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from headwater.client.calls.errors import ProducerClosed
from headwater.client.calls.kinesis_calls import PutRecordsResult
from headwater.client.producer.put_arguments import new_put
from headwater.client.producer.put_future import PutFuture, PutResult
from tests.waiting import RETRY_FOR_S

DONE = PutRecordsResult("49", "shardId-000000000000")
PLACED = PutResult("shardId-000000000000", "49")


def new_future() -> PutFuture:
    return new_put(b"x", "k", None, 0.0)


def test_every_callback_is_called_once_whoever_comes_first() -> None:
    for _ in range(200):
        put = new_future()
        called: list[int] = []
        begin = threading.Barrier(3)

        def add(
            first: int, put: PutFuture = put, called: list[int] = called, begin: threading.Barrier = begin
        ) -> None:
            begin.wait(RETRY_FOR_S)
            for number in range(first, first + 20):
                put.add_done_callback(lambda _, number=number: called.append(number))  # type: ignore[misc]

        threads = [threading.Thread(target=add, args=(first,)) for first in (0, 20)]
        for thread in threads:
            thread.start()
        begin.wait(RETRY_FOR_S)
        put.succeed(DONE)
        for thread in threads:
            thread.join()
        assert sorted(called) == list(range(40))


def test_threads_and_loops_wait_for_the_same_result() -> None:
    put = new_future()

    async def await_it() -> list[PutResult]:
        return [*await asyncio.gather(put, put)]

    results: list[PutResult] = []
    threads = [
        threading.Thread(target=lambda: results.append(put.result(RETRY_FOR_S))),
        threading.Thread(target=lambda: results.extend(asyncio.run(await_it()))),
    ]
    for thread in threads:
        thread.start()
    put.succeed(DONE)
    for thread in threads:
        thread.join()
    assert results == [PLACED] * 3


def test_a_loop_that_has_ended_is_not_told() -> None:
    put = new_future()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await put

    asyncio.run(give_up())
    put.succeed(DONE)
    assert put.result(0) == PLACED


def test_a_future_that_failed_raises_its_error_each_time() -> None:
    put = new_future()
    put.fail(ProducerClosed("closed"))
    for _ in range(2):
        with pytest.raises(ProducerClosed):
            put.result()
    assert isinstance(put.exception(), ProducerClosed)


def test_a_future_that_is_done_lets_go_of_the_data() -> None:
    put = new_future()
    put.succeed(DONE)
    assert put.entry.data == b""
