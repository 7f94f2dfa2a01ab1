"""PutRecords, when some of its records are to be refused: as AWS answers when shards are busy.

The request is checked as a whole first, by a dry run, so that one that is wrong gets
the answer that it deserves; then what is not refused is stored in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.api.operation import Handler
from headwater.engine.engine import Engine, LiveStream
from headwater.engine.faults.faults import Subject, Throttle
from headwater.engine.limits.throughput_limits import rate_exceeded
from headwater.model.caller import Caller
from headwater.model.errors import DryRunOperationException, ProvisionedThroughputExceededException


async def put_unless_throttled(
    handler: Handler,
    engine: Engine,
    caller: Caller,
    request: Any,
    refused: Mapping[int, Throttle],
    subject: Subject,
) -> dict[str, Any]:
    """The answer of PutRecords whose records at the indexes of `refused` are not stored.

    `handler` is the operation's own, and raises what it raises.
    """
    try:
        await handler(engine, caller, msgspec.structs.replace(request, DryRun=True))
    except DryRunOperationException:
        if request.DryRun:
            raise
    assert subject.stream is not None, "a request that names no stream is refused before"
    held = await engine.serving(subject.stream)
    answer: dict[str, Any] = {"EncryptionType": "KMS"} if held.stream.encryption_type == "KMS" else {}
    stored: list[dict[str, Any]] = []
    taken = [entry for at, entry in enumerate(request.Records) if at not in refused]
    if taken:
        given = await handler(engine, caller, msgspec.structs.replace(request, Records=taken))
        assert isinstance(given, dict), "PutRecords answers with a document"
        answer, stored = given, _documents(given["Records"])
    left = iter(stored)
    results = [
        _refusal(held, refused[at], subject.pieces[at].shard_id) if at in refused else next(left)
        for at in range(len(request.Records))
    ]
    failed = sum("ErrorCode" in result for result in results)
    return {**answer, "FailedRecordCount": failed, "Records": results}


def _documents(records: Any) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = records if isinstance(records, list) else records.documents()
    return documents


def _refusal(held: LiveStream, fault: Throttle, shard_id: str | None) -> dict[str, Any]:
    if fault.message is not None:
        message = fault.message
    elif fault.error == ProvisionedThroughputExceededException.code:
        # A record of an AUTO stream would have gone to whichever shard's turn it is.
        message = rate_exceeded(held.stream, shard_id or held.routes[held.routes.in_turn()].shard_id)
    else:
        message = "Internal Service Failure"
    return {"ErrorCode": fault.error, "ErrorMessage": message}
