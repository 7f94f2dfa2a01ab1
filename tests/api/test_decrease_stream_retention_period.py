"""DecreaseStreamRetentionPeriod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal, required
from tests.api.retention import HOUR_MS, TOO_LONG, TOO_SHORT, put, readable, retention_of

Settle = Callable[[], None]


@pytest.fixture
def week_arn(kinesis: Any, stream_arn: str) -> str:
    """The ARN of `orders`, which keeps records for a week."""
    kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=168)
    return stream_arn


@pytest.mark.parametrize("named", NAMED)
def test_the_new_period_holds_at_once(kinesis: Any, week_arn: str, named: Reference) -> None:
    kinesis.decrease_stream_retention_period(**named(week_arn), RetentionPeriodHours=24)
    assert retention_of(kinesis) == 24


def test_the_present_period_changes_nothing(kinesis: Any, week_arn: str) -> None:
    kinesis.decrease_stream_retention_period(StreamARN=week_arn, RetentionPeriodHours=168)
    assert retention_of(kinesis) == 168


@pytest.mark.usefixtures("week_arn")
def test_records_older_than_the_new_period_are_gone_for_good(kinesis: Any, clock: ManualClock) -> None:
    put(kinesis, b"old")
    clock.advance_ms(30 * HOUR_MS)
    put(kinesis, b"new")
    assert readable(kinesis) == [b"old", b"new"]
    kinesis.decrease_stream_retention_period(StreamName="orders", RetentionPeriodHours=24)
    assert readable(kinesis) == [b"new"]
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=168)
    assert readable(kinesis) == [b"new"]


@pytest.mark.parametrize(("hours", "text"), TOO_SHORT + TOO_LONG)
def test_the_period_has_bounds(kinesis: Any, week_arn: str, hours: int, text: str) -> None:
    request = {"StreamARN": week_arn, "RetentionPeriodHours": hours}
    answer = refusal(kinesis.decrease_stream_retention_period, **request)
    assert answer == ("InvalidArgumentException", text)
    assert retention_of(kinesis) == 168


def test_a_longer_period_is_for_the_other_operation(kinesis: Any, stream_arn: str) -> None:
    request = {"StreamARN": stream_arn, "RetentionPeriodHours": 48}
    assert refusal(kinesis.decrease_stream_retention_period, **request) == (
        "InvalidArgumentException",
        (
            "Requested retention period (48 hours) for stream orders can not be longer than existing "
            "retention period (24 hours). Use IncreaseRetentionPeriod API."
        ),
    )
    assert retention_of(kinesis) == 24


def test_the_period_is_required(kinesis: Any, week_arn: str) -> None:
    answer = refusal(kinesis.decrease_stream_retention_period, StreamARN=week_arn)
    assert answer == required("retentionPeriodHours")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    request = {"StreamARN": arn, "RetentionPeriodHours": 24}
    assert refusal(kinesis.decrease_stream_retention_period, **request) == busy(state, account_id)
