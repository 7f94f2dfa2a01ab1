"""DescribeAccountSettings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.model.clock import ManualClock
from tests.api.refusals import OTHER_ACCOUNT_ID

DISABLED = {"Status": "DISABLED"}
DAY_MS = 86_400_000


def commitment_of(kinesis: Any) -> dict[str, Any]:
    commitment: dict[str, Any] = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
    return commitment


def enable(kinesis: Any) -> None:
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})


def test_an_account_has_no_commitment_until_it_makes_one(kinesis: Any) -> None:
    assert commitment_of(kinesis) == DISABLED


def test_tells_since_when_and_until_when_at_least_the_commitment_runs(
    kinesis: Any, clock: ManualClock
) -> None:
    started_ms = clock.now_ms()
    enable(kinesis)
    clock.advance_ms(1000)
    commitment = commitment_of(kinesis)
    assert commitment.keys() == {"Status", "StartedAt", "EarliestAllowedEndAt"}
    assert commitment["Status"] == "ENABLED"
    assert commitment["StartedAt"].timestamp() * 1000 == started_ms
    assert commitment["EarliestAllowedEndAt"].timestamp() * 1000 == started_ms + DAY_MS


def test_a_commitment_goes_on_until_it_is_ended(kinesis: Any, clock: ManualClock) -> None:
    enable(kinesis)
    clock.advance_ms(30 * DAY_MS)
    assert commitment_of(kinesis)["Status"] == "ENABLED"


def test_a_commitment_that_was_ended_early_ends_when_its_day_is_over(
    kinesis: Any, clock: ManualClock
) -> None:
    enable(kinesis)
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    clock.advance_ms(DAY_MS - 1)
    assert commitment_of(kinesis)["Status"] == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
    clock.advance_ms(1)
    commitment = commitment_of(kinesis)
    assert commitment["Status"] == "DISABLED"
    assert commitment["EndedAt"] == commitment["EarliestAllowedEndAt"]


def test_accounts_and_regions_have_settings_of_their_own(
    kinesis: Any, client_of: Callable[..., Any], account_id: str
) -> None:
    enable(kinesis)
    assert commitment_of(client_of(OTHER_ACCOUNT_ID)) == DISABLED
    assert commitment_of(client_of(account_id, "us-west-2")) == DISABLED
