"""What time does to a stream: transitions that become due, consumers, shards that expire.

Pure functions: a stream and a point in time give the revision to commit. The same
functions run when a request finds something due, on the server's tick, and after
a restart, so an unfinished transition always completes.

    CreateStream        CREATING ─► ACTIVE
    every change        ACTIVE ─► UPDATING ─► ACTIVE
    DeleteStream        ACTIVE ─► DELETING ─► gone

A queue's own transitions are in `model/queue.py`, a channel's in `model/channel.py`.
"""

from __future__ import annotations

import msgspec

from headwater.engine.channel_lifecycle import advance_channels, next_channel_due_ms
from headwater.engine.consumers import remember_consumers
from headwater.engine.queue_lifecycle import advance_queues
from headwater.engine.resharding import NewLogId, merge, scale, split, split_evenly
from headwater.engine.revision import Revision
from headwater.model.consumer import Consumer
from headwater.model.shard import Shard
from headwater.model.stream import (
    HOUR_MS,
    NEVER_MS,
    Activate,
    Delete,
    Encrypt,
    Merge,
    Scale,
    Split,
    SplitEvenly,
    Step,
    Stream,
    StreamStatus,
    Transition,
)


def begin(stream: Stream, status: StreamStatus, step: Step, due_ms: int) -> Stream:
    """The stream in its transitional state; `step` happens when `due_ms` has come."""
    return msgspec.structs.replace(stream, status=status, transition=Transition(due_ms, step))


def next_due_ms(stream: Stream) -> int:
    """When the next transition of the stream or of a consumer ends, or a shard expires; else `NEVER_MS`."""
    due = [consumer.due_ms for consumer in stream.consumers if consumer.due_ms is not None]
    due += [queue.due_ms for queue in stream.queues if queue.due_ms is not None]
    due += next_channel_due_ms(stream)
    due += [_expiry_ms(stream, shard) for shard in stream.shards]
    if stream.transition:
        due.append(stream.transition.due_ms)
    return min(due, default=NEVER_MS)


def advance(stream: Stream, now_ms: int, new_log_id: NewLogId) -> Revision:
    """Apply everything that has become due."""
    stream = advance_channels(advance_queues(_advance_consumers(stream, now_ms), now_ms), now_ms)
    stream, expired_logs = _expire_shards(stream, now_ms)
    if stream.transition is None or stream.transition.due_ms > now_ms:
        return Revision(stream, delete_logs=expired_logs)
    revision = _apply(stream, stream.transition.step, now_ms, new_log_id)
    active = revision.stream and msgspec.structs.replace(revision.stream, status="ACTIVE", transition=None)
    return msgspec.structs.replace(
        revision, stream=active, delete_logs=(*expired_logs, *revision.delete_logs)
    )


def latest_second(stream: Stream) -> int:
    """The latest second in what the stream itself has given out: its shards' ends and consumers' ARNs."""
    seconds = [stream.created_ms // 1000, stream.past_consumers_rest_s, *stream.past_consumers_s.values()]
    seconds += [consumer.created_s for consumer in stream.consumers]
    for shard in stream.shards:
        seconds += [shard.epoch_s, (shard.closed_ms or 0) // 1000]
    return max(seconds)


def _expiry_ms(stream: Stream, shard: Shard) -> int:
    """When the last record that a closed shard can have is beyond retention."""
    return NEVER_MS if shard.closed_ms is None else shard.closed_ms + stream.retention_hours * HOUR_MS + 1


def _expire_shards(stream: Stream, now_ms: int) -> tuple[Stream, tuple[int, ...]]:
    """The stream without its expired shards, and the logs of those."""
    gone = [shard for shard in stream.shards if _expiry_ms(stream, shard) <= now_ms]
    if not gone:
        return stream, ()
    kept = tuple(shard for shard in stream.shards if _expiry_ms(stream, shard) > now_ms)
    return msgspec.structs.replace(stream, shards=kept), tuple(shard.log_id for shard in gone)


def _apply(stream: Stream, step: Step, now_ms: int, new_log_id: NewLogId) -> Revision:
    match step:
        case Activate():
            applied = Revision(stream)
        case Delete():
            applied = Revision(None, delete_logs=tuple(shard.log_id for shard in stream.shards))
        case Split(shard_index, hash_key):
            applied = split(stream, shard_index, int(hash_key), now_ms, new_log_id)
        case Merge(shard_index, adjacent_shard_index):
            applied = merge(stream, shard_index, adjacent_shard_index, now_ms, new_log_id)
        case Scale(shard_count):
            applied = scale(stream, shard_count, now_ms, new_log_id)
        case SplitEvenly(shard_indexes):
            applied = split_evenly(stream, shard_indexes, now_ms, new_log_id)
        case Encrypt(encryption_type, key_id):
            encrypted = msgspec.structs.replace(stream, encryption_type=encryption_type, key_id=key_id)
            applied = Revision(encrypted)
    return applied


def _advance_consumers(stream: Stream, now_ms: int) -> Stream:
    advanced: list[Consumer] = []
    gone: list[Consumer] = []
    for consumer in stream.consumers:
        if consumer.due_ms is None or consumer.due_ms > now_ms:
            advanced.append(consumer)
        elif consumer.status == "CREATING":
            advanced.append(msgspec.structs.replace(consumer, status="ACTIVE", due_ms=None))
        else:
            gone.append(consumer)
    stream = msgspec.structs.replace(stream, consumers=tuple(advanced))
    return remember_consumers(stream, gone)
