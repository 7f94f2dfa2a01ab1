"""Other accounts' callers: what a resource's policy lets them do.

Rules:
- a caller names a resource of another account by its ARN, in the caller's own region;
- the policy of that stream, consumer or queue decides; where there is none, and for what
  cannot be shared, the answer is AccessDeniedException, and the same for a resource
  that does not exist, so that nobody can find out by asking;
- what is allowed is carried out as if the owner had asked, so no operation has to
  know of this;
- a caller's own resources are not looked at.

Only where callers are known, that is, where signatures are verified, is the table
of operations `enforced`; elsewhere other accounts' resources do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, cast

import msgspec

from headwater.api import requests
from headwater.api.operation import Answered, Handler, Operation
from headwater.api.queue_reference import queue_of_arn
from headwater.engine.consumers import find_by_arn
from headwater.engine.engine import Engine
from headwater.engine.policies.decision import Access, PolicyDecision, decide
from headwater.engine.tokens.paging_token import read_page
from headwater.model.arn import (
    ConsumerName,
    QueueId,
    StreamName,
    parse_consumer_arn,
    parse_queue_arn,
    parse_stream_arn,
    stream_arn,
)
from headwater.model.caller import Caller
from headwater.model.errors import AccessDeniedException, KinesisError, ResourceNotFoundException
from headwater.model.partition import partition_of

_MEMBERS = ("ConsumerARN", "QueueARN", "ResourceARN", "StreamARN")
"""The members that name a resource, the one that decides first."""
_REASONS = {
    PolicyDecision.NOT_ALLOWED: "because no resource-based policy allows the {action} action",
    PolicyDecision.DENIED: "with an explicit deny in a resource-based policy",
}


class _Resource(NamedTuple):
    arn: str
    owner: Caller
    part: StreamName | ConsumerName | QueueId


def enforced(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations, each behind the policies of the resources that it names."""
    return {name: row.wrapped(partial(_behind_policy, name)) for name, row in operations.items()}


def _behind_policy(operation_name: str, handler: Handler) -> Handler:
    async def run(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
        acting = await acting_caller(engine, caller, operation_name, request)
        return await handler(engine, acting, request)

    return run


async def acting_caller(
    engine: Engine, caller: Caller, operation_name: str, request: msgspec.Struct
) -> Caller:
    """The account that a request acts in: the caller's, or that of an owner who allows the caller to.

    Raises AccessDeniedException.
    """
    resource = _named_resource(engine, operation_name, request)
    if resource is None or resource.owner.account_id == caller.account_id:
        return caller
    if resource.owner.region != caller.region:
        return caller  # another region's resources are not here, whoever asks
    access = Access(caller.account_id, f"kinesis:{operation_name}", resource.arn)
    decision = decide(await _policy(engine, resource), access)
    if decision is not PolicyDecision.ALLOWED:
        reason = _REASONS[decision].format(action=access.action)
        raise AccessDeniedException(
            f"User: arn:{partition_of(caller.region)}:iam::{caller.account_id}:root is not authorized "
            f"to perform: {access.action} on resource: {resource.arn} {reason}"
        )
    return resource.owner


def _named_resource(engine: Engine, operation_name: str, request: msgspec.Struct) -> _Resource | None:
    """What a request names by an ARN; `None` too for text that is none."""
    arn = next((getattr(request, name) for name in _MEMBERS if getattr(request, name, None)), None)
    if operation_name == "CreateQueue":
        arn = cast("requests.CreateQueueInput", request).StreamConfigurationList[0].StreamARN
    if arn is None:
        token = getattr(request, "NextToken", None) if operation_name == "ListShards" else None
        return None if token is None else _listed_stream(engine, operation_name, token)
    queue = parse_queue_arn(arn)
    if queue is not None:
        return _Resource(arn, Caller(*queue[:2]), queue)
    consumer = parse_consumer_arn(arn)
    stream = parse_stream_arn(arn) if consumer is None else consumer.stream
    return None if stream is None else _Resource(arn, Caller(*stream[:2]), consumer or stream)


def _listed_stream(engine: Engine, operation_name: str, token: str) -> _Resource | None:
    """The stream whose shards a paging token lists: a request with a token may not name it again."""
    try:
        page = read_page(engine.pages, token, operation_name, engine.now_ms())
    except KinesisError:  # the operation will say so
        return None
    _, account_id, region, name, *_ = page.listing
    stream = StreamName(account_id, region, name)
    return _Resource(stream_arn(stream), Caller(account_id, region), stream)


async def _policy(engine: Engine, resource: _Resource) -> str | None:
    try:
        match resource.part:
            case StreamName():
                return (await engine.stream(resource.part)).policy
            case ConsumerName(stream=name):
                return find_by_arn(await engine.stream(name), resource.part, resource.arn).policy
            case QueueId():
                _, queue = await queue_of_arn(engine, resource.owner, resource.arn)
                return queue.policy
    except ResourceNotFoundException:
        return None
