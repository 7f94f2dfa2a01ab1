"""`GET /_headwater/streams` and `/_headwater/shards`: what can be seen at a glance, in one answer.

The API tells the same piece by piece, a call for each stream and shard, and no load. Counts
are totals since the server started: who looks twice knows the rate between.

Refuses to know who looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headwater.engine.engine import Engine
from headwater.engine.metrics.kept_minutes import MINUTE_MS, Dimensions
from headwater.engine.metrics.stream_metrics import Totals
from headwater.engine.reading import find_extents
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.model.shard import Shard, shard_id_of
from headwater.model.stream import Stream
from headwater.server.admin import RouteSet
from headwater.server.refused import Refused
from headwater.server.routes.query import read_query
from headwater.storage.interface import Extent

PLACE = ("account", "region")
SHOWN_MINUTES = 30
BY_MINUTE = {
    "records_in": ("IncomingRecords", None),
    "bytes_in": ("IncomingBytes", None),
    "records_out": ("GetRecords.Records", "SubscribeToShardEvent.Records"),
    "bytes_out": ("GetRecords.Bytes", "SubscribeToShardEvent.Bytes"),
}
"""The metrics whose sums are told minute by minute: of the stream, and of each of its consumers."""
_NO_LOG = Extent(0, 0, 0, sealed=False)

Extents = dict[int, Extent]
"""How far logs reach, by their number."""


def stream_view_routes(engine: Engine) -> RouteSet:
    """The routes of one server."""
    views = StreamViews(engine)
    return RouteSet({b"streams": {b"GET": views.streams}, b"shards": {b"GET": views.shards}})


class StreamViews:
    """The routes of one server, and the oldest records that they have looked up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._oldest: dict[int, tuple[int, int | None]] = {}
        """By log: its first position when it was looked at, and when that record arrived."""

    async def streams(self, query: bytes) -> dict[str, Any]:
        """Every stream of an account and region. Raises `Refused`, `StoreUnavailable`."""
        caller = place_of(self._engine, read_query(query, PLACE))
        streams = await self._engine.streams_of(caller)
        extents = await self._extents(shard for stream in streams for shard in stream.shards)
        totals = {name: counts.totals() for name, counts in self._engine.metrics.streams().items()}
        return {
            "account": caller.account_id,
            "region": caller.region,
            "now_ms": self._engine.now_ms(),
            "streams": [
                await self._stream(stream, totals.get(stream.full_name, Totals()), extents)
                for stream in streams
            ],
        }

    async def shards(self, query: bytes) -> dict[str, Any]:
        """Every shard of a stream, with its load, and the subscriptions to it.

        Raises `Refused`, `StoreUnavailable`.
        """
        engine, stream = self._engine, await stream_of(self._engine, read_query(query, (*PLACE, "stream")))
        extents = await self._extents(stream.shards)
        ages = engine.live(stream.full_name).metrics.iterator_age_ms
        return {
            "stream": stream.name,
            "status": stream.status,
            "now_ms": engine.now_ms(),
            "created_ms": stream.created_ms,
            "shards": [
                await self._shard(shard, extents) | {"iterator_age_ms": ages.get(shard.index)}
                for shard in stream.shards
            ],
            "subscriptions": self._subscriptions(stream, extents),
        }

    async def _extents(self, shards: Iterable[Shard]) -> Extents:
        """How far the logs of shards reach now, whichever server has put records there."""
        log_ids = [shard.log_id for shard in shards]
        found = await find_extents(self._engine, log_ids)
        return {log_id: extent or _NO_LOG for log_id, extent in zip(log_ids, found, strict=True)}

    async def _stream(self, stream: Stream, totals: Totals, extents: Extents) -> dict[str, Any]:
        of_shards = [extents[shard.log_id] for shard in stream.shards]
        oldest = [await self._oldest_ms(log_id, extents[log_id]) for log_id in stream.log_ids]
        return {
            "name": stream.name,
            "arn": stream.arn,
            "status": stream.status,
            "mode": stream.mode,
            "created_ms": stream.created_ms,
            "open_shards": len(stream.open_shards),
            "shards": len(stream.shards),
            "consumers": len(stream.consumers),
            "retention_hours": stream.retention_hours,
            "encryption": stream.encryption_type,
            "has_policy": stream.policy is not None,
            "tags": len(stream.tags),
            "records": sum(extent.next - extent.first for extent in of_shards),
            "oldest_ms": min((time for time in oldest if time is not None), default=None),
            "newest_ms": max((extent.last_time_ms for extent in of_shards), default=0) or None,
            "totals": totals._asdict(),
            "by_minute": {
                total: self._minutes(stream, metric, fan_out_metric)
                for total, (metric, fan_out_metric) in BY_MINUTE.items()
            },
        }

    def _minutes(self, stream: Stream, metric: str, fan_out_metric: str | None) -> list[int]:
        """The sums of each of the last minutes, the one under way last."""
        now_ms = self._engine.now_ms()
        last_ms = now_ms - now_ms % MINUTE_MS
        first_ms = last_ms - (SHOWN_MINUTES - 1) * MINUTE_MS
        caller, of_stream = Caller(*stream.full_name[:2]), ("StreamName", stream.name)
        series: list[tuple[str, Dimensions]] = [(metric, (of_stream,))]
        if fan_out_metric is not None:
            names = [("ConsumerName", consumer.name) for consumer in stream.consumers]
            series += [(fan_out_metric, (of_stream, name)) for name in names]
        sums = [0] * SHOWN_MINUTES
        for each, dimensions in series:
            for point in self._engine.metrics.statistics(
                caller, each, dimensions, max(0, first_ms), last_ms + MINUTE_MS
            ):
                sums[(point.timestamp_ms - first_ms) // MINUTE_MS] += int(point.values.total)
        return sums

    async def _shard(self, shard: Shard, extents: Extents) -> dict[str, Any]:
        extent = extents[shard.log_id]
        return {
            "id": shard.shard_id,
            "parents": [shard_id_of(index) for index in shard.parent_indexes],
            "starting_hash_key": shard.starting_hash_key,
            "ending_hash_key": shard.ending_hash_key,
            "is_open": shard.is_open,
            "opened_ms": shard.opened_ms,
            "closed_ms": shard.closed_ms,
            "starting_sequence_number": shard.starting_sequence_number,
            "ending_sequence_number": shard.ending_sequence_number,
            "records": extent.next - extent.first,
            "records_in": extent.next,
            "bytes_in": self._engine.log_sizes.appended(shard.log_id),
            "oldest_ms": await self._oldest_ms(shard.log_id, extent),
            "newest_ms": extent.last_time_ms or None,
        }

    def _subscriptions(self, stream: Stream, extents: Extents) -> list[dict[str, Any]]:
        logs = {shard.index: shard.log_id for shard in stream.shards}
        found = []
        for key, subscription in self._engine.subscriptions.items():
            if key.stream == stream.full_name and key.shard_index in logs:
                behind = max(0, extents[logs[key.shard_index]].next - subscription.position)
                found.append(
                    {
                        "consumer": key.consumer_name,
                        "shard": shard_id_of(key.shard_index),
                        "started_ms": subscription.started_ms,
                        "records_behind": behind,
                    }
                )
        return found

    async def _oldest_ms(self, log_id: int, extent: Extent) -> int | None:
        if extent.first == extent.next:
            return None
        known = self._oldest.get(log_id)
        if known is None or known[0] != extent.first:
            page = await self._engine.store.read(log_id, extent.first, 1, 1)
            oldest_ms = page.runs[0].time_ms if page is not None and page.runs else None
            known = self._oldest[log_id] = (extent.first, oldest_ms)
        return known[1]


def place_of(engine: Engine, asked: dict[str, str]) -> Caller:
    """The account and region that are asked for; the server's own when they are left out."""
    home = engine.home
    return Caller(asked.get("account", home.account_id), asked.get("region", home.region))


async def stream_of(engine: Engine, asked: dict[str, str]) -> Stream:
    """The stream that is asked for. Raises `Refused`."""
    if "stream" not in asked:
        raise Refused(400, "Say which stream: stream=….")
    try:
        return await engine.stream(StreamName(*place_of(engine, asked), asked["stream"]))
    except KinesisError as error:
        raise Refused(404, error.message or error.code) from None
