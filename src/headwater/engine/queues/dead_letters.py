"""The dead letters of a queue, to be looked at: nothing is received by it, and nothing is counted.

Rules:
- they come in the order of their ids, so that one who has seen some can go on behind the last of them;
- what is past retention is left out, though it may be counted until it is forgotten.

Refuses to know who looks, and how one is received, acknowledged or restored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headwater.engine.limits.limits import READ_BYTES_MAX
from headwater.engine.queues.log_runs import read_runs
from headwater.engine.queues.tracking import TrackedRecord, Tracking
from headwater.model.record import Payload
from headwater.storage.interface import Store

_RECORD_BYTES_MAX = READ_BYTES_MAX * 4 // 3


class SeenDeadLetter(NamedTuple):
    """A dead letter as one who looks sees it."""

    record_id: str
    shard_index: int
    payload: Payload
    arrival_ms: int
    first_receive_ms: int | None
    receives: int
    is_in_flight: bool
    """Whether somebody has received it as a dead letter, and its visibility lasts."""


class SeenDeadLetters(NamedTuple):
    """Some of them."""

    letters: list[SeenDeadLetter]
    has_more: bool


async def look_at_dead_letters(
    tracking: Tracking, store: Store, horizon_ms: int, after: str, bytes_max: int
) -> SeenDeadLetters:
    """Those behind the record of the id `after`, up to `bytes_max`, but one at least. In the order of ids.

    Raises `StoreUnavailable`.
    """
    seen: list[SeenDeadLetter] = []
    size = 0
    for record in _following(tracking, after):
        runs = await read_runs(store, record.shard.log_id, record.position, 1, _RECORD_BYTES_MAX)
        is_there = bool(runs) and runs[0].position == record.position and runs[0].time_ms >= horizon_ms
        if not is_there or not _is_dead_letter(record):
            continue
        size += len(runs[0].payloads[0])
        if seen and size > bytes_max:
            return SeenDeadLetters(seen, has_more=True)
        seen.append(_seen(record, runs[0].payloads[0], runs[0].time_ms))
    return SeenDeadLetters(seen, has_more=False)


def _following(tracking: Tracking, after: str) -> Iterator[TrackedRecord]:
    dead = [record for record in tracking.records() if record.is_dead and record.record_id > after]
    return iter(sorted(dead, key=lambda record: record.record_id))


def _is_dead_letter(record: TrackedRecord) -> bool:
    """Whether it still is one: it may have been settled while another was read."""
    return record.is_dead and record.phase != "over"


def _seen(record: TrackedRecord, payload: Payload, arrival_ms: int) -> SeenDeadLetter:
    return SeenDeadLetter(
        record.record_id,
        record.shard.index,
        payload,
        arrival_ms,
        record.first_receive_ms,
        record.receives,
        record.phase != "visible",
    )
