"""PutRecords: store up to 500 records and 10 MiB in one call."""

from __future__ import annotations

from typing import Any

from headwater.api.dry_run import stop_dry_run
from headwater.api.record_checks import check_record, require_partition_keys
from headwater.api.stream_reference import stream_named
from headwater.engine.appending import NewRecord, append
from headwater.engine.caller import Caller
from headwater.engine.engine import Engine
from headwater.engine.limits import PUT_MAX_BYTES
from headwater.model.errors import InvalidArgumentException


async def put_records(engine: Engine, caller: Caller, request: Any) -> dict[str, Any]:
    """Answers once the records are as safe as the store promises; placements are in the request's order."""
    name = stream_named(caller, request)
    records = [NewRecord(entry.Data, entry.PartitionKey, entry.ExplicitHashKey) for entry in request.Records]
    without_key = [at for at, record in enumerate(records, 1) if record.partition_key is None]
    if without_key:
        require_partition_keys(engine, name, [f"records.{at}.member.partitionKey" for at in without_key])
    held = await engine.serving(name)
    size = 0
    for at, record in enumerate(records, 1):
        size += check_record(held.stream, record, f"records.{at}.member.data")
    if size > PUT_MAX_BYTES:
        raise InvalidArgumentException(f"Records size exceeds {PUT_MAX_BYTES // 1024**2} MB limit")
    stop_dry_run(request)
    placements = await append(engine, name, records)
    answer: dict[str, Any] = {
        "FailedRecordCount": 0,
        "Records": [
            {"SequenceNumber": sequence_number, "ShardId": shard_id}
            for shard_id, sequence_number in placements
        ],
    }
    if held.stream.encryption_type == "KMS":
        answer["EncryptionType"] = "KMS"
    return answer
