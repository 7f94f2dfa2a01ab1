"""IncreaseStreamRetentionPeriod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal, required
from tests.api.retention import HOUR_MS, TOO_LONG, TOO_SHORT, put, readable, retention_of

Settle = Callable[[], None]


@pytest.mark.parametrize("named", NAMED)
def test_the_new_period_holds_at_once(kinesis: Any, stream_arn: str, named: Reference) -> None:
    assert retention_of(kinesis) == 24
    kinesis.increase_stream_retention_period(**named(stream_arn), RetentionPeriodHours=168)
    assert retention_of(kinesis) == 168


@pytest.mark.parametrize("hours", [24, 25, 8760])
def test_every_period_up_to_a_year_is_allowed(kinesis: Any, stream_arn: str, hours: int) -> None:
    kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=hours)
    assert retention_of(kinesis) == hours


def test_the_present_period_changes_nothing_and_succeeds(kinesis: Any, stream_arn: str) -> None:
    for _ in range(2):
        kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=48)
        assert retention_of(kinesis) == 48


@pytest.mark.usefixtures("stream_arn")
def test_records_that_have_not_expired_live_longer(kinesis: Any, clock: ManualClock) -> None:
    put(kinesis, b"first")
    clock.advance_ms(23 * HOUR_MS)
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=48)
    clock.advance_ms(24 * HOUR_MS)
    assert readable(kinesis) == [b"first"]
    clock.advance_ms(2 * HOUR_MS)
    assert readable(kinesis) == []


@pytest.mark.usefixtures("stream_arn")
def test_records_that_have_expired_do_not_come_back(kinesis: Any, clock: ManualClock) -> None:
    put(kinesis, b"expired")
    clock.advance_ms(12 * HOUR_MS)
    put(kinesis, b"kept")
    clock.advance_ms(12 * HOUR_MS + 1)
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=168)
    assert readable(kinesis) == [b"kept"]


@pytest.mark.parametrize(("hours", "text"), TOO_SHORT + TOO_LONG)
def test_the_period_has_bounds(kinesis: Any, stream_arn: str, hours: int, text: str) -> None:
    request = {"StreamARN": stream_arn, "RetentionPeriodHours": hours}
    answer = refusal(kinesis.increase_stream_retention_period, **request)
    assert answer == ("InvalidArgumentException", text)
    assert retention_of(kinesis) == 24


def test_a_shorter_period_is_for_the_other_operation(kinesis: Any, stream_arn: str) -> None:
    kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=48)
    request = {"StreamARN": stream_arn, "RetentionPeriodHours": 24}
    assert refusal(kinesis.increase_stream_retention_period, **request) == (
        "InvalidArgumentException",
        (
            "Requested retention period (24 hours) for stream orders can not be shorter than existing "
            "retention period (48 hours). Use DecreaseRetentionPeriod API."
        ),
    )
    assert retention_of(kinesis) == 48


def test_the_period_is_required(kinesis: Any, stream_arn: str) -> None:
    answer = refusal(kinesis.increase_stream_retention_period, StreamARN=stream_arn)
    assert answer == required("retentionPeriodHours")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    request = {"StreamARN": arn, "RetentionPeriodHours": 48}
    assert refusal(kinesis.increase_stream_retention_period, **request) == busy(state, account_id)


def test_streams_of_the_same_name_elsewhere_keep_their_period(
    kinesis: Any, client_of: Callable[..., Any], account_id: str, stream_arn: str, settle: Settle
) -> None:
    elsewhere = client_of(account_id, "us-west-2")
    elsewhere.create_stream(StreamName="orders", ShardCount=1)
    settle()
    kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=48)
    assert retention_of(elsewhere) == 24
