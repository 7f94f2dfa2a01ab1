"""GetResourcePolicy: the policy of a stream, consumer or queue, as it was put; `{}` when there is none."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.attached_policy import policy_holder
from headwater.engine.engine import Engine
from headwater.model.caller import Caller

_NO_POLICY = "{}"


async def get_resource_policy(
    engine: Engine, caller: Caller, request: requests.GetResourcePolicyInput
) -> answers.GetResourcePolicyOutput:
    """The resource is named by its ARN."""
    stream, part = await policy_holder(engine, caller, request.ResourceARN)
    policy = stream.policy if part is None else part.policy
    return {"Policy": policy or _NO_POLICY}
