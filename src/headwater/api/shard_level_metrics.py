"""Shard-level metrics of enhanced monitoring: their names, and the change that both operations make."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from headwater.api import answers
from headwater.api.stream_reference import NamesStream, stream_named
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active
from headwater.model.caller import Caller
from headwater.model.stream import Stream

_ALL = "ALL"
METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)


def named_metrics(names: Iterable[str]) -> set[str]:
    """The metrics that a request names; `ALL` is every one, and never in an answer."""
    wanted = set(names)
    return set(METRICS) if _ALL in wanted else wanted


async def revise_metrics(
    engine: Engine,
    caller: Caller,
    request: NamesStream,
    next_metrics: Callable[[set[str]], set[str]],
) -> answers.EnhancedMonitoringOutput:
    """Commit the next set of metrics; the answer holds the one before and the one after."""
    before: tuple[str, ...] = ()

    def change(stream: Stream) -> Stream:
        nonlocal before
        require_active(stream)
        before = stream.shard_level_metrics
        wanted = next_metrics(set(before))
        metrics = tuple(metric for metric in METRICS if metric in wanted)
        return msgspec.structs.replace(stream, shard_level_metrics=metrics)

    stream = await engine.replace(stream_named(engine, caller, request), change)
    return {
        "StreamName": stream.name,
        "CurrentShardLevelMetrics": list(before),
        "DesiredShardLevelMetrics": list(stream.shard_level_metrics),
        "StreamARN": stream.arn,
    }
