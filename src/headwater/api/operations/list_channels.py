"""ListChannels: a page of the channels of an account and region, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.api import answers, requests
from headwater.api.channel_descriptions import describe_channel_summary
from headwater.engine.engine import Engine
from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.model.caller import Caller
from headwater.model.channel import Channel
from headwater.model.errors import InvalidArgumentException
from headwater.model.stream import Stream

_OPERATION = "ListChannels"
_PAGE_MAX = 100


async def list_channels(
    engine: Engine, caller: Caller, request: requests.ListChannelsInput
) -> answers.ListChannelsOutput:
    """`NextToken` goes on where the page before ended, with the filter of that page.

    A stream that does not exist, or was created at another time, has no channels.
    Raises InvalidArgumentException and ExpiredNextTokenException.
    """
    filters = request.StreamFilter or []
    listing = (_OPERATION, *caller, *(f"{each.StreamARN} {each.StreamCreationTimestamp}" for each in filters))
    after = ""
    if request.NextToken is not None:
        page = read_page(engine.pages, request.NextToken, _OPERATION, engine.now_ms())
        if page.listing != listing:
            raise InvalidArgumentException("Invalid NextToken.")
        after = page.after
    matching = _matching(await engine.streams_of(caller), filters)
    following = sorted(
        (found for found in matching if found[1].name > after), key=lambda found: found[1].name
    )
    listed = following[: min(request.MaxResults or _PAGE_MAX, _PAGE_MAX)]
    answer: answers.ListChannelsOutput = {
        "ChannelSummaries": [describe_channel_summary(stream, channel) for stream, channel in listed]
    }
    if len(listed) < len(following):
        page = PagingToken(engine.now_ms(), listing, listed[-1][1].name)
        answer["NextToken"] = issue_page(engine.pages, page)
    return answer


def _matching(
    streams: list[Stream], filters: list[requests.StreamFilter]
) -> Iterator[tuple[Stream, Channel]]:
    for stream in streams:
        if not filters or any(_fits(stream, each) for each in filters):
            for channel in stream.channels:
                yield stream, channel


def _fits(stream: Stream, wanted: requests.StreamFilter) -> bool:
    created_ms = wanted.StreamCreationTimestamp
    is_same_life = created_ms is None or created_ms // 1000 == stream.created_ms // 1000
    return wanted.StreamARN == stream.arn and is_same_life
