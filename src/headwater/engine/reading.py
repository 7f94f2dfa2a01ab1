"""Reading a shard from a position on.

Rules:
- a page holds at most 10 MiB of data and keys, but one record at least;
- records beyond retention are skipped, trimmed already or not;
- at the end of a closed shard there is no next position, and the children are
  named: exactly then, in the same answer as the last records.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from headwater.engine.engine import Engine
from headwater.engine.limits.limits import ITERATOR_LIFE_MS, READ_BYTES_MAX
from headwater.engine.live_stream import LiveStream
from headwater.engine.tokens.iterator_token import IteratorToken, issue_iterator, read_iterator
from headwater.model.arn import StreamName
from headwater.model.cut_payloads import size_at_most
from headwater.model.errors import (
    ExpiredIteratorException,
    InvalidArgumentException,
    ResourceNotFoundException,
)
from headwater.model.record import PAYLOAD_TEXT_BYTES, size_of
from headwater.model.record_list import NumberedRun, RecordList
from headwater.model.sequence_number import record_sequence_numbers, sequence_base
from headwater.model.shard import Shard, shard_id_of
from headwater.model.stream import Stream
from headwater.storage.interface import Extent, Run


class ShardPage(NamedTuple):
    """One page of a shard."""

    shard: Shard
    records: RecordList
    size: int
    """Data and keys of the records, in bytes."""
    next_position: int | None
    """Where to read on; `None` at the end of a closed shard."""
    is_at_tip: bool
    """Nothing more was there when it was read."""
    children: list[Shard]
    """The closed shard's children, when its end is reached."""
    millis_behind_latest: int


async def read_shard(
    engine: Engine,
    stream: Stream,
    shard: Shard,
    position: int,
    limit: int,
    max_bytes: int = READ_BYTES_MAX,
) -> ShardPage:
    """The records of a shard from `position` on: at most `limit`, and `max_bytes` of data and keys.

    Raises ResourceNotFoundException when the stream goes while it is read: to give nothing, and go on
    behind the tip, would say that there was nothing.
    """
    now_ms = engine.now_ms()
    # The store counts payloads, AWS data and keys: ask for as much text as they may take.
    payload_bytes = max_bytes * 4 // 3 + limit * PAYLOAD_TEXT_BYTES
    page = await engine.store.read(shard.log_id, position, limit, payload_bytes)
    if page is not None and page.runs:  # a reader that follows the log asks once more than there is to read
        horizon_ms = stream.trim_horizon_ms(now_ms)
        if page.runs[0].time_ms < horizon_ms:
            position = await engine.store.find(shard.log_id, horizon_ms)
            page = await engine.store.read(shard.log_id, position, limit, payload_bytes)
    if page is None:
        raise shard_gone(stream.full_name, shard.shard_id)
    runs, _, tip = page
    if runs:
        runs = _within_a_page(runs, max_bytes)
    next_position = runs[-1].position + len(runs[-1].payloads) if runs else max(position, tip)
    caught_up = next_position >= tip
    ended = caught_up and not shard.is_open
    return ShardPage(
        shard=shard,
        records=_numbered(engine, shard, runs),
        size=engine.log_sizes.size_of(shard.log_id, runs),
        next_position=None if ended else next_position,
        is_at_tip=caught_up,
        children=stream.children_of(shard.index) if ended else [],
        millis_behind_latest=0 if caught_up else max(0, now_ms - runs[-1].time_ms),
    )


async def find_extents(engine: Engine, log_ids: Sequence[int]) -> list[Extent | None]:
    """How far the logs of shards reach now, whichever server has put records there.

    Raises `StoreUnavailable`.
    """
    return await engine.store.find_extents(log_ids)


async def open_iterator(
    engine: Engine, token: str, account_id: str, region: str
) -> tuple[IteratorToken, LiveStream, Shard]:
    """The iterator of a token, with its stream and shard as they are now.

    Raises InvalidArgumentException for a token that was not issued here for this
    account and region, ExpiredIteratorException after 300 s, and
    ResourceNotFoundException when the stream or shard has gone since.
    """
    iterator = read_iterator(engine.iterators, token)
    if iterator is None or iterator.stream[:2] != (account_id, region):
        raise InvalidArgumentException("Invalid ShardIterator.")
    now_ms = engine.now_ms()
    if now_ms - iterator.issued_ms > ITERATOR_LIFE_MS:
        raise iterator_expired(iterator.issued_ms, now_ms)
    try:
        live = engine.settled(iterator.stream) or await engine.serving(iterator.stream)
    except ResourceNotFoundException:
        raise _shard_gone(iterator) from None
    shard = live.stream.shard(iterator.shard_index)
    if live.stream.created_ms != iterator.stream_created_ms or shard is None:
        raise _shard_gone(iterator)
    return iterator, live, shard


def iterator_at(engine: Engine, stream: Stream, shard: Shard, position: int) -> str:
    """The token of an iterator that is issued now."""
    iterator = IteratorToken(engine.now_ms(), stream.full_name, stream.created_ms, shard.index, position)
    return issue_iterator(engine.iterators, iterator)


def iterator_expired(issued_ms: int, now_ms: int) -> ExpiredIteratorException:
    """The answer for an iterator that was issued too long ago."""
    return ExpiredIteratorException(
        f"Iterator expired. The iterator was created at time {_utc_text(issued_ms)} "
        f"while right now it is {_utc_text(now_ms)} which is further in the future than the "
        f"tolerated delay of {ITERATOR_LIFE_MS} milliseconds."
    )


def shard_gone(name: StreamName, shard_id: str) -> ResourceNotFoundException:
    """The answer of the reading operations for a shard that does not exist."""
    return ResourceNotFoundException(
        f"Shard {shard_id} in stream {name.name} under account {name.account_id} does not exist"
    )


def _shard_gone(iterator: IteratorToken) -> ResourceNotFoundException:
    return shard_gone(iterator.stream, shard_id_of(iterator.shard_index))


def _within_a_page(runs: list[Run], max_bytes: int) -> list[Run]:
    """Cut what was read beyond `max_bytes` of data and keys, but not the first record."""
    if sum([size_at_most(run.payloads) for run in runs]) <= max_bytes:
        return runs
    size = 0
    for run_at, run in enumerate(runs):
        for at, payload in enumerate(run.payloads):
            size += size_of(payload)
            if size > max_bytes and (at or run_at):
                rest = [run._replace(payloads=run.payloads[:at])] if at else []
                return runs[:run_at] + rest
    return runs


def _numbered(engine: Engine, shard: Shard, runs: list[Run]) -> RecordList:
    base = sequence_base(shard.epoch_s, shard.index)
    return RecordList(
        [
            NumberedRun(
                record_sequence_numbers(base, shard.epoch_s, position, time_ms, len(payloads)),
                time_ms,
                payloads,
            )
            for position, time_ms, payloads in runs
        ],
        shard.log_id,
        engine.written_runs,
    )


def _utc_text(time_ms: int) -> str:
    """A time as AWS's messages print it: Thu Jan 22 01:22:02 UTC 2015."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%a %b %d %H:%M:%S} UTC {moment:%Y}"
