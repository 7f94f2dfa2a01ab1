"""DescribeStreamSummary: a stream without its shards."""

from __future__ import annotations

from typing import cast

from headwater.api import answers, requests
from headwater.api.descriptions import (
    describe_stream_head,
    describe_warm_throughput,
    listed_shards,
)
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def describe_stream_summary(
    engine: Engine, caller: Caller, request: requests.DescribeStreamSummaryInput
) -> answers.DescribeStreamSummaryOutput:
    """Counts open shards and consumers; on-demand streams tell queues, channels and distribution, too."""
    stream = await engine.stream(stream_named(engine, caller, request))
    described = cast("answers.StreamDescriptionSummary", describe_stream_head(stream))
    described["OpenShardCount"] = sum(shard.is_open for shard in listed_shards(stream))
    described["ConsumerCount"] = len(stream.consumers)
    described["MaxRecordSizeInKiB"] = stream.max_record_size_kib
    if stream.mode == "ON_DEMAND":
        described["RecordDistributionStrategy"] = stream.distribution
        described["QueueCount"] = len(stream.queues)
        described["ChannelCount"] = len(stream.channels)
    if stream.warm_throughput_mibps is not None:
        described["WarmThroughput"] = describe_warm_throughput(stream)
    return {"StreamDescriptionSummary": described}
