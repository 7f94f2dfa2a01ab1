"""`GET /_headwater/queues` and `/_headwater/dead-letters`: how queues stand, and what they have set aside.

Rules:
- to look leaves no trace: nothing is received, and no visibility timeout begins;
- a queue that hands out nothing, since it is being created or deleted, has no counts.

Refuses to know who looks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from headwater.engine.engine import Engine
from headwater.engine.queue_lifecycle import arn_of_queue
from headwater.engine.queues.dead_letters import SeenDeadLetter, SeenDeadLetters
from headwater.engine.queues.live_queue import LiveQueue
from headwater.engine.reading import find_extents
from headwater.model.arn import parse_queue_arn
from headwater.model.errors import KinesisError
from headwater.model.queue import Queue
from headwater.model.record import decode_payloads
from headwater.model.shard import shard_id_of
from headwater.model.stream import Stream
from headwater.server.admin import RouteSet
from headwater.server.refused import Refused
from headwater.server.routes.query import read_query
from headwater.server.routes.stream_views import PLACE, place_of, stream_of

PAGE_BYTES = 4 * 1024 * 1024
NONE = SeenDeadLetters([], has_more=False)


def queue_view_routes(engine: Engine) -> RouteSet:
    """The routes of one server."""
    views = QueueViews(engine)
    return RouteSet({b"queues": {b"GET": views.queues}, b"dead-letters": {b"GET": views.dead_letters}})


class QueueViews:
    """The routes of one server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def queues(self, query: bytes) -> dict[str, Any]:
        """Every queue of a stream, or of an account and region. Raises `Refused` and `StoreUnavailable`."""
        asked = read_query(query, (*PLACE, "stream"))
        streams = await self._streams(asked)
        logs = [log_id for stream in streams if stream.queues for log_id in stream.log_ids]
        await find_extents(self._engine, logs)  # what other servers have put waits, too
        streams = await self._streams(asked)  # a queue may be gone meanwhile
        live = self._at_work(streams)
        return {
            "now_ms": self._engine.now_ms(),
            "queues": [
                _described(stream, queue) | await _counted(live.get(queue.queue_id))
                for stream in streams
                for queue in sorted(stream.queues, key=lambda queue: queue.name)
            ],
        }

    async def dead_letters(self, query: bytes) -> dict[str, Any]:
        """A page of a queue's dead letters; `after` is the last id of it, if there are more.

        Raises `Refused` and `StoreUnavailable`.
        """
        asked = read_query(query, ("queue", "after"))
        live = await self._queue_at_work(asked)
        found = NONE if live is None else await live.dead_letters(asked.get("after", ""), PAGE_BYTES)
        return {
            "now_ms": self._engine.now_ms(),
            "dead_letters": _shown(found.letters),
            "after": found.letters[-1].record_id if found.has_more else None,
        }

    async def _streams(self, asked: dict[str, str]) -> list[Stream]:
        if "stream" in asked:
            return [await stream_of(self._engine, asked)]
        return await self._engine.streams_of(place_of(self._engine, asked))

    def _at_work(self, streams: Collection[Stream]) -> dict[str, LiveQueue]:
        looked_at = self._engine.queues.looked_at(streams)
        return {queue.queue_id: live for _, queue, live in looked_at}

    async def _queue_at_work(self, asked: dict[str, str]) -> LiveQueue | None:
        named = parse_queue_arn(asked.get("queue", ""))
        if named is None:
            raise Refused(400, "Say which queue, by its ARN: queue=….")
        name = self._engine.queues.stream_of(named)
        try:
            stream = None if name is None else await self._engine.stream(name)
        except KinesisError:
            stream = None
        if stream is None or stream.queue(named.queue_id) is None:
            raise Refused(404, f"There is no queue {asked['queue']}.")
        return self._at_work([stream]).get(named.queue_id)


def _described(stream: Stream, queue: Queue) -> dict[str, Any]:
    rules, start = queue.announced_rules, queue.start
    return {
        "name": queue.name,
        "arn": arn_of_queue(stream, queue),
        "stream": stream.name,
        "status": queue.status,
        "created_ms": queue.created_ms,
        "starting_position": start.type,
        "starting_ms": start.timestamp_ms if start.effective_ms is None else start.effective_ms,
        "visibility_timeout_s": rules.visibility_timeout_s,
        "max_receive_count": rules.max_receive_count,
    }


async def _counted(live: LiveQueue | None) -> dict[str, Any]:
    if live is None:
        return {"counts": None, "totals": None, "oldest_age_ms": None}
    counts = live.counts()
    return {
        "counts": counts._asdict(),
        "totals": live.totals()._asdict(),
        "oldest_age_ms": await live.oldest_age_ms() if counts.visible + counts.in_flight else None,
    }


def _shown(found: list[SeenDeadLetter]) -> list[dict[str, Any]]:
    records = decode_payloads([letter.payload for letter in found])
    return [
        {
            "id": letter.record_id,
            "shard": shard_id_of(letter.shard_index),
            "partition_key": record.partition_key,
            "data": record.data,
            "arrival_ms": letter.arrival_ms,
            "first_receive_ms": letter.first_receive_ms,
            "receives": letter.receives,
            "is_in_flight": letter.is_in_flight,
        }
        for letter, record in zip(found, records, strict=True)
    ]
