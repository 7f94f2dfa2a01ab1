"""DeleteResourcePolicy: take the policy of a stream, consumer or queue away."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.attached_policy import revise_policy
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.errors import ResourceNotFoundException


async def delete_resource_policy(
    engine: Engine, caller: Caller, request: requests.DeleteResourcePolicyInput
) -> None:
    """Fails with ResourceNotFoundException when there is none."""

    def delete(present: str | None) -> None:
        if present is None:
            raise ResourceNotFoundException(
                f"No resource policy found for resource ARN {request.ResourceARN}."
            )

    await revise_policy(engine, caller, request.ResourceARN, delete)
