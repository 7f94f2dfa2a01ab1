"""A page of what the streams of an account and region have, queues or channels, in the order of their names.

`NextToken` goes on where the page before ended, with the filter of that page. A stream that does not exist,
or was created at another time, has none.

Refuses to know how a queue or channel is described.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from headwater.api import requests
from headwater.engine.engine import Engine
from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.model.caller import Caller
from headwater.model.channel import Channel
from headwater.model.errors import InvalidArgumentException
from headwater.model.queue import Queue
from headwater.model.stream import Stream

PAGE_MAX = 100

ListingRequest: TypeAlias = requests.ListChannelsInput | requests.ListQueuesInput
Filter: TypeAlias = requests.StreamFilter | requests.QueueStreamFilter
Part = TypeVar("Part", Channel, Queue)


async def page_of_parts(
    engine: Engine,
    caller: Caller,
    operation: str,
    request: ListingRequest,
    parts_of: Callable[[Stream], Iterable[Part]],
) -> tuple[list[tuple[Stream, Part]], str | None]:
    """Each with its stream, and the token of the next page if there is one.

    Raises InvalidArgumentException and ExpiredNextTokenException.
    """
    filters: list[Filter] = [*(request.StreamFilter or ())]
    listing = (operation, *caller, *(f"{each.StreamARN} {each.StreamCreationTimestamp}" for each in filters))
    after = ""
    if request.NextToken is not None:
        page = read_page(engine.pages, request.NextToken, operation, engine.now_ms())
        if page.listing != listing:
            raise InvalidArgumentException("Invalid NextToken.")
        after = page.after
    following = [
        (stream, part)
        for stream in await engine.streams_of(caller)
        if not filters or any(_fits(stream, each) for each in filters)
        for part in parts_of(stream)
        if part.name > after
    ]
    following.sort(key=lambda found: found[1].name)
    listed = following[: min(request.MaxResults or PAGE_MAX, PAGE_MAX)]
    if len(listed) == len(following):
        return listed, None
    page = PagingToken(engine.now_ms(), listing, listed[-1][1].name)
    return listed, issue_page(engine.pages, page)


def _fits(stream: Stream, wanted: Filter) -> bool:
    created_ms = wanted.StreamCreationTimestamp
    is_same_life = created_ms is None or created_ms // 1000 == stream.created_ms // 1000
    return wanted.StreamARN == stream.arn and is_same_life
