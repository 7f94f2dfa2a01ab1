"""Handlers of a queue's records in processes of their own, one record at a time each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headwater.client.calls.handler_process import HandlerProcess
from headwater.client.calls.users_code import Outcome, outcome_in_thread, outcome_of
from headwater.client.queues.core import QueueConsumerCore
from headwater.client.queues.queue_record import QueueRecord


async def handle_in_processes(
    core: QueueConsumerCore, handler: Callable[[QueueRecord], Any], count: int
) -> None:
    """`QueueConsumerCore.handle` with a handler in so many processes.

    Raises `ConfigurationError` for a handler that another process cannot import.
    """
    processes = [HandlerProcess(handler, QueueRecord.of) for _ in range(count)]
    free: asyncio.LifoQueue[HandlerProcess] = asyncio.LifoQueue()
    for process in processes:
        free.put_nowait(process)
    with ThreadPoolExecutor(count, thread_name_prefix="headwater-process") as threads:

        async def handle(record: QueueRecord) -> Outcome:
            process = await free.get()
            try:
                told = await outcome_in_thread(threads, outcome_of, process.handle, record.fields())
            finally:
                free.put_nowait(process)
            return Outcome(error=told.value if told.error is None else told.error)

        try:
            await core.handle(handle)
        finally:
            await asyncio.to_thread(_close, processes)


def _close(processes: list[HandlerProcess]) -> None:
    for process in processes:
        process.close()
