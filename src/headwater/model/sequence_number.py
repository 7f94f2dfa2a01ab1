"""Sequence numbers: 56 decimal digits that encode where and when a record was stored.

The number is a 186-bit layout; in hexadecimal digits, from the left:

    2 · shard's epoch in seconds (9) · last digit of the shard index (1)
      · index of the record (16) · 00 · time in seconds (9) · shard index (8) · 2

The width is fixed, so numbers compare correctly as text. A shard's own first
number has index 0; its records count from 1; its last has the highest index. So
every number of a shard lies between its two ends, and since a child's epoch is
later than its parents', every number of a child is above all of theirs.
"""

from __future__ import annotations

from typing import NamedTuple

ENDING_INDEX = 0x7FFF_FFFF_FFFF_FFFF
"""The index in a closed shard's ending number: no record reaches it."""

_INDEX_SHIFT = 80
_TIME_SHIFT = 36
_EPOCH_MAX_S = 16_025_175_000
"""AWS refuses numbers that encode a later creation."""


class SequenceNumber(NamedTuple):
    """The parts of a sequence number."""

    epoch_s: int
    shard_index: int
    record_index: int
    time_s: int


def sequence_base(epoch_s: int, shard_index: int) -> int:
    """The part of the number that all records of a shard share."""
    return (2 << 184) | (epoch_s << 148) | ((shard_index & 0xF) << 144) | (shard_index << 4) | 2


def format_sequence_number(base: int, index: int, time_s: int) -> str:
    """The decimal text of the number with this index and time, over a shard's `sequence_base`."""
    return str(base + (index << _INDEX_SHIFT) + (time_s << _TIME_SHIFT))


def parse_sequence_number(text: str) -> SequenceNumber | None:
    """The parts of a number; `None` for text that no shard could have given."""
    if not (text.isascii() and text.isdigit()) or len(text) != 56:
        return None
    number = int(text)
    if number >> 184 != 2 or number & 0xF != 2 or (number >> 72) & 0xFF:
        return None
    shard_index = (number >> 4) & 0xFFFF_FFFF
    index = (number >> _INDEX_SHIFT) & 0xFFFF_FFFF_FFFF_FFFF
    epoch_s = (number >> 148) & 0xF_FFFF_FFFF
    if (number >> 144) & 0xF != shard_index & 0xF or index > ENDING_INDEX or epoch_s >= _EPOCH_MAX_S:
        return None
    return SequenceNumber(epoch_s, shard_index, index, (number >> _TIME_SHIFT) & 0xF_FFFF_FFFF)
