"""GetShardIterator: where to start reading a shard; valid for 300 seconds."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.dry_run import stop_dry_run
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.iterator_types import Start, position_of
from headwater.engine.reading import iterator_at, shard_gone
from headwater.engine.stream_checks import shard_index
from headwater.model.caller import Caller
from headwater.model.errors import ResourceNotFoundException
from headwater.model.shard import shard_id_of


async def get_shard_iterator(
    engine: Engine, caller: Caller, request: requests.GetShardIteratorInput
) -> answers.GetShardIteratorOutput:
    """A closed shard has iterators, too: they lead to its end and its children."""
    name = stream_named(engine, caller, request)
    index = shard_index(name, request.ShardId)
    try:
        live = await engine.serving(name)
    except ResourceNotFoundException:
        raise shard_gone(name, shard_id_of(index)) from None
    shard = live.stream.shard(index)
    if shard is None:
        raise shard_gone(name, shard_id_of(index))
    start = Start(request.ShardIteratorType, request.StartingSequenceNumber, request.Timestamp)
    position = await position_of(engine, live.stream, shard, start)
    stop_dry_run(request)
    return {"ShardIterator": iterator_at(engine, live.stream, shard, position)}
