"""PutRecords: store up to 500 records and 10 MiB in one call."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from headwater.api import answers, requests
from headwater.api.dry_run import stop_dry_run
from headwater.api.record_checks import check_records, require_partition_keys
from headwater.api.stream_reference import stream_named
from headwater.engine.appending import NOWHERE, append
from headwater.engine.engine import Engine
from headwater.engine.limits.throughput_limits import rate_exceeded
from headwater.model.caller import Caller
from headwater.model.errors import ProvisionedThroughputExceededException
from headwater.model.new_records import NewRecords
from headwater.model.record_list import Placement, PlacementList
from headwater.model.stream import Stream
from headwater.wire.record_texts import WrittenEntries

_MEMBERS = tuple(map(attrgetter, ("Data", "PartitionKey", "ExplicitHashKey")))


async def put_records(
    engine: Engine, caller: Caller, request: requests.PutRecordsInput
) -> answers.PutRecordsOutput:
    """Answers once the records are as safe as the store promises; placements are in the request's order."""
    name = stream_named(engine, caller, request)
    records = _records_of(request.Records)
    if None in records.partition_keys:
        keys = enumerate(records.partition_keys, 1)
        without_key = [at for at, partition_key in keys if partition_key is None]
        require_partition_keys(engine, name, [f"records.{at}.member.partitionKey" for at in without_key])
    started_s = engine.stopwatch()
    live = engine.settled(name) or await engine.serving(name)
    check_records(live.stream, records)
    stop_dry_run(request)
    try:
        placements, size, is_whole = await append(engine, live, records, started_s)
    except Exception:
        live.metrics.put_records_failed(len(records), engine.stopwatch() - started_s)
        raise
    failed = 0 if is_whole else placements.sequence_numbers.count(None)
    live.metrics.put_records(
        placements,
        failed,
        size,
        engine.stopwatch() - started_s,
        lost=list(placements).count(NOWHERE) if failed else 0,
    )
    answer: answers.PutRecordsOutput = {
        "FailedRecordCount": failed,
        "Records": _described(live.stream, placements) if failed else placements,
    }
    if live.stream.encryption_type == "KMS":
        answer["EncryptionType"] = "KMS"
    return answer


def _records_of(entries: Sequence[requests.PutRecordsRequestEntry]) -> NewRecords:
    if type(entries) is WrittenEntries:
        return entries.records
    return NewRecords(*(list(map(member_of, entries)) for member_of in _MEMBERS))


def _described(stream: Stream, placements: PlacementList) -> list[answers.PutRecordsResultEntry]:
    """The results when some records were refused or failed: each has either a place or an error."""
    return [_result(stream, placement) for placement in placements]


def _result(stream: Stream, placement: Placement) -> answers.PutRecordsResultEntry:
    if placement == NOWHERE:
        return {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal Service Failure"}
    shard_id, sequence_number = placement
    if sequence_number is None:
        return {
            "ErrorCode": ProvisionedThroughputExceededException.code,
            "ErrorMessage": rate_exceeded(stream, shard_id),
        }
    return {"SequenceNumber": sequence_number, "ShardId": shard_id}
