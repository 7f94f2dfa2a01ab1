"""The core of both producers: it takes records from the put queue and puts them, on one event loop.

Rules:
- a call is made when it is full, when a record has waited for the buffer time, or when a
  flush waits; at most `calls_in_flight` calls run at the same time;
- a record that the answer refuses for the moment is tried again, alone, after a delay
  that grows; a call that fails for the moment likewise, with all its records;
- a call that is refused because of one bad record is made in halves, down to that record;
- every record gets exactly one outcome; a record that is given up is logged, too, because an
  application may not look at its futures.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.backoff import RETRY_POLICIES, SYSTEM_RNG
from headwater.client.calls.errors import (
    TRANSIENT_CODES,
    ClientError,
    ProducerClosed,
    PutFailed,
    RecordTooLarge,
    ServiceError,
    is_transient,
)
from headwater.client.calls.kinesis_calls import KinesisCalls, PutRecordsResult
from headwater.client.calls.put_call import RECORD_BYTES_MAX, REFUSALS_OF_A_RECORD, halves
from headwater.client.calls.users_code import listened
from headwater.client.producer.accumulator import UNLIMITED, RecordAccumulator
from headwater.client.producer.aggregation import AggregatedPut, Put
from headwater.client.producer.counters import CallReport, ProducerCounters
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.put_queue import PutQueue
from headwater.client.producer.settings import ProducerSettings
from headwater.client.producer.shard_map import ShardMap

if TYPE_CHECKING:
    from headwater.client.producer.put_tracing import PutTracing

REFRESH_AFTER_S = 5.0
"""The age at which limits and shards of the stream may be asked for again."""
DEFAULT_RECORD_KIB = 1024
SHORTEST_WAIT_S = 0.001
NEVER = float("-inf")

_log = logging.getLogger("headwater.client")


class ProducerCore:
    """The sender of one producer. Its methods belong to one event loop."""

    def __init__(
        self,
        stream: str,
        settings: ProducerSettings,
        buffer: PutQueue,
        counters: ProducerCounters,
        service: AwsService,
        on_call: Callable[[CallReport], object] | None,
        tracing: PutTracing | None = None,
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._buffer = buffer
        self._counters = counters
        self._service = service
        self._on_call = on_call
        self._tracing = tracing
        self._calls = KinesisCalls(service)
        self._shard_map = ShardMap(stream, self._calls)
        self._accumulator = RecordAccumulator(settings, self._shard_map)
        self._needs_shards = settings.aggregate or settings.limits_shards
        self._sending: dict[asyncio.Task[None], Sequence[Put]] = {}
        self._checking: dict[asyncio.Task[None], Sequence[Put]] = {}
        self._backing_off: dict[asyncio.TimerHandle, list[Put]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = UNLIMITED
        self._flushes = 0
        self._is_urgent = False
        """What is ready goes at once, without waiting for a full batch or the buffer time."""
        self._is_closed = False
        self._refreshing: asyncio.Task[None] | None = None
        self._stream_info_s = NEVER
        self._record_bytes_max = RECORD_BYTES_MAX
        self._taken: list[PutFuture] = []

    def wake(self) -> None:
        """Look at the put queue, and send what is due."""
        self._buffer.is_batch_announced = False
        if self._is_closed:
            return
        if self._stream_info_s == NEVER:
            self._refresh_stream_info()
        else:
            self._send_due()

    async def flush(self) -> None:
        """Wait until every record that was put so far has its outcome."""
        waiting = self.unfinished()
        if not waiting:
            return
        left = len(waiting)
        done = asyncio.get_running_loop().create_future()

        def count(_: PutFuture) -> None:
            nonlocal left
            left -= 1
            if left == 0 and not done.done():
                done.set_result(None)

        for put in waiting:
            put.add_done_callback(count)
        self._flushes += 1
        try:
            self.wake()
            await done
        finally:
            self._flushes -= 1

    async def flush_within(self, timeout_s: float | None) -> None:
        """Flush for `timeout_s` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.flush()

    async def close(self) -> None:
        """Fail records without an outcome, and end every connection."""
        self._is_closed = True
        self._stop()
        left = self.unfinished()
        if left:
            _log.error(
                "%d records were not put into %s before its producer was closed", len(left), self._stream
            )
        self._counters.user_records_failed += len(left)
        for put in left:
            put.fail(ProducerClosed(f"closed before the record was put into {self._stream}"))
        await self._service.close()

    def drain(self) -> None:
        """Send everything now: the buffer is full."""
        self._is_urgent = True
        self.wake()

    def resume(self, puts: list[PutFuture]) -> None:
        """Take over the records of another core."""
        self._taken += puts

    def abandon(self, error: Exception) -> None:
        """Fail all records, without the event loop."""
        for put in self.unfinished():
            put.fail(error)

    def unfinished(self) -> list[PutFuture]:
        """The user records without an outcome, each once."""
        self._taken += self._buffer.take()
        sources: list[Iterable[Put]] = [self._taken, self._accumulator.all()]
        sources += [*self._sending.values(), *self._checking.values(), *self._backing_off.values()]
        members = (member for puts in sources for put in puts for member in put.members())
        return list({member: None for member in members if not member.done()})

    def _stop(self) -> None:
        for task in (*self._sending, *self._checking, *filter(None, (self._refreshing,))):
            task.cancel()
        for timer in (*self._backing_off, *filter(None, (self._timer,))):
            timer.cancel()

    def _send_due(self) -> None:
        """Make every call that is due, and set the timer for the next."""
        if self._is_closed:
            return
        now_s = time.monotonic()
        accumulator, settings = self._accumulator, self._settings
        # 1. Take what has arrived, if a record must go now or a batch is full.
        is_due = self._is_due(now_s)
        if is_due or self._buffer.has_batch:
            accumulator.add(self._take(now_s), now_s)
        if is_due:
            accumulator.close_aggregates(now_s)
        # 2. Make calls of what the shards' rates let go, as many at a time as may be.
        rates_wait_s = accumulator.due_within_rates(now_s)
        while len(self._sending) < settings.calls_in_flight and (is_due or accumulator.has_batch):
            batch = accumulator.batch(now_s)
            if not batch:
                break
            self._start(self._sending, self._send(batch), batch)
        # 3. Ask for the stream's shards if they are missing, and come back for what waits.
        if not accumulator.is_ready:
            self._is_urgent = False
        if self._needs_shards and not self._shard_map and now_s >= self._stream_info_s + REFRESH_AFTER_S:
            self._refresh_stream_info()
        self._set_timer(now_s, rates_wait_s)

    def _is_due(self, now_s: float) -> bool:
        """Whether a record must not wait for others any longer."""
        if self._flushes or self._is_urgent:
            return True
        return self._oldest_s() <= now_s - self._settings.buffer_time_ms / 1000

    def _oldest_s(self) -> float:
        arrived, taken = self._buffer.arrived, self._taken
        first = taken[0].since_s if taken else arrived[0].since_s if arrived else UNLIMITED
        return min(first, self._accumulator.oldest_s())

    def _take(self, now_s: float) -> list[PutFuture]:
        """The records that have arrived, without those that are too large for the stream."""
        puts = self._taken + self._buffer.take() if self._taken else self._buffer.take()
        self._taken = []
        bytes_max = self._record_bytes_max
        if any([put.size_bytes > bytes_max for put in puts]):  # noqa: C419 - a list is faster
            if now_s >= self._stream_info_s + REFRESH_AFTER_S:
                # The limit may be another by now; all wait, so that they stay in order.
                self._taken = puts
                self._refresh_stream_info()
                return []
            for put in puts:
                if put.size_bytes > bytes_max:
                    text = f"{put.size_bytes} bytes; {self._stream} takes records of up to {bytes_max}"
                    self._give_up(put, RecordTooLarge(text))
            puts = [put for put in puts if put.size_bytes <= bytes_max]
        return puts

    def _set_timer(self, now_s: float, rates_wait_s: float | None) -> None:
        """Set the timer for the oldest record. While no call can be made, the end of a call looks instead."""
        buffer = self._buffer
        if len(self._sending) >= self._settings.calls_in_flight or self._refreshing is not None:
            buffer.is_expected = True
            return
        buffer.is_expected = False
        look_s = self._oldest_s() + self._settings.buffer_time_ms / 1000
        if rates_wait_s is not None:
            look_s = min(look_s, now_s + rates_wait_s)
        if look_s == UNLIMITED:
            return
        buffer.is_expected = True
        if self._timer is not None:
            if self._timer_s <= look_s:
                return
            self._timer.cancel()
        self._timer_s = look_s
        delay_s = max(look_s - now_s, SHORTEST_WAIT_S)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._timer_ended)

    def _timer_ended(self) -> None:
        self._timer = None
        self._send_due()

    def _start(
        self,
        running: dict[asyncio.Task[None], Sequence[Put]],
        work: Coroutine[Any, Any, None],
        puts: Sequence[Put],
    ) -> None:
        """Run a task for these records; `running` has them until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        running[task] = puts
        task.add_done_callback(functools.partial(self._ended, running))

    def _ended(self, running: dict[asyncio.Task[None], Sequence[Put]], task: asyncio.Task[None]) -> None:
        puts = running.pop(task)
        if task.cancelled():  # the loop ends: whoever comes after it finds them
            self._accumulator.requeue([put for put in puts if not put.done()], time.monotonic())
            return
        error = task.exception()
        if error is not None:  # not foreseen; the records must have an outcome nevertheless
            _log.error("a call of PutRecords ended in an unforeseen way", exc_info=error)
            self._fail([put for put in puts if not put.done()], type(error).__name__, str(error))
        self._send_due()

    async def _send(self, batch: list[Put]) -> None:
        """Make one call, and settle its records."""
        started_s = time.monotonic()
        try:
            put_records = functools.partial(
                self._calls.put_records, self._stream, [put.entry for put in batch]
            )
            results = await (
                put_records() if self._tracing is None else self._tracing.send(batch, put_records)
            )
        except ClientError as error:
            code = error.code if isinstance(error, ServiceError) else type(error).__name__
            self._report(batch, {code: len(batch)}, started_s)
            await self._refused(batch, error, code, started_s)
        else:
            self._settle(batch, results, started_s)

    async def _refused(self, batch: list[Put], error: ClientError, code: str, started_s: float) -> None:
        """Deal with a call that failed as a whole: retry, halve or fail it."""
        if is_transient(error):
            self._retry(batch, code, str(error), started_s)
        elif code in REFUSALS_OF_A_RECORD and len(batch) > 1:
            for half in halves(batch):
                await self._send(half)
        else:
            for put in batch:
                put.attempts += 1
            self._fail(batch, code, error.message if isinstance(error, ServiceError) else str(error))

    def _settle(self, batch: list[Put], results: list[PutRecordsResult], started_s: float) -> None:
        """Deal with each result of a call: stored, misplaced, retried or failed."""
        refused: dict[tuple[str, str], list[Put]] = {}
        misplaced: list[tuple[AggregatedPut, PutRecordsResult]] = []
        done: list[tuple[Put, PutRecordsResult]] = []
        for put, result in zip(batch, results, strict=True):
            if result.error_code is not None:
                refused.setdefault((result.error_code, result.error_message or ""), []).append(put)
            elif isinstance(put, AggregatedPut) and not self._is_in_place(put, result):
                misplaced.append((put, result))
            else:
                done.append((put, result))
        # Whoever is told of a record finds its call counted.
        self._report(batch, {code: len(puts) for (code, _), puts in refused.items()}, started_s)
        self._succeed(done)
        for (code, text), puts in refused.items():
            if code in TRANSIENT_CODES:
                self._retry(puts, code, text, started_s)
            else:
                self._fail(puts, code, text)
        if misplaced:
            self._start(self._checking, self._put_in_place(misplaced), [put for put, _ in misplaced])

    def _succeed(self, done: list[tuple[Put, PutRecordsResult]]) -> None:
        if self._settings.ordered:
            now_s = time.monotonic()
            for put, _ in done:
                self._accumulator.done(put, now_s)
        if self._settings.aggregate:
            records = sum([len(put.members()) for put, _ in done])
            size_bytes = sum([member.size_bytes for put, _ in done for member in put.members()])
        else:
            records = len(done)
            size_bytes = sum([put.size_bytes for put, _ in done])
        self._counters.user_records_done += records
        self._counters.bytes_done += size_bytes
        for put, result in done:
            put.succeed(result)
        self._buffer.release(records, size_bytes)

    def _retry(self, puts: list[Put], code: str, text: str, started_s: float) -> None:
        """Retry records after a backoff, unless their `retry_time_s` is over."""
        now_s = time.monotonic()
        for put in puts:
            if put.attempts == 0:
                put.retry_until_s = started_s + self._settings.retry_time_s
            put.attempts += 1
        over = [put for put in puts if put.retry_until_s <= now_s]
        self._fail(over, code, text)
        retried = [put for put in puts if put.retry_until_s > now_s]
        if not retried:
            return
        self._counters.retries += len(retried)
        delay_s = RETRY_POLICIES["put"].delay_s(max(put.attempts for put in retried), SYSTEM_RNG)
        delay_s = min(delay_s, max(put.retry_until_s for put in retried) - now_s)

        def requeue() -> None:
            self._accumulator.requeue(self._backing_off.pop(timer), time.monotonic())
            self._is_urgent = True
            self._send_due()

        timer = asyncio.get_running_loop().call_later(delay_s, requeue)
        self._backing_off[timer] = retried

    def _fail(self, puts: Sequence[Put], code: str, text: str) -> None:
        """Fail records for good."""
        if not puts:
            return
        members = sum(len(put.members()) for put in puts)
        _log.error("%d records were not put into %s: %s: %s", members, self._stream, code, text)
        now_s = time.monotonic()
        for put in puts:
            if self._settings.ordered:
                self._accumulator.done(put, now_s)
            self._give_up(put, PutFailed(code, text, put.attempts))

    def _give_up(self, put: Put, error: Exception) -> None:
        members = put.members()
        self._counters.user_records_failed += len(members)
        put.fail(error)
        self._buffer.release(len(members), sum(member.size_bytes for member in members))

    def _is_in_place(self, put: AggregatedPut, result: PutRecordsResult) -> bool:
        """Whether all user records of an aggregate are in the shard of their hash keys."""
        if result.shard_id == put.shard.shard_id:
            return True
        shard = self._shard_map.shard_named(result.shard_id or "")
        return shard is not None and put.fits(shard)

    async def _put_in_place(self, misplaced: list[tuple[AggregatedPut, PutRecordsResult]]) -> None:
        """Send aggregates again that have user records of other shards since a reshard.

        Consumers drop such an aggregate as a whole, as the Kinesis Client Library does.
        """
        is_known = True
        try:
            await self._shard_map.refresh()
        except ClientError as error:
            is_known = False
            _log.warning("the shards of %s are not known: %s", self._stream, error)
        now_s = time.monotonic()
        self._accumulator.shards_changed(now_s)
        in_place = [pair for pair in misplaced if not is_known or self._is_in_place(*pair)]
        self._succeed(list(in_place))
        for pair in misplaced:
            if pair not in in_place:
                self._counters.wrong_shards += 1
                self._accumulator.split_up(pair[0], now_s)
        self._is_urgent = True

    def _report(self, batch: list[Put], errors: dict[str, int], started_s: float) -> None:
        """Count one call, and call the hook."""
        counters = self._counters
        counters.calls += 1
        counters.kinesis_records_sent += len(batch)
        if errors:
            counters.errors.update(errors)
        if self._on_call is None:
            return
        size_bytes = sum(put.size_bytes for put in batch)
        report = CallReport(self._stream, len(batch), size_bytes, time.monotonic() - started_s, errors)
        listened("the hook of a producer", self._on_call, report)

    def _refresh_stream_info(self) -> None:
        """Ask for the stream's record limit, and its shards if they are needed; then send."""
        if self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().create_task(self._ask_stream_info())
            self._refreshing.add_done_callback(self._on_stream_info)

    def _on_stream_info(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if task.cancelled():
            return
        if task.exception() is not None:
            _log.error("what %s is like could not be asked", self._stream, exc_info=task.exception())
        self._stream_info_s = time.monotonic()
        self._send_due()

    async def _ask_stream_info(self) -> None:
        try:
            summary = await self._calls.describe_stream_summary(self._stream)
            self._record_bytes_max = int(summary.get("MaxRecordSizeInKiB", DEFAULT_RECORD_KIB)) * 1024
            if self._needs_shards:
                await self._shard_map.refresh()
        except ClientError as error:
            # The calls that put records will tell whether anything is wrong.
            _log.warning("what %s is like is not known: %s", self._stream, error)
