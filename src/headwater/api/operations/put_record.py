"""PutRecord: store one record."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.dry_run import stop_dry_run
from headwater.api.record_checks import check_record, require_partition_keys
from headwater.api.stream_reference import stream_named
from headwater.engine.appending import append_one
from headwater.engine.engine import Engine
from headwater.engine.limits.throughput_limits import rate_exceeded
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, ProvisionedThroughputExceededException
from headwater.model.new_records import NewRecord
from headwater.model.record import record_size
from headwater.model.sequence_number import parse_sequence_number
from headwater.model.stream import Stream

CLOCKS_APART_MS = 300_000
"""So far a shared store's clock, which numbers come from, may be ahead of this machine's."""


async def put_record(
    engine: Engine, caller: Caller, request: requests.PutRecordInput
) -> answers.PutRecordOutput:
    """Answers once the record is as safe as the store promises.

    Raises ProvisionedThroughputExceededException.
    """
    name = stream_named(engine, caller, request)
    record: NewRecord = (request.Data, request.PartitionKey, request.ExplicitHashKey)
    if request.PartitionKey is None:
        require_partition_keys(engine, name, ["partitionKey"])
    started_s = engine.stopwatch()
    live = engine.settled(name) or await engine.serving(name)
    size = record_size(request.Data, request.PartitionKey)
    if size > live.stream.max_record_size_kib * 1024 or request.ExplicitHashKey is not None:
        check_record(live.stream, record, "data")
    if request.SequenceNumberForOrdering is not None:
        _check_ordering(live.stream, request.SequenceNumberForOrdering, engine.arrival_ms())
    if request.DryRun:
        stop_dry_run(request)
    metrics = live.metrics
    try:
        shard_id, sequence_number = await append_one(engine, live, record, size, started_s)
    except Exception:
        metrics.put_record_failed(engine.stopwatch() - started_s)
        raise
    if sequence_number is None:
        metrics.put_record_refused(shard_id, engine.stopwatch() - started_s)
        raise ProvisionedThroughputExceededException(rate_exceeded(live.stream, shard_id))
    metrics.put_durations_s.append(engine.stopwatch() - started_s)
    metrics.put_sizes.append(size)
    answer: answers.PutRecordOutput = {"ShardId": shard_id, "SequenceNumber": sequence_number}
    if live.stream.encryption_type == "KMS":
        answer["EncryptionType"] = "KMS"
    return answer


def _check_ordering(stream: Stream, text: str, arrival_ms: int) -> None:
    """Records are stored in the order of arrival, so the number only has to be one that was given."""
    number = parse_sequence_number(text)
    newest_s = max((arrival_ms + CLOCKS_APART_MS) // 1000, *(shard.epoch_s for shard in stream.shards))
    if number is None or number.time_s > newest_s:
        raise InvalidArgumentException(
            f"ExclusiveMinimumSequenceNumber {text} used in PutRecord on stream {stream.label} is invalid."
        )
