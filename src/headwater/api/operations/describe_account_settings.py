"""DescribeAccountSettings: the account's minimum throughput billing commitment."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.commitment import describe_commitment
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def describe_account_settings(
    engine: Engine, caller: Caller, _request: requests.DescribeAccountSettingsInput
) -> answers.DescribeAccountSettingsOutput:
    """DISABLED for an account that never enabled it."""
    commitment = describe_commitment(engine.account(caller), engine.now_ms())
    return {"MinimumThroughputBillingCommitment": commitment}
