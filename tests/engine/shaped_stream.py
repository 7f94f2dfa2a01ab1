"""Streams of a wanted shape, made without an engine."""

from __future__ import annotations

from itertools import count
from typing import Any

from headwater.engine.resharding import first_shards
from headwater.model.stream import Stream

NOW_MS = 1_700_000_000_000

_log_ids = count(1)


def new_log_id() -> int:
    """A number that no log of the tests has had."""
    return next(_log_ids)


def stream_of(shard_count: int, created_ms: int = NOW_MS, **changes: Any) -> Stream:
    """An ACTIVE stream of so many shards of equal size."""
    facts: dict[str, Any] = {
        "account_id": "123456789012",
        "region": "eu-west-1",
        "name": "orders",
        "created_ms": created_ms,
        "status": "ACTIVE",
        "mode": "PROVISIONED",
        "shards": first_shards(shard_count, created_ms, new_log_id),
        "next_shard_index": shard_count,
    }
    return Stream(**(facts | changes))
