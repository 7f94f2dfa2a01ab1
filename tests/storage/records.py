"""Records as the tests of the stores say them: one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.storage.interface import Entry, Run


class StoredRecord(NamedTuple):
    """One record of a run."""

    position: int
    time_ms: int
    payload: bytes


def entry(log_id: int, time_ms: int, *payloads: bytes) -> Entry:
    """Records for one log, without the brackets."""
    return Entry(log_id, time_ms, payloads)


def records(runs: Sequence[Run]) -> list[StoredRecord]:
    """The records of some runs: how a store parts them into runs is its own affair."""
    assert all(run.payloads for run in runs)
    return [
        StoredRecord(run.position + at, run.time_ms, bytes(payload))
        for run in runs
        for at, payload in enumerate(run.payloads)
    ]


def payloads(runs: Sequence[Run]) -> list[bytes]:
    """What is in the records of some runs."""
    return [record.payload for record in records(runs)]
