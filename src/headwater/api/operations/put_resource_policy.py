"""PutResourcePolicy: attach a policy to a stream, consumer or queue, in place of the one before."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.attached_policy import revise_policy
from headwater.engine.engine import Engine
from headwater.engine.policies.resource_policy import check_policy
from headwater.model.caller import Caller


async def put_resource_policy(
    engine: Engine, caller: Caller, request: requests.PutResourcePolicyInput
) -> None:
    """The text is kept as it came."""

    def put(_present: str | None) -> str:
        check_policy(request.Policy, request.ResourceARN)
        return str(request.Policy)

    await revise_policy(engine, caller, request.ResourceARN, put)
