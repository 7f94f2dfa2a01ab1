"""How an account's throughput commitment looks in answers."""

from __future__ import annotations

from typing import Any

from headwater.engine.account import AccountSettings
from headwater.model.instant import Instant


def describe_commitment(account: AccountSettings, now_ms: int) -> dict[str, Any]:
    """The shape `MinimumThroughputBillingCommitmentOutput`."""
    described: dict[str, Any] = {"Status": account.commitment(now_ms)}
    times = {
        "StartedAt": account.committed_ms,
        "EndedAt": account.ended_ms,
        "EarliestAllowedEndAt": account.earliest_end_ms,
    }
    return described | {member: Instant(time_ms) for member, time_ms in times.items() if time_ms is not None}
