"""What a call is about, in the words of the rules for faults: stream, consumer, shards, keys.

Nothing is checked here: a call about what does not exist is about nothing, and the
operation says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_name_in
from headwater.engine.appending import route_of
from headwater.engine.engine import Engine
from headwater.engine.faults.faults import Piece, Subject
from headwater.engine.live_stream import LiveStream
from headwater.engine.tokens.iterator_token import read_iterator
from headwater.engine.tokens.paging_token import read_page
from headwater.model.arn import StreamName, parse_consumer_arn, parse_queue_arn, parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.new_records import NewRecord
from headwater.model.shard import parse_shard_id, shard_id_of

_SHARD_MEMBERS = ("ShardId", "ShardToSplit", "ShardToMerge", "AdjacentShardToMerge")


class HasKeys(Protocol):
    """The part of a request's record that decides its shard."""

    PartitionKey: str | None
    ExplicitHashKey: str | None


async def subject_of(engine: Engine, caller: Caller, operation: str, request: msgspec.Struct) -> Subject:
    """The subject of a call. An AUTO stream's records have no shard until they are stored."""
    if operation == "GetRecords":
        return _of_iterator(engine, operation, cast("requests.GetRecordsInput", request).ShardIterator)
    consumer = parse_consumer_arn(getattr(request, "ConsumerARN", None) or "")
    consumer_name = getattr(request, "ConsumerName", None) if consumer is None else consumer.name
    stream = _stream(engine, caller, operation, request) if consumer is None else consumer.stream
    pieces: Sequence[Piece]
    if operation == "PutRecord":
        pieces = await _pieces(engine, stream, [cast("requests.PutRecordInput", request)])
    elif operation == "PutRecords":
        pieces = await _pieces(engine, stream, cast("requests.PutRecordsInput", request).Records)
    else:
        ids = [getattr(request, member, None) for member in _SHARD_MEMBERS]
        indexes = [parse_shard_id(shard_id) for shard_id in ids if shard_id is not None]
        pieces = [Piece(shard_id_of(index)) for index in indexes if index is not None]
    return Subject(operation, stream, consumer_name, pieces)


def _of_iterator(engine: Engine, operation: str, token: str) -> Subject:
    iterator = read_iterator(engine.iterators, token)
    if iterator is None:
        return Subject(operation, None, None, ())
    return Subject(operation, iterator.stream, None, (Piece(shard_id_of(iterator.shard_index)),))


def _stream(engine: Engine, caller: Caller, operation: str, request: msgspec.Struct) -> StreamName | None:
    queue = parse_queue_arn(getattr(request, "QueueARN", None) or getattr(request, "ResourceARN", None) or "")
    if queue is not None:
        return engine.queues.stream_of(queue)
    name = stream_name_in(request)
    if name is not None:
        arns = (getattr(request, member, None) for member in ("StreamARN", "ResourceARN"))
        by_arn = next((parse_stream_arn(arn) for arn in arns if arn is not None), None)
        return by_arn or StreamName(*caller, name)
    token = cast("requests.ListShardsInput", request).NextToken if operation == "ListShards" else None
    if token is None:
        return None
    try:
        _, account_id, region, name, *_ = read_page(engine.pages, token, operation, engine.now_ms()).listing
    except KinesisError:  # the operation will say so
        return None
    return StreamName(account_id, region, name)


async def _pieces(engine: Engine, stream: StreamName | None, entries: Sequence[HasKeys]) -> list[Piece]:
    """A piece for each record, with the shard that it goes to."""
    keys = [entry.PartitionKey for entry in entries]
    try:
        live = None if stream is None else await engine.serving(stream)
    except ResourceNotFoundException:
        live = None
    if live is None or live.stream.distribution == "AUTO":
        return [Piece(None, key) for key in keys]
    return [
        Piece(_shard_of(live, (b"", key, entry.ExplicitHashKey)), key)
        for key, entry in zip(keys, entries, strict=True)
    ]


def _shard_of(live: LiveStream, record: NewRecord) -> str | None:
    _, partition_key, explicit_hash_key = record
    if partition_key is None or (explicit_hash_key is not None and int(explicit_hash_key) > HASH_KEY_MAX):
        return None
    return live.routes[route_of(record, live.routes, by_turn=False)].shard_id
