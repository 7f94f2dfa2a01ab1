"""ListStreams: the caller's streams in the order of their names, 100 a page."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.descriptions import whole_seconds
from headwater.engine.engine import Engine
from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException
from headwater.model.stream import Stream

_OPERATION = "ListStreams"
_PAGE_MAX = 100


async def list_streams(
    engine: Engine, caller: Caller, request: requests.ListStreamsInput
) -> answers.ListStreamsOutput:
    """Goes on after `ExclusiveStartStreamName`, or where the page of `NextToken` ended.

    Raises InvalidArgumentException.
    """
    after = request.ExclusiveStartStreamName or ""
    if request.NextToken is not None:
        page = read_page(engine.pages, request.NextToken, _OPERATION, engine.now_ms())
        if page.listing != (_OPERATION, *caller):
            raise InvalidArgumentException("Invalid NextToken.")
        after = page.after
    following = [stream for stream in await engine.streams_of(caller) if stream.name > after]
    listed = following[: min(request.Limit or _PAGE_MAX, _PAGE_MAX)]
    answer: answers.ListStreamsOutput = {
        "StreamNames": [stream.name for stream in listed],
        "HasMoreStreams": len(listed) < len(following),
        "StreamSummaries": [_summary(stream) for stream in listed],
    }
    if answer["HasMoreStreams"]:
        next_page = PagingToken(engine.now_ms(), (_OPERATION, *caller), listed[-1].name)
        answer["NextToken"] = issue_page(engine.pages, next_page)
    return answer


def _summary(stream: Stream) -> answers.StreamSummary:
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": stream.status,
        "StreamModeDetails": {"StreamMode": stream.mode},
        "StreamCreationTimestamp": whole_seconds(stream.created_ms),
    }
