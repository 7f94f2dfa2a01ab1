"""Programs that put records and end in one way or another; `test_process_hooks` runs them.

Arguments: the program, the endpoint and the stream. A program prints `put` when its records are in
its producer's buffer, which would keep them for an hour.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from typing import Any

from headwater.client import AsyncKinesisProducer, KinesisProducer

RECORDS = 5
NEVER_MS = 3_600_000


def new_producer(endpoint_url: str, stream: str, **settings: Any) -> KinesisProducer:
    return KinesisProducer(
        stream, endpoint_url=endpoint_url, region_name="us-east-1", buffer_time_ms=NEVER_MS, **settings
    )


def put(producer: KinesisProducer, text: str = "record") -> None:
    for number in range(RECORDS):
        producer.put(f"{text} {number}")
    print("put", flush=True)


def wait_for_signals() -> None:
    """Not in one long sleep: a signal that comes just before it is handled when it ends."""
    while True:
        time.sleep(0.1)


def end(endpoint_url: str, stream: str) -> None:
    put(new_producer(endpoint_url, stream))


def fail(endpoint_url: str, stream: str) -> None:
    put(new_producer(endpoint_url, stream))
    raise ValueError("the program fails")


def end_in_thread(endpoint_url: str, stream: str) -> None:
    """The main thread ends before another puts."""
    producer = new_producer(endpoint_url, stream)

    def later() -> None:
        threading.main_thread().join()
        put(producer)

    threading.Thread(target=later).start()


def wait(endpoint_url: str, stream: str) -> None:
    put(new_producer(endpoint_url, stream))
    wait_for_signals()


def wait_with_handler(endpoint_url: str, stream: str) -> None:
    """Its own handler was there before the producer's."""

    def handle(*_: object) -> None:
        print("handled", flush=True)
        sys.exit(7)

    signal.signal(signal.SIGTERM, handle)
    wait(endpoint_url, stream)


def wait_ignoring(endpoint_url: str, stream: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    producer = new_producer(endpoint_url, stream)
    put(producer)
    sys.stdin.readline()
    os._exit(0)


def put_one_and_wait(endpoint_url: str, stream: str) -> None:
    """One future is resolved, the others are not."""
    producer = new_producer(endpoint_url, stream)
    producer.put("resolved").add_done_callback(lambda _: print("resolved", flush=True))
    producer.flush()
    put(producer)
    wait_for_signals()


def fork(endpoint_url: str, stream: str) -> None:
    """Parent and child have records of their own."""
    producer = new_producer(endpoint_url, stream)
    of_parent = producer.put("parent")
    producer.put("before").add_done_callback(lambda _: None)
    child = os.fork()
    if child == 0:
        assert type(of_parent.exception(1)).__name__ == "PutByParent"
        put(producer, "child")
        producer.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    put(producer, "parent")


def fork_after_use(endpoint_url: str, stream: str) -> None:
    """The parent's loop and connections are in use when it forks."""
    producer = new_producer(endpoint_url, stream)
    producer.put("parent flushed")
    producer.flush()
    fork(endpoint_url, stream)


async def _wait_async(endpoint_url: str, stream: str, seconds: float) -> None:
    producer = AsyncKinesisProducer(
        stream, endpoint_url=endpoint_url, region_name="us-east-1", buffer_time_ms=NEVER_MS
    )
    for number in range(RECORDS):
        await producer.put(f"record {number}")
    print("put", flush=True)
    await asyncio.sleep(seconds)


def wait_async(endpoint_url: str, stream: str) -> None:
    asyncio.run(_wait_async(endpoint_url, stream, 600))


def end_async(endpoint_url: str, stream: str) -> None:
    asyncio.run(_wait_async(endpoint_url, stream, 0))


if __name__ == "__main__":
    program, *arguments = sys.argv[1:]
    globals()[program](*arguments)
