"""PutRecords, when some of its records are to be refused: as AWS answers when shards are busy.

The request is checked as a whole first, by a dry run, so that one that is wrong gets
the answer that it deserves; then what is not refused is stored in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

import msgspec

from headwater.api import answers, requests
from headwater.api.operation import Handler
from headwater.engine.engine import Engine
from headwater.engine.faults.faults import Subject, Throttle
from headwater.engine.limits.throughput_limits import rate_exceeded
from headwater.engine.live_stream import LiveStream
from headwater.model.caller import Caller
from headwater.model.errors import DryRunOperationException, ProvisionedThroughputExceededException

Entries: TypeAlias = "list[answers.PutRecordsResultEntry]"


async def put_unless_throttled(
    handler: Handler,
    engine: Engine,
    caller: Caller,
    request: requests.PutRecordsInput,
    refused: Mapping[int, Throttle],
    subject: Subject,
) -> answers.PutRecordsOutput:
    """The answer of PutRecords whose records at the indexes of `refused` are not stored.

    `handler` is the operation's own, and raises what it raises.
    """
    try:
        await handler(engine, caller, msgspec.structs.replace(request, DryRun=True))
    except DryRunOperationException:
        if request.DryRun:
            raise
    assert subject.stream is not None, "a request that names no stream is refused before"
    live = await engine.serving(subject.stream)
    answer: answers.PutRecordsOutput = {"FailedRecordCount": 0, "Records": []}
    if live.stream.encryption_type == "KMS":
        answer = {"EncryptionType": "KMS", **answer}
    taken = [entry for at, entry in enumerate(request.Records) if at not in refused]
    if taken:
        given = await handler(engine, caller, msgspec.structs.replace(request, Records=taken))
        answer = cast("answers.PutRecordsOutput", given)
    stored = answer["Records"]
    left = iter(stored if isinstance(stored, list) else cast("Entries", stored.documents()))
    results = [
        _refusal(live, refused[at], subject.pieces[at].shard_id) if at in refused else next(left)
        for at in range(len(request.Records))
    ]
    failed = sum("ErrorCode" in result for result in results)
    return {**answer, "FailedRecordCount": failed, "Records": results}


def _refusal(live: LiveStream, fault: Throttle, shard_id: str | None) -> answers.PutRecordsResultEntry:
    if fault.message is not None:
        message = fault.message
    elif fault.error == ProvisionedThroughputExceededException.code:
        # A record of an AUTO stream would have gone to whichever shard's turn it is.
        message = rate_exceeded(live.stream, shard_id or live.routes[live.routes.in_turn()].shard_id)
    else:
        message = "Internal Service Failure"
    return {"ErrorCode": fault.error, "ErrorMessage": message}
