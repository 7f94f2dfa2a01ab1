"""How an account's throughput commitment looks in answers."""

from __future__ import annotations

from headwater.api import answers
from headwater.engine.account import AccountSettings
from headwater.model.instant import Instant


def describe_commitment(
    account: AccountSettings, now_ms: int
) -> answers.MinimumThroughputBillingCommitmentOutput:
    """The shape `MinimumThroughputBillingCommitmentOutput`."""
    described: answers.MinimumThroughputBillingCommitmentOutput = {"Status": account.commitment(now_ms)}
    if account.committed_ms is not None:
        described["StartedAt"] = Instant(account.committed_ms)
    if account.ended_ms is not None:
        described["EndedAt"] = Instant(account.ended_ms)
    if account.earliest_end_ms is not None:
        described["EarliestAllowedEndAt"] = Instant(account.earliest_end_ms)
    return described
