"""`GET /_headwater/records`: the records of a stream's shards as JSON lines, up to now or as they come.

Each line is a page of one shard, with `ShardId`, `Records` as GetRecords has them,
`MillisBehindLatest`, and `Skipped`: the records that retention took before they could be sent.
The last line is `{"End": …}`.

Rules:
- to look at records leaves no trace: no iterator, no count, no share of a shard's rate;
- one page for each turn of the loop, in turn of the shards, and none while the reader is slow;
- what is committed is gathered for a moment, so that a busy shard costs a few pages a second;
- shards that are made while one listens are read from their beginning.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from headwater.engine.engine import Engine
from headwater.engine.iterator_types import Start, position_of
from headwater.engine.reading import ShardPage, find_extents, read_shard
from headwater.model.arn import StreamName
from headwater.model.completion import drive
from headwater.model.errors import KinesisError
from headwater.model.shard import Shard, parse_shard_id
from headwater.model.stream import Stream
from headwater.server.admin import RouteSet, Streamed
from headwater.server.http.exchange import BodyWriter, Fields
from headwater.server.refused import Refused
from headwater.server.routes.query import read_query, whole_number
from headwater.server.routes.stream_views import PLACE, stream_of
from headwater.storage.interface import Extent, StoreError
from headwater.wire import json_format

JSON_LINES: Fields = (("Content-Type", "application/x-ndjson"), ("Cache-Control", "no-store"))
PARAMETERS = (*PLACE, "stream", "shard", "from", "last", "time_ms", "sequence_number", "limit", "follow")
BEGINNINGS = ("oldest", "newest", "last", "time", "sequence_number")
"""What `from` can be; `last`: so many of each shard's newest records."""
ITERATOR_TYPES = {"time": "AT_TIMESTAMP", "sequence_number": "AT_SEQUENCE_NUMBER"}
"""For those that need a look into the shard's records."""
PAGE_RECORDS = 1_000
PAGE_BYTES = 1024 * 1024
GATHER_S = 0.1
LIMIT_MAX = 10**12


def record_routes(engine: Engine) -> RouteSet:
    """The route of one server."""

    async def feed(query: bytes) -> Streamed:
        asked = read_query(query, PARAMETERS)
        stream = await stream_of(engine, asked)
        limit = whole_number(asked, "limit", LIMIT_MAX)
        if limit == 0:
            raise Refused(400, "limit must be 1 or more.")
        readers = await _readers(engine, stream, _shards(stream, asked), asked)
        follows = asked.get("follow") == "yes"
        source = RecordSource(engine, stream, readers, limit, follows=follows, grows="shard" not in asked)
        return Streamed(JSON_LINES, source)

    return RouteSet({b"records": {b"GET": feed}})


def _shards(stream: Stream, asked: dict[str, str]) -> list[Shard]:
    if "shard" in asked:
        index = parse_shard_id(asked["shard"])
        shard = None if index is None else stream.shard(index)
        if shard is None:
            raise Refused(404, f"There is no shard {asked['shard']}.")
        return [shard]
    return list(stream.shards)


LAST: Mapping[str, int | None] = MappingProxyType({"oldest": None, "newest": 0})
"""How many of the newest records these beginnings are about; `None`: all."""


async def _readers(
    engine: Engine, stream: Stream, shards: list[Shard], asked: dict[str, str]
) -> list[_ShardReader]:
    """A reader of each shard, at the place that is asked for. Raises `Refused`, `StoreUnavailable`."""
    begin = asked.get("from", "oldest")
    if begin not in BEGINNINGS:
        raise Refused(400, f"from must be one of {', '.join(BEGINNINGS)}, not {begin!r}.")
    if begin in ITERATOR_TYPES:
        positions = [await _position(engine, stream, shard, begin, asked) for shard in shards]
    else:
        last = whole_number(asked, "last", 100) if begin == "last" else LAST[begin]
        extents = await find_extents(engine, [shard.log_id for shard in shards])
        positions = [_from_end(extent, last) if extent else 0 for extent in extents]
    is_exact = begin == "sequence_number"
    placed = zip(shards, positions, strict=True)
    return [_ShardReader(shard, position, is_exact=is_exact) for shard, position in placed]


def _from_end(extent: Extent, records: int | None) -> int:
    """Where so many of the newest records begin; `None`: all."""
    return extent.first if records is None else max(extent.first, extent.next - records)


async def _position(engine: Engine, stream: Stream, shard: Shard, begin: str, asked: dict[str, str]) -> int:
    time_ms = whole_number(asked, "time_ms", 0) if begin == "time" else None
    number = asked.get("sequence_number") if begin == "sequence_number" else None
    try:
        return await position_of(engine, stream, shard, Start(ITERATOR_TYPES[begin], number, time_ms))
    except KinesisError as error:
        raise Refused(400, error.message or error.code) from None


class _ShardReader:
    """How far one shard has been read."""

    __slots__ = ("is_exact", "is_queued", "log_id", "position", "shard_index", "unwatch")

    def __init__(self, shard: Shard, position: int, *, is_exact: bool) -> None:
        self.shard_index = shard.index
        self.log_id = shard.log_id
        self.position = position
        self.is_exact = is_exact
        """Whether the record at the position is wanted: a later one in its place was not the first."""
        self.is_queued = False
        self.unwatch: Callable[[], None] | None = None


class RecordSource:
    """A `BodySource`."""

    def __init__(
        self,
        engine: Engine,
        stream: Stream,
        readers: list[_ShardReader],
        limit: int,
        *,
        follows: bool,
        grows: bool,
    ) -> None:
        """`grows`: shards that are made later are read, too."""
        self._engine = engine
        self._name: StreamName = stream.full_name
        self._created_ms = stream.created_ms
        self._left = limit
        self._follows = follows
        self._grows = grows
        self._readers = {reader.shard_index: reader for reader in readers}
        self._queue: deque[_ShardReader] = deque()
        self._loop = asyncio.get_running_loop()
        self._writer: BodyWriter | None = None
        self._is_paused = False
        self._is_turn_due = False
        self._unwatch: list[Callable[[], None]] = []

    # What the front end calls.

    def start(self, writer: BodyWriter) -> None:
        """The head has been sent."""
        self._writer = writer
        if self._follows:
            self._unwatch.append(self._engine.watch_stream(self._name, self._stream_changed))
            for reader in self._readers.values():
                self._watch(reader)
        for reader in self._readers.values():
            self._enqueue(reader)
        writer.write(b'{"Begin":%d}\n' % len(self._readers))
        self._await_turn()

    def pause(self) -> None:
        """The client is slow."""
        self._is_paused = True

    def resume(self) -> None:
        """The client has caught up."""
        self._is_paused = False
        self._await_turn()

    def stop(self) -> None:
        """The client has gone."""
        self._writer = None
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch.clear()

    # Reading, a page for each turn.

    def _watch(self, reader: _ShardReader) -> None:
        def grown() -> None:
            self._enqueue(reader)
            self._await_turn(GATHER_S)

        reader.unwatch = self._engine.watch_log(reader.log_id, grown)
        self._unwatch.append(reader.unwatch)

    def _stream_changed(self) -> None:
        """Shards may have come; one that was closed has to be read to its end."""
        try:
            stream = self._engine.live(self._name).stream
        except KinesisError:
            self._end("The stream is gone.")
            return
        for shard in stream.shards if self._grows else ():
            if shard.index not in self._readers:
                self._readers[shard.index] = _ShardReader(shard, 0, is_exact=True)
                self._watch(self._readers[shard.index])
        for reader in self._readers.values():
            self._enqueue(reader)
        self._await_turn(GATHER_S)

    def _enqueue(self, reader: _ShardReader) -> None:
        if not reader.is_queued:
            reader.is_queued = True
            self._queue.append(reader)

    def _await_turn(self, delay_s: float = 0.0) -> None:
        if not self._is_turn_due and self._writer is not None and not self._is_paused:
            self._is_turn_due = True
            self._loop.call_later(delay_s, self._turn) if delay_s else self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        if self._writer is None or self._is_paused:
            self._is_turn_due = False
        elif self._queue:
            reader = self._queue.popleft()
            reader.is_queued = False
            drive(self._read(reader), self._was_read)
        else:
            self._is_turn_due = False
            if not self._follows:
                self._end("All that there is.")

    async def _read(self, reader: _ShardReader) -> None:
        live = await self._engine.serving(self._name)
        shard = live.stream.shard(reader.shard_index)
        if shard is None or live.stream.created_ms != self._created_ms:
            return
        page = await read_shard(
            self._engine, live.stream, shard, reader.position, min(PAGE_RECORDS, self._left), PAGE_BYTES
        )
        if self._writer is not None and len(page.records):
            self._writer.write(_line(page, reader))
            self._left -= len(page.records)
        reader.is_exact = True
        if page.next_position is not None and page.records:
            self._enqueue(reader)
        reader.position = reader.position if page.next_position is None else page.next_position
        if page.next_position is None:
            reader.position += len(page.records)

    def _was_read(self, _value: None, error: BaseException | None) -> None:
        self._is_turn_due = False
        if isinstance(error, KinesisError):
            self._end(error.message or error.code)
        elif isinstance(error, StoreError):
            self._end("The store is unavailable.")
        elif error is not None:
            self._end("A fault of the server.")
            raise error
        elif self._left <= 0:
            self._end("As many as were asked for.")
        else:
            self._await_turn()

    def _end(self, reason: str) -> None:
        writer = self._writer
        self.stop()
        if writer is not None:
            writer.write(msgspec.json.encode({"End": reason}) + b"\n")
            writer.end()


def _line(page: ShardPage, reader: _ShardReader) -> bytes:
    last = page.next_position
    skipped = last - len(page.records) - reader.position if reader.is_exact and last is not None else 0
    answer: dict[str, Any] = {
        "ShardId": page.shard.shard_id,
        "Skipped": skipped,
        "MillisBehindLatest": page.millis_behind_latest,
        "Records": page.records,
    }
    return json_format.encode(answer) + b"\n"
