"""How records that wait become a batch: pure rules.

A batch is invoked as soon as one of these holds:
- it has `batch_size` records, or the next record would take the event over the payload
  limit of an invocation, 6 MB;
- the batching window has passed since its first record began to wait; a window of zero
  waits for nothing, so whatever there is is the batch;
- nothing can be added to it any more: the shard, or its tumbling window, has ended.

A record that is over the limit alone makes a batch alone, and `is_too_large` tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headwater.lambda_.mappings.kinesis_event import ENVELOPE_BYTES

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024


class Gathered(NamedTuple):
    """The records that wait for an invocation."""

    sizes: Iterable[int]
    """The bytes of each record's JSON, in order; looked at only when a batch may be due."""
    length: int
    bytes_at_most: int
    """The bytes of all of them."""
    since_ms: int
    """When the first of them began to wait."""
    is_closed: bool
    """Whether nothing can be added any more."""


class Plan(NamedTuple):
    """The plan: invoke the first `size` records now, or look again at `look_again_ms`."""

    size: int
    look_again_ms: int = 0


def plan_batch(
    gathered: Gathered, batch_size: int, window_ms: int, now_ms: int, members_bytes: int = 0
) -> Plan:
    """The batch that is due, if one is. `members_bytes` is what stands beside the records in the event."""
    if gathered.length == 0:
        return Plan(0)
    left_bytes = PAYLOAD_BYTES_MAX - ENVELOPE_BYTES - members_bytes
    due_ms = gathered.since_ms + window_ms
    fits = gathered.length < batch_size and gathered.bytes_at_most + gathered.length <= left_bytes
    if fits and not gathered.is_closed and now_ms < due_ms:
        return Plan(0, due_ms)
    count = 0
    is_full = False
    for size in gathered.sizes:
        if count == batch_size or (count and size + 1 > left_bytes):
            is_full = True
            break
        left_bytes -= size + 1
        count += 1
    if is_full or count == batch_size or left_bytes < 0 or gathered.is_closed or now_ms >= due_ms:
        return Plan(count)
    return Plan(0, due_ms)


def is_too_large(size: int, members_bytes: int = 0) -> bool:
    """Whether a record can never be part of an event."""
    return ENVELOPE_BYTES + members_bytes + size > PAYLOAD_BYTES_MAX
