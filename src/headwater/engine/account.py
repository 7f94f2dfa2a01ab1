"""Settings of an account in a region: the minimum throughput billing commitment.

A commitment runs for at least 24 hours. One that is given up earlier stays in
force until then (`ENABLED_UNTIL_EARLIEST_ALLOWED_END`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headwater.engine.limits.limits import DAY_MS

CommitmentStatus = Literal["ENABLED", "DISABLED", "ENABLED_UNTIL_EARLIEST_ALLOWED_END"]


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one account in one region."""

    account_id: str
    region: str
    committed_ms: int | None = None
    """Start of the commitment; `None` when there never was one."""
    ended_ms: int | None = None
    """End of the commitment, which may lie ahead; `None` while it is open-ended."""

    @property
    def earliest_end_ms(self) -> int | None:
        """When the commitment may end at the earliest."""
        return None if self.committed_ms is None else self.committed_ms + DAY_MS

    def commitment(self, now_ms: int) -> CommitmentStatus:
        """The state of the commitment as of now."""
        if self.committed_ms is None:
            return "DISABLED"
        if self.ended_ms is None:
            return "ENABLED"
        return "ENABLED_UNTIL_EARLIEST_ALLOWED_END" if now_ms < self.ended_ms else "DISABLED"

    def committed(self, now_ms: int) -> bool:
        """Whether the commitment is in force."""
        return self.commitment(now_ms) != "DISABLED"


def enable_commitment(account: AccountSettings, now_ms: int) -> AccountSettings:
    """Begin a commitment, or go on with the one in force."""
    if account.committed(now_ms):
        return msgspec.structs.replace(account, ended_ms=None)
    return msgspec.structs.replace(account, committed_ms=now_ms, ended_ms=None)


def disable_commitment(account: AccountSettings, now_ms: int) -> AccountSettings:
    """End the commitment as early as it may end."""
    if account.earliest_end_ms is None or account.ended_ms is not None:
        return account
    return msgspec.structs.replace(account, ended_ms=max(now_ms, account.earliest_end_ms))


class LiveAccount(msgspec.Struct, frozen=True):
    """Settings in memory, and their version in the store."""

    settings: AccountSettings
    version: int
