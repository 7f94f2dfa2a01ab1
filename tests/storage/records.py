"""Records as the tests of the stores say them: one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.storage.interface import Entry, LogPage, Outcome, Placed, StoreUnavailable


class StoredRecord(NamedTuple):
    """One record of a run."""

    position: int
    time_ms: int
    payload: bytes


def entry(log_id: int, time_ms: int, *payloads: bytes) -> Entry:
    """Records for one log, without the brackets."""
    return Entry(log_id, time_ms, payloads)


def positions(outcomes: Sequence[Outcome]) -> list[int | None]:
    """Where entries were stored, or that they were not."""
    return [_position(outcome) for outcome in outcomes]


def _position(outcome: Outcome) -> int | None:
    if isinstance(outcome, StoreUnavailable):
        raise outcome
    return outcome.position if isinstance(outcome, Placed) else None


def records(page: LogPage | None) -> list[StoredRecord]:
    """The records of a page: how a store parts them into runs is its own affair."""
    runs = page.runs if page else []
    assert all(run.payloads for run in runs)
    return [
        StoredRecord(run.position + at, run.time_ms, bytes(payload))
        for run in runs
        for at, payload in enumerate(run.payloads)
    ]


def payloads(page: LogPage | None) -> list[bytes]:
    """What is in the records of a page."""
    return [record.payload for record in records(page)]
