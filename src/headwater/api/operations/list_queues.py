"""ListQueues: a page of the queues of an account and region, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.api import answers, requests
from headwater.api.queue_descriptions import describe_queue_summary
from headwater.engine.engine import Engine
from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException
from headwater.model.queue import Queue
from headwater.model.stream import Stream

_OPERATION = "ListQueues"
_PAGE_MAX = 100


async def list_queues(
    engine: Engine, caller: Caller, request: requests.ListQueuesInput
) -> answers.ListQueuesOutput:
    """`NextToken` goes on where the page before ended, with the filter of that page.

    A stream that does not exist, or was created at another time, has no queues.
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
    answer: answers.ListQueuesOutput = {
        "QueueSummaries": [describe_queue_summary(stream, queue) for stream, queue in listed]
    }
    if len(listed) < len(following):
        page = PagingToken(engine.now_ms(), listing, listed[-1][1].name)
        answer["NextToken"] = issue_page(engine.pages, page)
    return answer


def _matching(
    streams: list[Stream], filters: list[requests.QueueStreamFilter]
) -> Iterator[tuple[Stream, Queue]]:
    for stream in streams:
        if not filters or any(_fits(stream, each) for each in filters):
            for queue in stream.queues:
                yield stream, queue


def _fits(stream: Stream, wanted: requests.QueueStreamFilter) -> bool:
    created_ms = wanted.StreamCreationTimestamp
    is_same_life = created_ms is None or created_ms // 1000 == stream.created_ms // 1000
    return wanted.StreamARN == stream.arn and is_same_life
