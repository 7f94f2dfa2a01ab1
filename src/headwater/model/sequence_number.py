"""Sequence numbers: 56 decimal digits that encode where and when a record was stored.

The number is a 186-bit layout; in hexadecimal digits, from the left:

    2 · shard's epoch in seconds (9) · last digit of the shard index (1)
      · index of the record (16) · 00 · time in seconds (9) · shard index (8) · 2

The width is fixed, so numbers compare correctly as text. A shard's own first
number has index 0; its records count from 1; its last has the highest index. So
every number of a shard lies between its two ends, and since a child's epoch is
later than its parents', every number of a child is above all of theirs.

AWS still understands the two layouts that it used before. Records here never have
such a number; it is read so that it can be refused in the right words.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, islice

import msgspec

MANY = 16
"""Of so many records that follow one another it is worth finding out what is the same in all."""
ENDING_INDEX = 0x7FFF_FFFF_FFFF_FFFF
"""The index in a closed shard's ending number: no record reaches it."""

_INDEX_SHIFT = 80
_TIME_SHIFT = 36
_SECONDS = 0xF_FFFF_FFFF
_EPOCH_S_MAX = 16_025_175_000
"""AWS refuses numbers that encode a later creation."""


class SequenceNumber(msgspec.Struct, frozen=True):
    """The parts of a sequence number."""

    epoch_s: int
    shard_index: int
    record_index: int
    time_s: int
    version: int = 2
    """2 is the present layout, 0 and 1 are the older ones."""


def sequence_base(epoch_s: int, shard_index: int) -> int:
    """The part of the number that all records of a shard share."""
    return (2 << 184) | (epoch_s << 148) | ((shard_index & 0xF) << 144) | (shard_index << 4) | 2


def format_sequence_number(base: int, index: int, time_s: int) -> str:
    """The decimal text of the number with this index and time, over a shard's `sequence_base`."""
    return str(base + (index << _INDEX_SHIFT) + (time_s << _TIME_SHIFT))


def record_sequence_number(base: int, epoch_s: int, position: int, time_ms: int) -> str:
    """The number of the record at a position of its shard's log, stored at `time_ms`.

    Records count from 1, and none is older than its shard.
    """
    time_s = time_ms // 1000
    # `format_sequence_number`, written out: once for each record that is put alone.
    return str(base + ((position + 1) << _INDEX_SHIFT) + ((max(epoch_s, time_s)) << _TIME_SHIFT))


def record_sequence_numbers(base: int, epoch_s: int, position: int, time_ms: int, count: int) -> range:
    """The numbers of `count` records that follow one another, all stored at `time_ms`."""
    first = base + ((position + 1) << _INDEX_SHIFT) + (max(time_ms // 1000, epoch_s) << _TIME_SHIFT)
    return range(first, first + (count << _INDEX_SHIFT), 1 << _INDEX_SHIFT)


def record_position(number: int) -> int:
    """The position in its shard's log of the record with this number: one of those made above."""
    return ((number >> _INDEX_SHIFT) & 0xFFFF_FFFF_FFFF_FFFF) - 1


def common_beginning(numbers: range) -> tuple[bytes, Iterable[int]]:
    """The digits that all of the numbers begin with, and the rest of each as a number.

    To write a number takes time by the square of its digits; of those that follow one another
    the first half is the same. No rest begins with a zero, so `str` writes all of it.
    """
    if len(numbers) < MANY:
        return b"", numbers
    first, last = b"%d" % numbers[0], b"%d" % numbers[-1]
    if len(first) == len(last):
        for cut in range(len(first) - len(str(numbers[-1] - numbers[0])), 0, -1):
            if first[cut : cut + 1] > b"0" and last.startswith(first[:cut]):
                return first[:cut], islice(count(int(first[cut:]), numbers.step), len(numbers))
    return b"", numbers


def number_texts(numbers: range) -> list[str]:
    """Numbers that follow one another, as texts."""
    beginning, rests = common_beginning(numbers)
    start = beginning.decode()
    return [f"{start}{rest}" for rest in rests]


def parse_sequence_number(text: str) -> SequenceNumber | None:
    """The parts of a number; `None` for text that no shard could ever have given."""
    if not (text.isascii() and text.isdigit()) or len(text) > 56:
        return None
    number = int(text)
    if number < 2 << 124:
        parsed = _parse_version_0(number)
    elif number >> 184 == 2 and number & 0xF in _VERSIONED:
        parsed = _VERSIONED[number & 0xF](number)
    else:
        return None
    return parsed if parsed.epoch_s < _EPOCH_S_MAX and parsed.record_index <= ENDING_INDEX else None


def _parse_version_2(number: int) -> SequenceNumber:
    return SequenceNumber(
        version=2,
        epoch_s=(number >> 148) & _SECONDS,
        shard_index=(number >> 4) & 0xFFFF_FFFF,
        record_index=(number >> _INDEX_SHIFT) & 0xFFFF_FFFF_FFFF_FFFF,
        time_s=(number >> _TIME_SHIFT) & _SECONDS,
    )


def _parse_version_1(number: int) -> SequenceNumber:
    return SequenceNumber(
        version=1,
        epoch_s=(number >> 148) & _SECONDS,
        shard_index=(number >> 4) & 0xFFFF_FFFF,
        record_index=(number >> 36) & 0xFF,
        time_s=(number >> 100) & _SECONDS,
    )


def _parse_version_0(number: int) -> SequenceNumber:
    epoch_s = (number >> 88) & _SECONDS
    return SequenceNumber(
        version=0, epoch_s=epoch_s, shard_index=number & 0xFFFF, record_index=0, time_s=epoch_s
    )


_VERSIONED = {1: _parse_version_1, 2: _parse_version_2}
