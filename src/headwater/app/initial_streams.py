"""The streams that a server begins with: those of `--create-stream` that are not there yet.

They are made before anybody can ask, and are ACTIVE for the first who does. A stream that is
there already, with the data of an earlier run, is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headwater.app.initial_calls import call, without_transitions

if TYPE_CHECKING:
    from headwater.config import InitialStream
    from headwater.engine.engine import Engine


class InitialStreamError(Exception):
    """What a server is to begin with cannot be made; the message is for the person who asked."""


async def create_missing(engine: Engine, streams: Iterable[InitialStream]) -> None:
    """Create the streams that are not there, in the server's own account and region.

    Raises `InitialStreamError`.
    """
    from headwater.model.errors import KinesisError, ResourceInUseException  # noqa: PLC0415 - few servers do this

    with without_transitions(engine):
        for stream in streams:
            on_demand = {"StreamMode": "ON_DEMAND"} if stream.shard_count is None else None
            try:
                await call(
                    engine,
                    "CreateStream",
                    StreamName=stream.name,
                    ShardCount=stream.shard_count,
                    StreamModeDetails=on_demand,
                )
            except ResourceInUseException:
                continue
            except KinesisError as error:
                raise InitialStreamError(f"--create-stream {stream.name}: {error.message}") from error
