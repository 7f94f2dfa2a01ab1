"""ListStreamConsumers: a page of a stream's consumers, 100 at most, in the order of their names."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.descriptions import describe_consumer
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.engine import Engine, not_found
from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException

_OPERATION = "ListStreamConsumers"
_PAGE_MAX = 100


async def list_stream_consumers(
    engine: Engine, caller: Caller, request: requests.ListStreamConsumersInput
) -> answers.ListStreamConsumersOutput:
    """`NextToken` goes on where the page before ended, for the stream of that page.

    Raises InvalidArgumentException.
    """
    stream = await engine.stream(stream_of_arn(engine, caller, request.StreamARN))
    created_ms = request.StreamCreationTimestamp
    if created_ms is not None and created_ms // 1000 != stream.created_ms // 1000:
        raise not_found(stream.full_name)
    listing = (_OPERATION, stream.arn, str(stream.created_ms))
    after = ""
    if request.NextToken is not None:
        if created_ms is not None:
            raise InvalidArgumentException(
                "NextToken and StreamCreationTimestamp cannot be provided together."
            )
        page = read_page(engine.pages, request.NextToken, _OPERATION, engine.now_ms())
        if page.listing != listing:
            raise InvalidArgumentException("Invalid NextToken.")
        after = page.after
    following = sorted(
        (consumer for consumer in stream.consumers if consumer.name > after),
        key=lambda consumer: consumer.name,
    )
    listed = following[: min(request.MaxResults or _PAGE_MAX, _PAGE_MAX)]
    answer: answers.ListStreamConsumersOutput = {
        "Consumers": [describe_consumer(stream, consumer) for consumer in listed]
    }
    if len(listed) < len(following):
        page = PagingToken(engine.now_ms(), listing, listed[-1].name)
        answer["NextToken"] = issue_page(engine.pages, page)
    return answer
