"""What time does to a stream."""

from __future__ import annotations

import msgspec
import pytest

from headwater.engine.resharding import split
from headwater.engine.stream_lifecycle import advance, begin, next_due_ms
from headwater.model.consumer import Consumer
from headwater.model.stream import (
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
)
from tests.engine.shaped_stream import NOW_MS, new_log_id, stream_of

DUE_MS = NOW_MS + 200
DAY_MS = 86_400_000


def advanced(stream: Stream, now_ms: int) -> Stream:
    result = advance(stream, now_ms, new_log_id).stream
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("step", "open_shards"),
    [
        (Activate(), 2),
        (Split(0, "1000"), 3),
        (Merge(0, 1), 1),
        (Scale(4), 4),
        (SplitEvenly((0, 1)), 4),
        (SplitEvenly((1,)), 3),
        (Encrypt("KMS", "alias/aws/kinesis"), 2),
    ],
)
def test_a_step_is_taken_when_it_is_due_and_not_before(step: Step, open_shards: int) -> None:
    updating = begin(stream_of(2), "UPDATING", step, DUE_MS)
    assert next_due_ms(updating) == DUE_MS
    assert advanced(updating, DUE_MS - 1) == updating
    active = advanced(updating, DUE_MS)
    assert (active.status, active.transition) == ("ACTIVE", None)
    assert len(active.open_shards) == open_shards


def test_deletion_takes_the_stream_and_its_logs() -> None:
    stream = stream_of(3)
    revision = advance(begin(stream, "DELETING", Delete(), DUE_MS), DUE_MS, new_log_id)
    assert revision.stream is None
    assert revision.delete_logs == tuple(shard.log_id for shard in stream.shards)


def test_nothing_is_ever_due_to_a_stream_at_rest() -> None:
    assert next_due_ms(stream_of(2)) == NEVER_MS
    assert advanced(stream_of(2, NOW_MS), NOW_MS + 10_000 * DAY_MS).status == "ACTIVE"


def test_a_closed_shard_goes_with_its_log_when_its_last_record_has_left_retention() -> None:
    resharded = split(stream_of(1), 0, 1000, NOW_MS, new_log_id).stream
    assert resharded is not None
    due_ms = next_due_ms(resharded)
    assert due_ms == NOW_MS + DAY_MS + 1
    assert advanced(resharded, due_ms - 1) == resharded
    revision = advance(resharded, due_ms, new_log_id)
    assert revision.stream is not None
    assert [shard.index for shard in revision.stream.shards] == [1, 2]
    assert revision.delete_logs == (resharded.shards[0].log_id,)


def test_an_expiry_and_a_step_can_be_due_together() -> None:
    resharded = split(stream_of(1), 0, 1000, NOW_MS, new_log_id).stream
    assert resharded is not None
    merging = begin(resharded, "UPDATING", Merge(1, 2), DUE_MS)
    revision = advance(merging, NOW_MS + DAY_MS + 1, new_log_id)
    assert revision.stream is not None
    assert [shard.index for shard in revision.stream.shards] == [1, 2, 3]
    assert revision.delete_logs == (resharded.shards[0].log_id,)
    assert len(revision.create_logs) == 1


def test_a_consumer_is_created_and_goes() -> None:
    consumer = Consumer(name="app", created_ms=NOW_MS, due_ms=DUE_MS)
    watched = msgspec.structs.replace(stream_of(1), consumers=(consumer,))
    assert next_due_ms(watched) == DUE_MS
    (active,) = advanced(watched, DUE_MS).consumers
    assert (active.status, active.due_ms) == ("ACTIVE", None)
    deleting = msgspec.structs.replace(active, status="DELETING", due_ms=DUE_MS + 200)
    going = msgspec.structs.replace(watched, consumers=(deleting,))
    assert advanced(going, DUE_MS).consumers == (deleting,)
    assert advanced(going, DUE_MS + 200).consumers == ()
