"""A checkpoint: how far a shard has been read, and where reading begins.

A checkpoint is the last record that is done: its sequence number, and its place in its
aggregate. Before the first record it is a word that says where to begin, and after the
last it is SHARD_END; the words are those that the Kinesis Client Library keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from headwater.client.calls.errors import ConfigurationError

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
AT_TIMESTAMP = "AT_TIMESTAMP"
SHARD_END = "SHARD_END"

STARTS = frozenset({TRIM_HORIZON, LATEST, AT_TIMESTAMP})
WORDS = STARTS | {SHARD_END}


class Checkpoint(NamedTuple):
    """The last handled record of a shard, or a word such as TRIM_HORIZON."""

    sequence_number: str
    """Decimal digits, or one of `WORDS`."""
    sub_sequence_number: int = 0

    @property
    def is_record(self) -> bool:
        """Whether the checkpoint names a record."""
        return self.sequence_number not in WORDS

    @property
    def is_shard_end(self) -> bool:
        """Whether the whole shard is done."""
        return self.sequence_number == SHARD_END

    def is_before(self, other: Checkpoint) -> bool:
        """Whether `other` is further than this checkpoint."""
        return _rank(self) < _rank(other)


def _rank(checkpoint: Checkpoint) -> tuple[int, int, int]:
    if checkpoint.is_record:
        return 1, int(checkpoint.sequence_number), checkpoint.sub_sequence_number
    return (2, 0, 0) if checkpoint.is_shard_end else (0, 0, 0)


Start = str | datetime | float | Mapping[str, str | tuple[str, int]]
"""The forms of a starting position: see `StartingPosition.of`."""


class StartingPosition(NamedTuple):
    """The position where a shard without a checkpoint is read from."""

    word: str
    """One of `STARTS`."""
    timestamp_s: float | None = None
    """Seconds since the Unix epoch, with AT_TIMESTAMP."""
    done: Mapping[str, Checkpoint] = MappingProxyType({})
    """The checkpoints of some shards; all their ancestors count as read."""

    @classmethod
    def of(cls, start: Start) -> StartingPosition:
        """The position for a word, a time (a `datetime` with zone, or epoch seconds), or checkpoints.

        Raises `ConfigurationError` for anything else.
        """
        if isinstance(start, Mapping):
            return cls(TRIM_HORIZON, done={str(key): _record_of(value) for key, value in start.items()})
        if isinstance(start, datetime):
            if start.tzinfo is None:
                raise ConfigurationError("a time to start at needs a time zone")
            return cls(AT_TIMESTAMP, start.astimezone(UTC).timestamp())
        if isinstance(start, int | float) and not isinstance(start, bool):
            return cls(AT_TIMESTAMP, float(start))
        word = str(start).upper().replace("-", "_")
        if word not in (TRIM_HORIZON, LATEST):
            raise ConfigurationError(
                f"{start!r} is no start: TRIM_HORIZON, LATEST, a datetime, epoch seconds, or checkpoints"
            )
        return cls(word)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint of a new lease."""
        return Checkpoint(self.word)


def _record_of(value: object) -> Checkpoint:
    """The checkpoint of a record: its sequence number, or a pair of that and its place in its aggregate."""
    number, sub_number = value if isinstance(value, tuple) else (value, 0)
    if not isinstance(number, str) or not number.isdecimal() or not isinstance(sub_number, int):
        raise ConfigurationError(f"{value!r} is no checkpoint: a sequence number, or one and a number")
    return Checkpoint(number, sub_number)
