"""Every queue by its id, and what the store has of each.

A queue is found by its id, which leads to its stream; its value is part of that stream's. What is at
work on it in memory (`live_queue`) is made when somebody first receives or acknowledges: a queue that
nobody uses costs its value and what was acknowledged, and no time. The modules of the work are imported
then, too: a server without queues starts without them.

Refuses to know requests, and how a stream's value is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headwater.engine.metrics.metrics import Metrics
from headwater.engine.queues.key_kinds import NAMES_KIND
from headwater.engine.tokens.sealed_token import Sealer
from headwater.model.arn import QueueId, StreamName
from headwater.model.caller import Caller
from headwater.model.completion import drive
from headwater.model.errors import ResourceInUseException, ResourceNotFoundException
from headwater.model.queue import Queue
from headwater.model.stream import Stream
from headwater.storage.interface import Change, Metadata, Store

if TYPE_CHECKING:
    from headwater.engine.queues.counting import QueueTotals
    from headwater.engine.queues.live_queue import LiveQueue
    from headwater.engine.queues.progress import QueueProgress, Writes

_SWEEP_MS = 10_000
_FOREVER_MS = 2**63
_VISIBLE_SHOWN_MAX = 1_000_000
"""CloudWatch shows no more."""


class Queues:
    """Those of all accounts and regions."""

    receipts: Sealer
    """Set when the engine has its key."""

    def __init__(
        self,
        store: Store,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        metrics: Metrics,
    ) -> None:
        self.store = store
        self.is_stopping = False
        """Whether nobody may wait any more."""
        self._metrics = metrics
        self._told: dict[str, QueueTotals] = {}
        """What the metrics have of each queue at work."""
        self.now_ms = now_ms
        self._random_bytes = random_bytes
        self._streams: dict[str, StreamName] = {}
        """By the ids of their queues."""
        self._ids: dict[StreamName, list[str]] = {}
        self._expected: dict[StreamName, Mapping[str, int]] = {}
        self._live: dict[str, LiveQueue] = {}
        self._asked_for: dict[tuple[Caller, str], LiveQueue] = {}
        """Some of these, by who asks for one and how it is named: most calls name the same few."""
        self._progress: dict[str, dict[int, QueueProgress]] = {}
        """By queue and log."""
        self._orphans: set[str] = set()
        """Keys of progress that no queue has; see `remove_orphans`."""
        self._changed: dict[str, dict[int, set[int]]] = {}
        """Positions of which the store has something new, by queue at work and log; see `taken_over`."""
        self._claimed_names: set[tuple[Caller, str]] = set()
        self._next_sweep_ms = 0

    def new_id(self) -> str:
        """An id that no queue has had."""
        return self._random_bytes(16).hex()

    def random_number(self) -> int:
        """63 random bits."""
        return int.from_bytes(self._random_bytes(8), "big") >> 1

    @contextmanager
    def claim_name(self, caller: Caller, what: str) -> Iterator[None]:
        """While a queue or channel is being created, nobody else creates one of that name.

        Raises ResourceInUseException.
        """
        claim = (caller, what)
        if claim in self._claimed_names:
            raise ResourceInUseException(f"{what} is being created.")
        self._claimed_names.add(claim)
        try:
            yield
        finally:
            self._claimed_names.discard(claim)

    def name_claim(self, caller: Caller) -> tuple[Writes, Mapping[str, int]]:
        """What a commit that gives a queue its name writes and expects.

        So no other server gives that name to a queue of another stream at the same time.
        """
        if not self.store.is_shared:
            return {}, {}
        key = "/".join((NAMES_KIND, *caller))
        found = self.store.metadata_of(key)
        return {key: b""}, {key: found.version if found else 0}

    # What streams say

    def follow(self, name: StreamName, stream: Stream | None, expected: Mapping[str, int]) -> None:
        """Take over a committed value, with its key and version; `None`: the stream is gone."""
        self._asked_for.clear()
        before = self._ids.pop(name, [])
        self._expected.pop(name, None)
        queues = stream.queues if stream is not None else ()
        ids = [queue.queue_id for queue in queues]
        for queue_id in [queue_id for queue_id in before if queue_id not in ids]:
            del self._streams[queue_id]
            self._drop(self._progress.pop(queue_id, {}))
            self._told.pop(queue_id, None)
            live = self._live.pop(queue_id, None)
            if live is not None:
                live.close(ResourceNotFoundException("The queue is gone."))
        if stream is None or not ids:
            return
        self._ids[name] = ids
        self._expected[name] = expected
        for queue in queues:
            self._streams[queue.queue_id] = name
            self._tell(stream, queue)
            if before:
                shards = self._progress.get(queue.queue_id, {})
                for log_id in shards.keys() - {shard.log_id for shard in stream.shards}:
                    self._drop({log_id: shards.pop(log_id)})

    def _tell(self, stream: Stream, queue: Queue) -> None:
        """Let a queue at work know its new value."""
        live = self._live.get(queue.queue_id)
        if live is not None:
            live.follow(stream, queue)
            if not queue.is_delivering:
                del self._live[queue.queue_id]

    def expected(self, name: StreamName) -> Mapping[str, int]:
        """The key of a stream's value and its version, as far as it is known."""
        return self._expected.get(name, {})

    def writes_to_forget(self, before: Stream, after: Stream | None) -> Writes:
        """What to write when a stream's next value has fewer queues or shards."""
        kept = {queue.queue_id for queue in after.queues} if after is not None else set()
        logs = {shard.log_id for shard in after.shards} if after is not None else set()
        gone: Writes = {}
        for queue in before.queues:
            for log_id, progress in self._progress.get(queue.queue_id, {}).items():
                if queue.queue_id not in kept or log_id not in logs:
                    gone.update(dict.fromkeys(progress.keys))
        return gone

    def stream_of(self, queue: QueueId) -> StreamName | None:
        """The stream of a queue; `None` when there is no such queue in this account and region."""
        name = self._streams.get(queue.queue_id)
        return name if name is not None and name[:2] == queue[:2] else None

    def live(self, stream: Stream, queue: Queue) -> LiveQueue:
        """The queue at work. Raises ResourceNotFoundException for one that does not deliver."""
        live = self._live.get(queue.queue_id)
        if live is None:
            if not queue.is_delivering:
                from headwater.engine.queues.queue_context import queue_gone  # noqa: PLC0415 - see above

                raise queue_gone(stream, queue)
            live = self._live[queue.queue_id] = self._at_work(stream, queue)
        return live

    def _at_work(self, stream: Stream, queue: Queue) -> LiveQueue:
        """The queue, put to work."""
        from headwater.engine.queues.live_queue import LiveQueue  # noqa: PLC0415 - see above

        return LiveQueue(self, stream, queue)

    def at_work(self, caller: Caller, arn: str) -> LiveQueue | None:
        """The queue that `know` was told of, if no stream has had another value since."""
        return self._asked_for.get((caller, arn))

    def know(self, caller: Caller, arn: str, queue: LiveQueue) -> None:
        """Remember what this caller means by an ARN."""
        self._asked_for[caller, arn] = queue

    # What the store has

    def take_over(self, key: str, found: Metadata | None) -> None:
        """Hold what a key has; `None`: it is gone. Raises `msgspec.MsgspecError`, `ValueError`."""
        from headwater.engine.queues.progress import ProgressKey  # noqa: PLC0415 - see above

        parsed = ProgressKey.parse(key)
        positions: set[int] = set()
        if found is not None:
            progress = self.progress_of(parsed.queue_id, parsed.log_id, 0)
            positions = progress.load(parsed, found.value, found.version, self.now_ms())
        elif (known := self._progress.get(parsed.queue_id, {}).get(parsed.log_id)) is not None:
            positions = known.unload(parsed)
        if parsed.queue_id in self._live:
            changed = self._changed.setdefault(parsed.queue_id, {})
            changed.setdefault(parsed.log_id, set()).update(positions)

    def taken_over(self) -> None:
        """All keys that have changed have been taken over: let the queues at work go by them."""
        all_changed, self._changed = self._changed, {}
        for queue_id, changed in all_changed.items():
            live = self._live.get(queue_id)
            if live is not None:
                live.reload(changed)

    def progress_of(self, queue_id: str, log_id: int, first: int) -> QueueProgress:
        """What the store has of a queue's shard; one that begins at `first` if it has nothing."""
        shards = self._progress.setdefault(queue_id, {})
        progress = shards.get(log_id)
        if progress is None:
            from headwater.engine.queues.progress import QueueProgress  # noqa: PLC0415 - see above

            progress = shards[log_id] = QueueProgress(queue_id, log_id)
        progress.first = max(progress.first, first)
        return progress

    def keys(self) -> list[str]:
        """Every key that the store may have."""
        return [key for shards in self._progress.values() for one in shards.values() for key in one.keys]

    def progress(self) -> Iterable[tuple[str, int, QueueProgress]]:
        """Queue, log and what the store has of it."""
        return [
            (queue_id, log_id, progress)
            for queue_id, shards in self._progress.items()
            for log_id, progress in shards.items()
        ]

    async def remove_orphans(self, fence: Mapping[str, int]) -> None:
        """Remove what the store has of queues that are gone.

        Of several servers one may have written it while another one, which did not know of it yet, let the
        queue go. Raises `StoreUnavailable`.
        """
        if not self.store.is_shared:
            return
        for queue_id in [queue_id for queue_id in self._progress if queue_id not in self._streams]:
            self._drop(self._progress.pop(queue_id))
        orphans = frozenset(self._orphans)
        if orphans and await self.store.commit(Change(dict.fromkeys(orphans), fence)):
            self._orphans -= orphans

    def _drop(self, shards: Mapping[int, QueueProgress]) -> None:
        """Forget progress; what the store has of it nevertheless is nobody's."""
        if self.store.is_shared:
            keys = (key for progress in shards.values() for key in progress.keys)
            self._orphans.update(key for key in keys if self.store.metadata_of(key) is not None)

    # Time

    def tick(self, now_ms: int) -> None:
        """Do what has become due."""
        if not self._live:
            return
        for queue_id, live in tuple(self._live.items()):
            live.tick(now_ms)
            self._tell_metrics(queue_id, live)
        if now_ms >= self._next_sweep_ms or now_ms < self._next_sweep_ms - _SWEEP_MS:
            self._next_sweep_ms = now_ms + _SWEEP_MS
            for queue_id, live in tuple(self._live.items()):
                live.sweep()
                self._measure(queue_id, live)

    def end_waits(self) -> None:
        """The server stops: answer who waits, and let nobody wait any more."""
        self.is_stopping = True
        for live in self._live.values():
            live.end_waits(_FOREVER_MS)

    # Metrics

    def looked_at(self, streams: Iterable[Stream]) -> Iterator[tuple[Stream, Queue, LiveQueue]]:
        """Every queue that delivers, to be counted; one that nobody uses is not put to work by it."""
        for stream in streams:
            for queue in stream.queues:
                if queue.is_delivering:
                    yield stream, queue, self._live.get(queue.queue_id) or self._at_work(stream, queue)

    def _tell_metrics(self, queue_id: str, live: LiveQueue) -> None:
        """Let the metrics have what was done since the last tick."""
        from headwater.engine.queues.counting import QueueTotals  # noqa: PLC0415 - see above

        totals, before = live.totals(), self._told.get(queue_id, QueueTotals())
        if totals != before:
            self._told[queue_id] = totals
            done = {
                "ReceivedQueueRecords": totals.received - before.received,
                "AcknowledgedQueueRecords": totals.acknowledged - before.acknowledged,
                "EmptyReceives": totals.empty_receives - before.empty_receives,
            }
            self._metrics.count_queue(*live.name, queue_id, done)

    def _measure(self, queue_id: str, live: LiveQueue) -> None:
        """Let the metrics have how the queue stands."""
        counts = live.counts()
        figures = {
            "VisibleQueueRecords": min(counts.visible, _VISIBLE_SHOWN_MAX),
            "InFlightQueueRecords": counts.in_flight,
            "VisibleDeadLetterQueueRecords": min(counts.dead_visible, _VISIBLE_SHOWN_MAX),
            "InFlightDeadLetterQueueRecords": counts.dead_in_flight,
        }
        self._metrics.count_queue(*live.name, queue_id, figures)

        def tell(age_ms: int | None, error: BaseException | None) -> None:
            if error is None and age_ms is not None:
                self._metrics.count_queue(*live.name, queue_id, {"AgeOfOldestQueueRecord": age_ms})

        drive(live.oldest_age_ms(), tell)
