"""CreateChannel: a channel on an on-demand stream, CREATING at first."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.channel_descriptions import describe_channel
from headwater.api.channel_requests import (
    bucket_target,
    check_format,
    dead_letter_bucket,
    destination_type,
    kms_key_of,
    new_rules,
    only,
    table_target,
)
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.channel_lifecycle import add_channel, find_channel
from headwater.engine.engine import Engine
from headwater.engine.revision import Revision
from headwater.engine.stream_checks import add_tags, require_active
from headwater.engine.stream_ends import StreamEnds, find_ends
from headwater.model.caller import Caller
from headwater.model.channel import BucketTarget, Channel, ChannelRules, ChannelStart, TableTarget
from headwater.model.errors import ResourceInUseException
from headwater.model.stream import Stream


async def create_channel(
    engine: Engine, caller: Caller, request: requests.CreateChannelInput
) -> answers.CreateChannelOutput:
    """What is put after the call is delivered, though the channel is CREATING; what was put before is not.

    Raises InvalidArgumentException, LimitExceededException, ResourceInUseException,
    ResourceNotFoundException, ValidationException, and KMS's error of a key that cannot be used.
    """
    destination = destination_type(request)
    asked = only(request.StreamConfigurationList, "StreamConfigurationList")
    check_format(asked.RecordConfiguration, destination)
    on_stream = stream_of_arn(engine, caller, asked.StreamARN)
    channel_id, name = engine.queues.new_id(), request.ChannelName
    target, freshness, letters = _destination(request)
    key_id = kms_key_of(engine, caller, request.EncryptionConfiguration)
    rules = _rules(request, freshness, channel_id)

    def change(stream: Stream) -> Revision:
        require_active(stream)
        taken = {channel.name for other in engine.current_streams(caller) for channel in other.channels}
        if name in taken:
            raise ResourceInUseException(
                f"Channel {name} under account {caller.account_id} already exists in {caller.region}."
            )
        now_ms = engine.now_ms()
        channel = Channel(
            channel_id=channel_id,
            name=name,
            created_ms=max(now_ms, stream.created_ms),
            role_arn=request.ServiceExecutionRoleARN,
            record_format=asked.RecordConfiguration.RecordFormatType,
            schema_arn=asked.RecordConfiguration.GSRSchemaARN,
            start=_start(stream, ends),
            target=target,
            dead_letters=dead_letter_bucket(letters, target, name, channel_id),
            rules=rules,
            kms_key_id=key_id,
            due_ms=now_ms + engine.settings.transition_ms,
            tags=add_tags({}, request.Tags or {}, f"channel {name}"),
        )
        writes, expected = engine.queues.name_claim(caller)
        return Revision(add_channel(stream, channel), writes=writes, expected=expected)

    with engine.queues.claim_name(caller, f"Channel {name}"):
        await engine.streams_of(caller)  # what is due is done: a name may be free again
        ends = await find_ends(engine, engine.live(on_stream).stream)
        stream = await engine.revise(on_stream, change)
    assert stream is not None
    return {"ChannelDescription": describe_channel(stream, find_channel(stream, channel_id))}


def _destination(
    request: requests.CreateChannelInput,
) -> tuple[BucketTarget | TableTarget, int | None, requests.DeadLetterQueueS3Configuration | None]:
    """The target, the freshness and the dead-letter queue that are asked for."""
    bucket, table = request.S3DestinationConfiguration, request.S3TablesDestinationConfiguration
    if bucket is not None:
        target = bucket_target(bucket.StorageConfiguration)
        return target, bucket.DataFreshnessInSeconds, bucket.DeadLetterQueueS3Configuration
    assert table is not None, "it is one of the two"
    return (
        table_target(table.S3TablesConfigurationList),
        table.DataFreshnessInSeconds,
        table.DeadLetterQueueS3Configuration,
    )


def _rules(request: requests.CreateChannelInput, freshness: int | None, channel_id: str) -> ChannelRules:
    logging = request.LoggingConfiguration
    group = f"/aws/kinesis/{request.ChannelName}/{channel_id}"
    return new_rules(freshness, None if logging is None else logging.CloudWatchLogs, group)


def _start(stream: Stream, ends: StreamEnds) -> ChannelStart:
    """At the ends that were found; in shards that came after, at their beginning."""
    if stream.created_ms != ends.stream.created_ms:  # another stream has the name by now
        return ChannelStart(tips={}, next_shard_index=0)
    return ChannelStart(tips=ends.next_positions, next_shard_index=ends.stream.next_shard_index)
