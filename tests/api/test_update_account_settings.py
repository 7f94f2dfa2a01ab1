"""UpdateAccountSettings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import invalid, refusal, required

DAY_MS = 86_400_000


def update(kinesis: Any, status: str) -> dict[str, Any]:
    answer = kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": status})
    commitment: dict[str, Any] = answer["MinimumThroughputBillingCommitment"]
    described = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
    assert described == commitment
    return commitment


def in_ms(commitment: dict[str, Any], member: str) -> int:
    instant: datetime = commitment[member]
    return round(instant.timestamp() * 1000)


def test_a_commitment_begins_at_once_and_runs_for_a_day_at_least(kinesis: Any, clock: ManualClock) -> None:
    commitment = update(kinesis, "ENABLED")
    assert commitment["Status"] == "ENABLED"
    assert in_ms(commitment, "StartedAt") == clock.now_ms()
    assert in_ms(commitment, "EarliestAllowedEndAt") == clock.now_ms() + DAY_MS
    assert "EndedAt" not in commitment


def test_enabling_again_goes_on_with_the_same_commitment(kinesis: Any, clock: ManualClock) -> None:
    first = update(kinesis, "ENABLED")
    clock.advance_ms(2 * DAY_MS)
    assert update(kinesis, "ENABLED") == first


def test_a_commitment_ended_early_stays_in_force_until_it_may_end(kinesis: Any, clock: ManualClock) -> None:
    first = update(kinesis, "ENABLED")
    clock.advance_ms(1000)
    ended = update(kinesis, "DISABLED")
    assert ended == first | {
        "Status": "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
        "EndedAt": first["EarliestAllowedEndAt"],
    }
    assert update(kinesis, "DISABLED") == ended


def test_an_end_can_be_taken_back_until_it_has_come(kinesis: Any, clock: ManualClock) -> None:
    first = update(kinesis, "ENABLED")
    update(kinesis, "DISABLED")
    clock.advance_ms(DAY_MS - 1)
    assert update(kinesis, "ENABLED") == first


def test_a_commitment_that_may_end_ends_at_once(kinesis: Any, clock: ManualClock) -> None:
    first = update(kinesis, "ENABLED")
    clock.advance_ms(DAY_MS + 5000)
    ended = update(kinesis, "DISABLED")
    assert ended["Status"] == "DISABLED"
    assert ended["StartedAt"] == first["StartedAt"]
    assert in_ms(ended, "EndedAt") == clock.now_ms()


def test_a_new_commitment_has_a_day_of_its_own(kinesis: Any, clock: ManualClock) -> None:
    update(kinesis, "ENABLED")
    clock.advance_ms(DAY_MS)
    update(kinesis, "DISABLED")
    clock.advance_ms(1000)
    again = update(kinesis, "ENABLED")
    assert in_ms(again, "StartedAt") == clock.now_ms()
    assert in_ms(again, "EarliestAllowedEndAt") == clock.now_ms() + DAY_MS
    assert "EndedAt" not in again


def test_disabling_what_was_never_enabled_changes_nothing(kinesis: Any) -> None:
    assert update(kinesis, "DISABLED") == {"Status": "DISABLED"}


@pytest.mark.parametrize(
    ("members", "refused"),
    [
        ({}, required("minimumThroughputBillingCommitment")),
        (
            {"MinimumThroughputBillingCommitment": {}},
            required("minimumThroughputBillingCommitment.status"),
        ),
        (
            {"MinimumThroughputBillingCommitment": {"Status": "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}},
            invalid(
                "Value 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' at 'minimumThroughputBillingCommitment.status' "
                "failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"
            ),
        ),
    ],
)
def test_the_status_must_be_one_of_two(
    kinesis: Any, members: dict[str, Any], refused: tuple[str, str]
) -> None:
    assert refusal(kinesis.update_account_settings, **members) == refused
