"""The policy that is attached to a resource: a stream, or a consumer or queue of one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.api.resource_reference import resource_of_arn
from headwater.engine.attachments import require_active_attachment
from headwater.engine.consumers import find_by_name, replace_consumer, require_active_consumer
from headwater.engine.engine import Engine
from headwater.engine.queue_lifecycle import find_queue, replace_queue
from headwater.engine.stream_checks import require_active
from headwater.model.arn import parse_queue_arn, parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.channel import Channel
from headwater.model.consumer import Consumer
from headwater.model.errors import InvalidArgumentException, ResourceNotFoundException
from headwater.model.queue import Queue
from headwater.model.stream import Stream

PolicyPart = Consumer | Queue | None
"""What of a stream may have a policy; `None` is the stream itself."""
NextPolicy = Callable[[str | None], str | None]
"""From the present policy to the next one; `None` is: no policy."""


async def policy_holder(engine: Engine, caller: Caller, arn: str) -> tuple[Stream, PolicyPart]:
    """The resource of a policy, as `resource_of_arn`.

    Raises InvalidArgumentException for a channel, which has none, and for one of another region: seen at AWS
    in these operations only.
    """
    if ":channel/" in arn:
        raise InvalidArgumentException(
            f"{arn} is a channel: resource policies are for streams and consumers."
        )
    try:
        stream, part = await resource_of_arn(engine, caller, arn)
    except ResourceNotFoundException:
        named = parse_queue_arn(arn) or parse_stream_arn(arn.partition("/consumer/")[0])
        if named is None or named.region == caller.region:
            raise
        raise InvalidArgumentException(
            f"The region specified in the ARN '{arn}' does not match the endpoint region"
        ) from None
    assert not isinstance(part, Channel), "its ARN was refused"
    return stream, part


async def revise_policy(engine: Engine, caller: Caller, arn: str, next_policy: NextPolicy) -> None:
    """Commit the next policy of the resource. It must be ACTIVE; of a consumer, its stream, too."""
    found, part = await policy_holder(engine, caller, arn)

    def change(stream: Stream) -> Stream:
        if isinstance(part, Queue):
            queue = find_queue(stream, part.queue_id)
            require_active_attachment(stream, queue)
            return replace_queue(stream, msgspec.structs.replace(queue, policy=next_policy(queue.policy)))
        require_active(stream)
        if part is None:
            return msgspec.structs.replace(stream, policy=next_policy(stream.policy))
        present = find_by_name(stream, part.name)
        require_active_consumer(stream, present)
        policy = next_policy(present.policy)
        return replace_consumer(stream, msgspec.structs.replace(present, policy=policy))

    await engine.replace(found.full_name, change)
