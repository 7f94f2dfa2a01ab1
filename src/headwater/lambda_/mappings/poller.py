"""One enabled mapping: a poller for each shard whose turn it is.

A stream, or a consumer, that is not there (yet, or any more) is looked for again; the mapping's last result
says so meanwhile. Which shard's turn it is, and what becomes of faults: `followers/stream_follower.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.followers.stream_follower import StreamFollower
from headwater.lambda_.mappings.event_counts import EventCounts
from headwater.lambda_.mappings.mapping import Mapping
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.lambda_.mappings.shard_poller import ShardPoller
from headwater.model.shard import Shard

STREAM_GONE = "PROBLEM: Stream not found"


class MappingPoller:
    """See the module's text. `report` is told what came of the last step. A `ShardPlaces`."""

    def __init__(
        self, context: PollerContext, mapping: Mapping, counts: EventCounts, report: Callable[[str], None]
    ) -> None:
        self._context = context
        self._mapping = mapping
        self._counts = counts
        self._report = report
        self._follower = StreamFollower(
            context, mapping.stream, self, self._begin, lambda: report(STREAM_GONE), f"mapping {mapping.uuid}"
        )

    def stop(self) -> None:
        """Let `run` end once the invocations that are under way have ended."""
        self._follower.stop()

    async def run(self) -> None:
        """Work until `stop`."""
        await self._follower.run()

    def is_finished(self, shard: Shard) -> bool:
        """Whether the shard was closed, and all of it is done."""
        progress = self._context.store.progress(self._mapping.uuid, shard.log_id)
        return progress is not None and progress.is_finished

    def keep_only(self, log_ids: set[int]) -> None:
        """Forget the shards that have left the stream."""
        store, uuid = self._context.store, self._mapping.uuid
        store.forget_shards(uuid, set(store.known_logs(uuid)) - log_ids)

    def _begin(self, shard: Shard) -> ShardPoller:
        return ShardPoller(self._context, self._mapping, shard, self._counts, self._report)
