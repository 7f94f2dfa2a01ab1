"""What a function's answer means for a batch, and what becomes of a batch that failed: pure rules.

Rules, as the developer guide has them:
- an error of the function fails the whole batch;
- with ReportBatchItemFailures the answer may name failed records: what comes before the
  lowest of them has succeeded; no names is success, a name that is none of the batch's
  fails the whole batch;
- a failed batch is tried again as it is, from the first record that failed, until the
  retries are used up; then it is discarded;
- with bisecting, a batch that failed is halved instead, and one of which a part succeeded
  is cut there; neither counts as a retry;
- an invocation that did not reach the function counts as no retry either;
- records that are too old are discarded, whatever else holds.

The source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from headwater.lambda_.functions.invocation import InvocationResult
from headwater.lambda_.mappings.kinesis_event import EventRecord
from headwater.lambda_.mappings.mapping import Mapping
from headwater.wire.json_format import UNREADABLE

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]

BACKOFF_FACTOR_MAX = 60
"""The longest delay between two attempts, in first delays."""


class BatchAttempt(NamedTuple):
    """Records that go to the function in one invocation, and what happened to them so far."""

    records: Sequence[EventRecord]
    retries: int = 0
    """The attempts that count for `MaximumRetryAttempts`."""
    invocations: int = 0
    """The attempts that reached the function."""


class Failure(NamedTuple):
    """A batch, or the rest of one, that has to be done again."""

    first_failed: int
    """The index of the first record that did not succeed."""
    is_partial: bool
    """Whether the function named the record, instead of failing."""


class FailureDecision(NamedTuple):
    """The decision on a failed batch, apart from its first records that succeeded."""

    again: tuple[BatchAttempt, ...]
    """To be invoked in this order, before anything that comes after the batch."""
    discarded: BatchAttempt | None
    """Given up."""


def judge(result: InvocationResult, sequence_numbers: Sequence[str], *, reports: bool) -> Failure | None:
    """The failure of a batch; `None` without one. `reports`: the function may name the failed records."""
    if result.function_error is not None:
        return Failure(0, is_partial=False)
    if not reports:
        return None
    try:
        answer = msgspec.json.decode(result.payload) if result.payload.strip() else None
        return _judge_report(answer, sequence_numbers)
    except UNREADABLE:
        return Failure(0, is_partial=False)


def _judge_report(answer: Any, sequence_numbers: Sequence[str]) -> Failure | None:
    whole = Failure(0, is_partial=False)
    if answer in (None, "", [], {}):
        return None
    if not isinstance(answer, dict):
        return whole
    items = answer.get("batchItemFailures")
    if items is None or items == []:
        return None
    if not isinstance(items, list):
        return whole
    indexes = {number: index for index, number in enumerate(sequence_numbers)}
    first_failed = len(indexes)
    for item in items:
        name = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in indexes:
            return whole
        first_failed = min(first_failed, indexes[name])
    return Failure(first_failed, is_partial=True)


def decide(work: BatchAttempt, failure: Failure, mapping: Mapping) -> FailureDecision:
    """The decision on a batch that failed. `work` is as it was before the invocation."""
    invocations = work.invocations + 1
    rest = BatchAttempt(work.records[failure.first_failed :], work.retries, invocations)
    if mapping.bisect_batch and failure.is_partial and failure.first_failed > 0:
        return FailureDecision((rest,), None)
    if mapping.bisect_batch and len(rest.records) > 1:
        middle = len(rest.records) // 2
        halves = (rest.records[:middle], rest.records[middle:])
        return FailureDecision(tuple(rest._replace(records=half) for half in halves), None)
    if 0 <= mapping.maximum_retry_attempts <= work.retries:
        return FailureDecision((), rest)
    return FailureDecision((rest._replace(retries=work.retries + 1),), None)


def count_too_old(records: Sequence[EventRecord], oldest_ms: int) -> int:
    """How many of the first records arrived before `oldest_ms`; the others are as young or younger."""
    for index, record in enumerate(records):
        if record.arrival_ms >= oldest_ms:
            return index
    return len(records)


def backoff_ms(attempts: int, first_delay_ms: int) -> int:
    """The delay after failed attempts in a row, in ms: doubled each time, up to a limit."""
    doublings = min(max(attempts - 1, 0), 30)
    return first_delay_ms * min(1 << doublings, BACKOFF_FACTOR_MAX)
