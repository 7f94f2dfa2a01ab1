"""UpdateAccountSettings: begin or end the account's minimum throughput billing commitment."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.commitment import describe_commitment
from headwater.engine.account import AccountSettings, disable_commitment, enable_commitment
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def update_account_settings(
    engine: Engine, caller: Caller, request: requests.UpdateAccountSettingsInput
) -> answers.UpdateAccountSettingsOutput:
    """One that is ended within 24 hours of its start stays in force until they are over."""
    now_ms = engine.now_ms()
    enabled = request.MinimumThroughputBillingCommitment.Status == "ENABLED"

    def change(account: AccountSettings) -> AccountSettings:
        return (enable_commitment if enabled else disable_commitment)(account, now_ms)

    account = await engine.revise_account(caller, change)
    return {"MinimumThroughputBillingCommitment": describe_commitment(account, now_ms)}
