"""The policy that is attached to a resource: a stream, or a consumer of one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.api.stream_reference import resource_of_arn
from headwater.engine.consumers import find_by_name, replace_consumer, require_active_consumer
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active
from headwater.model.caller import Caller
from headwater.model.stream import Stream

NextPolicy = Callable[[str | None], str | None]
"""From the present policy to the next one; `None` is: no policy."""


async def revise_policy(engine: Engine, caller: Caller, arn: str, next_policy: NextPolicy) -> None:
    """Commit the next policy of the resource. It must be ACTIVE, and so must its stream."""
    found, consumer = await resource_of_arn(engine, caller, arn)

    def change(stream: Stream) -> Stream:
        require_active(stream)
        if consumer is None:
            return msgspec.structs.replace(stream, policy=next_policy(stream.policy))
        present = find_by_name(stream, consumer.name)
        require_active_consumer(stream, present)
        policy = next_policy(present.policy)
        return replace_consumer(stream, msgspec.structs.replace(present, policy=policy))

    await engine.replace(found.full_name, change)
