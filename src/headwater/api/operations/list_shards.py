"""ListShards: the shards of a stream, 1,000 a page, all of them or those that a filter lets through."""

from __future__ import annotations

from typing import NamedTuple

from headwater.api import answers, requests
from headwater.api.descriptions import describe_shard
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine, not_found
from headwater.engine.shard_filter import ShardFilter, after_shard_id, filter_shards
from headwater.engine.stream_checks import require_serving
from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException
from headwater.model.shard import Shard
from headwater.model.stream import Stream

_OPERATION = "ListShards"
_PAGE_MAX = 1000


class _Listing(NamedTuple):
    """The stream and filter of a listing, from its first request or its token."""

    stream: StreamName
    created_ms: int | None
    chosen: ShardFilter | None
    after: str | None


async def list_shards(
    engine: Engine, caller: Caller, request: requests.ListShardsInput
) -> answers.ListShardsOutput:
    """`NextToken` stands for the stream and its filter, so neither may be given beside it."""
    token = request.NextToken
    listing = (
        _first_page(engine, caller, request) if token is None else _next_page(engine, caller, request, token)
    )
    stream = await engine.stream(listing.stream)
    if listing.created_ms is not None and listing.created_ms // 1000 != stream.created_ms // 1000:
        raise not_found(listing.stream)
    require_serving(stream)
    shards = _chosen_shards(stream, listing, engine.now_ms())
    page = shards[: min(request.MaxResults or _PAGE_MAX, _PAGE_MAX)]
    answer: answers.ListShardsOutput = {"Shards": [describe_shard(shard) for shard in page]}
    if len(page) < len(shards):
        answer["NextToken"] = _token(engine, stream, listing.chosen, page[-1])
    return answer


def _first_page(engine: Engine, caller: Caller, request: requests.ListShardsInput) -> _Listing:
    if request.StreamName is None and request.StreamARN is None:
        raise InvalidArgumentException("Either NextToken or StreamName should be provided.")
    chosen = None
    if request.ShardFilter is not None:
        given = request.ShardFilter
        chosen = ShardFilter(given.Type, given.ShardId, given.Timestamp)
    return _Listing(
        stream_named(engine, caller, request),
        request.StreamCreationTimestamp,
        chosen,
        request.ExclusiveStartShardId,
    )


def _next_page(engine: Engine, caller: Caller, request: requests.ListShardsInput, token: str) -> _Listing:
    for member in (
        "StreamName",
        "StreamARN",
        "StreamCreationTimestamp",
        "ExclusiveStartShardId",
        "ShardFilter",
    ):
        if getattr(request, member) is not None:
            raise InvalidArgumentException(f"NextToken and {member} cannot be provided together.")
    page = read_page(engine.pages, token, _OPERATION, engine.now_ms())
    _, account_id, region, name, created_ms, filter_type, shard_id, timestamp_ms = page.listing
    if (account_id, region) != caller:
        raise InvalidArgumentException("Invalid NextToken.")
    chosen = None
    if filter_type:
        chosen = ShardFilter(filter_type, shard_id or None, int(timestamp_ms) if timestamp_ms else None)
    return _Listing(StreamName(account_id, region, name), int(created_ms), chosen, page.after)


def _chosen_shards(stream: Stream, listing: _Listing, now_ms: int) -> list[Shard]:
    shards = list(stream.shards)
    if listing.chosen is not None:
        shards = filter_shards(stream, listing.chosen, now_ms)
    return shards if listing.after is None else after_shard_id(shards, listing.after)


def _token(engine: Engine, stream: Stream, chosen: ShardFilter | None, last: Shard) -> str:
    filtered = ("", "", "")
    if chosen is not None:
        timestamp_ms = "" if chosen.timestamp_ms is None else str(chosen.timestamp_ms)
        filtered = (chosen.filter_type, chosen.shard_id or "", timestamp_ms)
    listing = (_OPERATION, *stream.full_name, str(stream.created_ms), *filtered)
    return issue_page(engine.pages, PagingToken(engine.now_ms(), listing, last.shard_id))
