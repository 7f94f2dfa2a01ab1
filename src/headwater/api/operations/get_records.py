"""GetRecords: the next records of a shard, up to 10,000 of them or 10 MiB."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.descriptions import describe_child_shard
from headwater.api.dry_run import stop_dry_run
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import RECORDS_PER_READ_MAX
from headwater.engine.limits.throughput_limits import rate_exceeded
from headwater.engine.reading import iterator_at, open_iterator, read_shard
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, ProvisionedThroughputExceededException


async def get_records(
    engine: Engine, caller: Caller, request: requests.GetRecordsInput
) -> answers.GetRecordsOutput:
    """`NextShardIterator` is absent exactly when `ChildShards` is there: at the end of a closed shard.

    Raises InvalidArgumentException, ProvisionedThroughputExceededException and ResourceNotFoundException.
    """
    iterator, live, shard = await open_iterator(engine, request.ShardIterator, *caller)
    stream, limits, metrics = live.stream, live.limits, live.metrics
    if request.StreamARN is not None and request.StreamARN != stream.arn:
        raise InvalidArgumentException(f"The ShardIterator is not one of {request.StreamARN}.")
    stop_dry_run(request)
    started_s = engine.stopwatch()
    if limits is not None and not limits.may_read(shard.log_id, engine.now_ms()):
        metrics.get_records_refused(shard.shard_id, engine.stopwatch() - started_s)
        raise ProvisionedThroughputExceededException(rate_exceeded(stream, shard.shard_id))
    limit = request.Limit or RECORDS_PER_READ_MAX
    try:
        page = await read_shard(engine, stream, shard, iterator.position, limit)
    except Exception:
        metrics.get_records_failed(engine.stopwatch() - started_s)
        raise
    if limits is not None:
        limits.count_read(shard.log_id, page.size, engine.now_ms())
    metrics.get_records(
        shard.index,
        len(page.records),
        page.size,
        page.millis_behind_latest,
        engine.stopwatch() - started_s,
        at_end=page.next_position is None,
    )
    answer: answers.GetRecordsOutput = {
        "Records": page.records,
        "MillisBehindLatest": page.millis_behind_latest,
    }
    if page.next_position is None:
        answer["ChildShards"] = [describe_child_shard(child) for child in page.children]
    else:
        answer["NextShardIterator"] = iterator_at(engine, stream, shard, page.next_position)
    return answer
