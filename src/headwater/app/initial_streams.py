"""The streams that a server begins with: those of `--create-stream` that are not there yet.

They are made before anybody can ask, and are ACTIVE for the first who does. A stream that is
there already, with the data of an earlier run, is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from headwater.server.asyncio_bridge import finished

if TYPE_CHECKING:
    from headwater.config import InitialStream
    from headwater.engine.engine import Engine


class InitialStreamError(Exception):
    """A stream that was asked for cannot be made; the message is for the person who asked."""


async def create_missing(engine: Engine, streams: Iterable[InitialStream]) -> None:
    """Create the streams that are not there, in the server's own account and region.

    Raises `InitialStreamError`.
    """
    from headwater.api.operations.create_stream import create_stream  # noqa: PLC0415 - few servers do this
    from headwater.api.validation.constraints import accept_document  # noqa: PLC0415 - as above
    from headwater.model.errors import KinesisError, ResourceInUseException  # noqa: PLC0415 - as above

    settings = engine.settings
    engine.settings = msgspec.structs.replace(settings, transition_ms=0)
    try:
        for stream in streams:
            document: dict[str, object] = {"StreamName": stream.name}
            if stream.shard_count is None:
                document["StreamModeDetails"] = {"StreamMode": "ON_DEMAND"}
            else:
                document["ShardCount"] = stream.shard_count
            try:
                request = accept_document("CreateStream", document)
                await finished(create_stream(engine, engine.home, request))
            except ResourceInUseException:
                continue
            except KinesisError as error:
                raise InitialStreamError(f"--create-stream {stream.name}: {error.message}") from error
    finally:
        engine.settings = settings
