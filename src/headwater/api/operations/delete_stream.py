"""DeleteStream: the stream is DELETING for a while, then gone with its records and consumers."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.stream_reference import stream_named
from headwater.engine.attachments import require_no_attachments
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.errors import ResourceInUseException
from headwater.model.stream import Delete, Stream


async def delete_stream(engine: Engine, caller: Caller, request: requests.DeleteStreamInput) -> None:
    """A stream may still be CREATING; one with consumers needs `EnforceConsumerDeletion`.

    One with queues or channels is never deleted.

    Raises ResourceInUseException.
    """
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(stream: Stream) -> Stream:
        if stream.status != "CREATING":
            require_active(stream)
        if stream.consumers and not request.EnforceConsumerDeletion:
            raise ResourceInUseException(
                f"DeleteStream can't delete {stream.arn} because there are consumers associated with this "
                f"data stream. To delete {stream.name} anyway, set the EnforceConsumerDeletion parameter to "
                "true to force the deletion of all the consumers that are associated with it."
            )
        require_no_attachments(stream, "DeleteStream")
        return begin(stream, "DELETING", Delete(), due_ms)

    await engine.replace(stream_named(engine, caller, request), change)
