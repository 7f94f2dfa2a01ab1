"""The starting points of a shard iterator: a closed set of five, one table.

Each type turns a request into a position of the shard's log:

    TRIM_HORIZON             the oldest record that is kept
    LATEST                   after the newest record: the next put is the first one read
    AT_SEQUENCE_NUMBER       that record
    AFTER_SEQUENCE_NUMBER    the record after it
    AT_TIMESTAMP             the first record that arrived then or later
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from headwater.engine.engine import Engine
from headwater.model.errors import InvalidArgumentException
from headwater.model.sequence_number import SequenceNumber, parse_sequence_number
from headwater.model.shard import Shard, encoded_shard_id
from headwater.model.stream import Stream
from headwater.storage.interface import END_MS


class Start(NamedTuple):
    """The start of an iterator, as a request has it."""

    iterator_type: str
    sequence_number: str | None
    timestamp_ms: int | None


async def position_of(engine: Engine, stream: Stream, shard: Shard, start: Start) -> int:
    """The position in the shard's log.

    Raises InvalidArgumentException when the parameters do not fit the type, or the
    sequence number is not one of this shard.
    """
    needs_number = start.iterator_type in _NEEDS_SEQUENCE_NUMBER
    if start.iterator_type != "AT_TIMESTAMP" and needs_number == (start.sequence_number is None):
        raise InvalidArgumentException(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber "
            "or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {start.iterator_type} and "
            f"{'no' if start.sequence_number is None else 'also a'} StartingSequenceNumber."
        )
    return await _POSITIONS[start.iterator_type](engine, stream, shard, start)


async def _trim_horizon(engine: Engine, _stream: Stream, shard: Shard, _start: Start) -> int:
    extent = engine.store.extent(shard.log_id)
    return extent.first if extent else 0


async def _latest(engine: Engine, _stream: Stream, shard: Shard, _start: Start) -> int:
    return await engine.store.find(shard.log_id, END_MS)


async def _at_sequence_number(engine: Engine, stream: Stream, shard: Shard, start: Start) -> int:
    number = _number_in_shard(stream, shard, start)
    position = await _clamp(engine, shard, number.record_index - 1)
    page = await engine.store.read(shard.log_id, position, 1, 1)
    stored = page.runs if page else []
    # A continuation may lie between two records: it is above the first one's own number.
    between = stored and stored[0].position == number.record_index - 1
    if between and max(stored[0].time_ms // 1000, shard.epoch_s) < number.time_s:
        return position + 1
    return position


async def _after_sequence_number(engine: Engine, stream: Stream, shard: Shard, start: Start) -> int:
    return await _clamp(engine, shard, _number_in_shard(stream, shard, start).record_index)


async def _at_timestamp(engine: Engine, stream: Stream, shard: Shard, start: Start) -> int:
    if start.timestamp_ms is None:
        raise InvalidArgumentException(
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
            "Current request has no timestamp parameter."
        )
    # A stream may be made a little ahead of the clock, and its own creation is a time to start at.
    now_ms = max(engine.now_ms(), stream.created_ms)
    if start.timestamp_ms > now_ms:
        raise InvalidArgumentException(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {start.timestamp_ms}, currentTimestampInMillis: {now_ms}"
        )
    return await engine.store.find(shard.log_id, max(0, start.timestamp_ms))


_NEEDS_SEQUENCE_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
_POSITIONS: dict[str, Callable[[Engine, Stream, Shard, Start], Awaitable[int]]] = {
    "TRIM_HORIZON": _trim_horizon,
    "LATEST": _latest,
    "AT_SEQUENCE_NUMBER": _at_sequence_number,
    "AFTER_SEQUENCE_NUMBER": _after_sequence_number,
    "AT_TIMESTAMP": _at_timestamp,
}


def _number_in_shard(stream: Stream, shard: Shard, start: Start) -> SequenceNumber:
    text = start.sequence_number or ""
    invalid = (
        f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard.shard_id} "
        f"in stream {stream.label} is invalid"
    )
    number = parse_sequence_number(text)
    if number is None:
        raise InvalidArgumentException(f"{invalid}.")
    if number.shard_index != shard.index:
        raise InvalidArgumentException(
            f"Invalid StartingSequenceNumber. It encodes {encoded_shard_id(number.shard_index)}, "
            f"while it was used in a call to a shard with {shard.shard_id}"
        )
    if number.version != 2 or number.epoch_s != shard.epoch_s:
        raise InvalidArgumentException(f"{invalid} because it did not come from this stream.")
    return number


async def _clamp(engine: Engine, shard: Shard, position: int) -> int:
    """A shard's own ends are numbers without a record: its start is position 0, its end the tip."""
    return max(0, min(position, await engine.store.find(shard.log_id, END_MS)))
