"""The engine: every stream by name, and the one way to change one.

A stream is an immutable value. `revise` computes its next value, commits it with the logs that come and
go, and only then shows it to anybody; when two changes meet, the store lets one win and the other one is
computed again from what it finds. So what a caller has been told is in the store, and a failed commit
leaves no trace.

Time has an effect in two ways: a request that finds something due applies it
first, and the server's tick applies what no request has asked about. Of several
engines over the same data, the one that holds the lease does the latter.

The engine refuses to know HTTP, JSON, files, and a clock or random bytes other than those passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from headwater.engine import shared_subscriptions, stored_values
from headwater.engine.account import AccountSettings
from headwater.engine.accounts import Accounts
from headwater.engine.active_subscription import ActiveSubscription, SubscriptionKey
from headwater.engine.kind_watchers import KindWatchers
from headwater.engine.limits.enforcement import Enforcement
from headwater.engine.limits.shard_budget import ShardBudget
from headwater.engine.metrics.log_sizes import LogSizes
from headwater.engine.metrics.metrics import Metrics
from headwater.engine.past_streams import NAME_KEY, REST_KEY, PastStreams
from headwater.engine.queues.key_kinds import KIND as QUEUE_KEY
from headwater.engine.queues.queues import Queues
from headwater.engine.retention import expire_all
from headwater.engine.revision import Revision
from headwater.engine.server_lease import KIND as LEASE_KEY
from headwater.engine.server_lease import LeaseStatus, ServerLease
from headwater.engine.settings import Settings
from headwater.engine.tokens.sealed_token import KEY_BYTES, Sealer
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.clock import Clock
from headwater.model.completion import Completion, begun, drive
from headwater.model.errors import ResourceInUseException, ResourceNotFoundException
from headwater.model.stream import HOUR_MS, NEVER_MS, Stream
from headwater.model.written_runs import WrittenRuns
from headwater.storage.interface import (
    Change,
    Extent,
    Metadata,
    Store,
    StoreUnavailable,
    StoreUnreadable,
)

if TYPE_CHECKING:
    from headwater.engine.channel_lifecycle import ChannelHost
    from headwater.engine.encryption_key import KeyDirectory
    from headwater.engine.live_stream import LiveStream

_RETENTION_SWEEP_MS = 10_000
_SERVER_ID_BYTES = 16

NOT_FENCED: Mapping[str, int] = MappingProxyType({})

RandomBytes = Callable[[int], bytes]
"""Returns the given number of random bytes."""

Stopwatch = Callable[[], float]
"""Gives seconds, from any beginning: how long a call takes has nothing to do with the time of streams."""


def _stands_still() -> float:
    return 0.0


class Engine:
    """All streams of all accounts and regions.

    Four ways to a stream: `stream` for operations on it, in any state; `serving` for its records;
    `settled` for the same on the hot path, when nothing is due; `live` for what must not wait.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        random_bytes: RandomBytes,
        stopwatch: Stopwatch = _stands_still,
    ) -> None:
        self.store = store
        self.settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self.stopwatch = stopwatch
        self.metrics = Metrics(clock)
        self.shard_budget = ShardBudget(settings.shard_limit)
        self.key_directory: KeyDirectory | None = None
        """The directory of KMS keys, if there is one."""
        self.channel_host: ChannelHost | None = None
        """Who delivers what channels are for, if anybody does."""
        self.log_sizes, self.written_runs = LogSizes(), WrittenRuns()
        server_id = random_bytes(_SERVER_ID_BYTES) if store.is_shared else b""
        self.lease = ServerLease(store, clock.now_ms, server_id, settings.server_name)
        """Whether this engine does what one alone does, of several over the same data."""
        self.queues = Queues(store, clock.now_ms, random_bytes, self.metrics)
        self._streams: dict[StreamName, LiveStream] = {}
        self._accounts = Accounts(store)
        self.past_streams = PastStreams()
        self._unsaved: dict[str, bytes] = {}
        """Metadata that the store may not hold yet."""
        self._last_arrival_ms = 0
        self._next_sweep_ms = 0
        self._ticking = False
        # Dicts for their order: who watched first is called first, in every run.
        self._stream_watchers: dict[StreamName, dict[Callable[[], None], None]] = {}
        self._time_watchers: dict[Callable[[int], None], None] = {self.written_runs.tick: None}
        self.kind_watchers = KindWatchers()
        self.subscriptions: dict[SubscriptionKey, ActiveSubscription] = {}
        self.subscribed_ms: dict[SubscriptionKey, int] = {}
        """When a subscription was last asked for with success, of the latest few seconds."""
        self.enforcement = Enforcement(self._streams, clock.now_ms, enforced=settings.enforce_limits)
        """Which streams are limited."""

    def open(self) -> None:
        """Find everything that the store holds. Call once, first.

        Raises `StoreUnreadable` for what nobody could have written.
        """
        metadata = self.store.metadata()
        for key, found in metadata.items():
            self._take_over(key, found)
        if stored_values.SEAL_KEY not in metadata:
            seal_key = self._random_bytes(KEY_BYTES)
            # Nobody waits for it: whatever is acknowledged later is committed after it. Should this
            # fail, the first stream brings it along, without which nothing is sealed.
            self._unsaved = {stored_values.SEAL_KEY: seal_key}
            saved = self.store.commit(Change(writes=self._unsaved, expected={stored_values.SEAL_KEY: 0}))
            saved.on_done(lambda: self._seal_key_saved(saved))
            self._seal_with(seal_key)
        self.store.watch_metadata(self._reload)

    def _seal_key_saved(self, saved: Completion[int]) -> None:
        with suppress(StoreUnavailable):
            saved.result()  # if 0, another engine's key has been taken over
            self._unsaved = {}

    def _seal_with(self, seal_key: bytes) -> None:
        if len(seal_key) != KEY_BYTES:
            raise ValueError(f"it has {len(seal_key)} bytes, not {KEY_BYTES}")
        self.iterators = Sealer(seal_key, b"iterator")
        self.pages = Sealer(seal_key, b"page")
        self.queues.receipts = Sealer(seal_key, b"receipt")

    def _reload(self, keys: Collection[str]) -> None:
        """Hold what the store has now of keys that were not changed from here."""
        for key in keys:
            self._take_over(key, self.store.metadata_of(key))
        self.queues.taken_over()

    def _take_over(self, key: str, found: Metadata | None) -> None:
        """Hold what one key has, if it is a key of ours."""
        kind = key.partition("/")[0]
        try:
            if kind == stored_values.STREAM_KEY:
                self._take_over_stream(key, found)
            elif kind == stored_values.ACCOUNT_KEY:
                self._accounts.take_over(key, found)
            elif kind in (NAME_KEY, REST_KEY):
                self.past_streams.take_over(key, found and found.value)
            elif kind == QUEUE_KEY:
                self.queues.take_over(key, found)
            elif kind == shared_subscriptions.KIND and found is not None:
                shared_subscriptions.end_superseded(key, self.subscriptions)
            elif kind == LEASE_KEY:
                self.lease.take_over(found)
            elif kind == stored_values.SEAL_KEY and found is not None:
                self._unsaved = {}
                self._seal_with(found.value)
            else:
                self.kind_watchers.tell(key, found)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError) as error:
            raise StoreUnreadable(f"The value of key {key!r} cannot be read: {error}") from error

    def _take_over_stream(self, key: str, found: Metadata | None) -> None:
        name = stored_values.name_in(key)
        live = self._streams.get(name)
        stream = stored_values.stored_stream(key, found.value) if found else None
        if live is not None and (stream is None or live.stream.created_ms != stream.created_ms):
            self._let_go(live)
            live = None
        if stream and found and live is None:
            self._add(stream, found.version)
            self._note_arrivals(stream)
        elif stream and found and live and live.version != found.version:  # others hold on to the live one
            self._forget_logs(live, live.stream.log_ids - stream.log_ids)
            live.follow(stream, found.version)
        self.queues.follow(name, stream, {key: found.version} if found else {})
        self._changed(name)

    def _forget_logs(self, live: LiveStream, log_ids: Collection[int]) -> None:
        if live.limits is not None:
            live.limits.forget(log_ids)
        self.log_sizes.forget(log_ids)

    def _let_go(self, live: LiveStream) -> None:
        """The stream is gone."""
        name = live.stream.full_name
        self._forget_logs(live, live.stream.log_ids)
        del self._streams[name]
        self.metrics.forget_stream(name)

    def close(self) -> None:
        """Finish what was begun and release the store."""
        self.store.close()

    @property
    def home(self) -> Caller:
        """The account and region of callers who name none."""
        return Caller(self.settings.account_id, self.settings.region)

    def now_ms(self) -> int:
        """The time now."""
        return self._clock.now_ms()

    def arrival_ms(self) -> int:
        """The arrival time of a record that is stored now: never earlier than one before it."""
        self._last_arrival_ms = max(self._last_arrival_ms, self._clock.now_ms())
        return self._last_arrival_ms

    def new_log_id(self) -> int:
        """A number that no log has had: 63 random bits."""
        return int.from_bytes(self._random_bytes(8), "big") >> 1

    # Finding streams

    def live(self, name: StreamName) -> LiveStream:
        """The stream as it is now, due transitions or not. Raises ResourceNotFoundException."""
        live = self._streams.get(name)
        if live is None:
            raise not_found(name)
        return live

    async def stream(self, name: StreamName) -> Stream:
        """The stream as of now, in any state. Raises ResourceNotFoundException."""
        live = self.live(name)
        if live.due_ms <= self._clock.now_ms():
            await self._advance(live)
            live = self.live(name)
        return live.stream

    def settled(self, name: StreamName) -> LiveStream | None:
        """The stream if it serves records and nothing about it is due; else `None`: `serving` knows more."""
        live = self._streams.get(name)
        if live is None or not live.serving:
            return None
        return live if live.due_ms == NEVER_MS or live.due_ms > self._clock.now_ms() else None

    async def serving(self, name: StreamName) -> LiveStream:
        """The stream if it takes and gives records.

        Raises ResourceNotFoundException for one that is CREATING or DELETING, too.
        """
        live = self._streams.get(name)
        if live is not None and live.due_ms <= self._clock.now_ms():
            await self._advance(live)
            live = self._streams.get(name)
        if live is None or not live.serving:
            raise not_found(name)
        return live

    async def streams_of(self, caller: Caller) -> list[Stream]:
        """The streams of one account and region, in the order of their names."""
        names = [name for name in self._streams if name[:2] == caller]
        for name in names:
            live = self._streams.get(name)
            if live is not None and live.due_ms <= self._clock.now_ms():
                await self._advance(live)
        return sorted(self.current_streams(caller), key=lambda stream: stream.name)

    def all_streams(self) -> list[Stream]:
        """The streams of all accounts and regions as they are in memory."""
        return [live.stream for live in self._streams.values()]

    def current_streams(self, caller: Caller) -> list[Stream]:
        """The streams of one account and region as they are in memory, due transitions or not."""
        return [live.stream for name, live in self._streams.items() if name[:2] == caller]

    def knows_account(self, account_id: str) -> bool:
        """Whether it is the server's own account, or one that has a stream or a setting anywhere."""
        return (
            account_id == self.settings.account_id
            or any(name.account_id == account_id for name in self._streams)
            or any(caller.account_id == account_id for caller in self._accounts.callers())
        )

    def behind_s(self) -> float:
        """For how long it may have missed what other engines have changed; see `Store.behind_s`."""
        return self.store.behind_s()

    def lease_status(self) -> LeaseStatus | None:
        """Who does what one server alone does; `None` where there is but one."""
        return self.lease.status()

    def stream_count(self) -> int:
        """How many streams there are in all accounts and regions."""
        return len(self._streams)

    # Changing streams

    async def create(self, name: StreamName, make: Callable[[], Stream]) -> None:
        """Add a new stream and its logs; it may be made more than once.

        None of its name may have come and gone meanwhile. Raises ResourceInUseException when there is one.
        """
        key, past_key = stored_values.stream_key(name), self.past_streams.key(name)
        while True:
            past = self.store.metadata_of(past_key)
            stream = make()
            log_ids = [shard.log_id for shard in stream.shards]
            writes = {**self._unsaved, **self.past_streams.writes_to_forget(name)}
            expected = {key: 0, past_key: past.version if past else 0, **dict.fromkeys(self._unsaved, 0)}
            keep_ms = dict.fromkeys(log_ids, stream.retention_hours * HOUR_MS)
            writes[key] = msgspec.msgpack.encode(stream)
            version = await self.store.commit(Change(writes, expected, log_ids, keep_ms=keep_ms))
            if version:
                break
            if name in self._streams:
                raise ResourceInUseException(f"Stream {stream.label} already exists.")
        self._unsaved = {}
        self.past_streams.forget(name)
        self._add(stream, version)

    def _add(self, stream: Stream, version: int) -> None:
        from headwater.engine.live_stream import LiveStream  # noqa: PLC0415 - for the first stream

        name = stream.full_name
        live = self._streams[name] = LiveStream(stream, version, self.metrics.stream(name))
        self.enforcement.begin(live)
        self.queues.follow(name, stream, {stored_values.stream_key(name): version})

    async def revise(self, name: StreamName, change: Callable[[Stream], Revision]) -> Stream | None:
        """Commit what `change` makes of the stream; it may be called more than once.

        Returns the new value. Raises ResourceNotFoundException, and whatever `change` raises.
        """
        while True:
            await self.stream(name)
            live = self.live(name)
            if await self._commit(live, change(live.stream)):
                return live.stream if name in self._streams else None

    async def replace(self, name: StreamName, change: Callable[[Stream], Stream]) -> Stream:
        """Commit a new value of a stream that keeps its logs; see `revise`."""
        stream = await self.revise(name, lambda current: Revision(change(current)))
        assert stream is not None
        return stream

    async def _commit(
        self, live: LiveStream, revision: Revision, fence: Mapping[str, int] = NOT_FENCED
    ) -> bool:
        """Whether the revision of the present value was committed; if so, it is the present one.

        `fence`: what else must hold, of a lease under which it is made.
        """
        if revision.stream == live.stream:
            return True
        # 1. Write the next value, or in a removed stream's place the last second that it gave out.
        name, version = live.stream.full_name, live.version
        gone: dict[StreamName, int] = {}
        if revision.stream is None:
            gone[name] = self._latest_s(live.stream)
            writes = {stored_values.stream_key(name): None, **self.past_streams.writes(gone)}
        else:
            writes = {stored_values.stream_key(name): msgspec.msgpack.encode(revision.stream)}
        writes |= {**revision.writes, **self.queues.writes_to_forget(live.stream, revision.stream)}
        # 2. Commit it with its logs, if the stored version is still the one that it was made from.
        change = Change(
            writes=writes,
            expected={stored_values.stream_key(name): version, **revision.expected, **fence},
            create_logs=revision.create_logs,
            seal_logs=revision.seal_logs,
            delete_logs=revision.delete_logs,
            keep_ms=revision.keep_ms(live.stream),
        )
        if not await self.store.commit(change):
            return False
        # 3. Only now let others see it.
        if revision.stream is None:
            self.past_streams.remember(gone)
            self._let_go(live)
        else:
            self._forget_logs(live, revision.delete_logs)
            live.follow(revision.stream, version + 1)
        self.queues.follow(name, revision.stream, {stored_values.stream_key(name): version + 1})
        self._changed(name)
        return True

    def _latest_s(self, stream: Stream) -> int:
        """The latest second that anybody can have been given for the stream or its records."""
        from headwater.engine import stream_lifecycle  # noqa: PLC0415 - for the first stream

        return max(stream_lifecycle.latest_second(stream), self.arrival_ms() // 1000)

    # Checking

    def check(self) -> list[str]:
        """Every broken promise, the store's and the engine's own, in plain words; empty when all is well.

        Of a store that reads at once; `check_slowly` is for others.
        """
        return begun(self.check_slowly()).result()

    async def check_slowly(self) -> list[str]:
        """The same, while others may go on changing what is shared."""
        from headwater.engine.checking import check_all  # noqa: PLC0415 - as asked for

        streams, progress = self.all_streams(), self.queues.progress()
        return [*self.store.check(), *await check_all(streams, progress, self.store, self._current)]

    def _current(self, stream: Stream) -> Stream | None:
        """The present value of a stream of which an earlier value is given; `None` when it is gone."""
        live = self._streams.get(stream.full_name)
        return live.stream if live is not None and live.stream.created_ms == stream.created_ms else None

    # Watching

    def watch_stream(self, name: StreamName, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change of the stream; returns the function that ends the watch."""
        watchers = self._stream_watchers.setdefault(name, {})
        watchers[callback] = None

        def unwatch() -> None:
            watchers.pop(callback, None)
            if not watchers and self._stream_watchers.get(name) is watchers:
                del self._stream_watchers[name]

        return unwatch

    def watch_time(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call `callback` with the time at each tick; returns the function that ends the watch."""
        self._time_watchers[callback] = None
        return partial(self._time_watchers.pop, callback, None)

    def _changed(self, name: StreamName) -> None:
        for callback in tuple(self._stream_watchers.get(name, ())):
            callback()
        if self.channel_host:
            live = self._streams.get(name)
            self.channel_host.stream_changed(None if live is None else live.stream)

    def watch_log(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit that changed a shard's log; returns what ends the watch."""
        return self.store.watch(log_id, callback)

    # What others need of the store

    def extent(self, log_id: int) -> Extent | None:
        """The positions that a shard's log holds now; `None` when it is gone."""
        return self.store.extent(log_id)

    def metadata_of(self, *kinds: str) -> Iterator[tuple[str, bytes]]:
        """The keys `<kind>/…` of these kinds, which are not the engine's own, and their committed values."""
        for key, (_, value) in self.store.metadata().items():
            if key.partition("/")[0] in kinds:
                yield key, value

    def write_metadata(
        self, writes: Mapping[str, bytes | None], expected: Mapping[str, int] = NOT_FENCED
    ) -> Completion[int]:
        """Commit values of such keys, `None` to remove one, all or none, if the `expected` versions hold.

        Resolves as `Store.commit` does. Raises `StoreUnavailable`.
        """
        return self.store.commit(Change(writes=writes, expected=expected))

    # Account settings

    def account(self, caller: Caller) -> AccountSettings:
        """The settings of an account in a region, as of now."""
        return self._accounts.settings(caller)

    async def revise_account(
        self, caller: Caller, change: Callable[[AccountSettings], AccountSettings]
    ) -> AccountSettings:
        """Commit new settings of an account in a region and return them."""
        return await self._accounts.revise(caller, change)

    async def reset(self) -> None:
        """Forget every stream, record and setting of every account; not which seconds the streams had."""
        log_ids = [shard.log_id for live in self._streams.values() for shard in live.stream.shards]
        keys = [stored_values.stream_key(name) for name in self._streams]
        keys += [stored_values.account_key(caller) for caller in self._accounts.callers()]
        keys += self.queues.keys()
        gone = {name: self._latest_s(live.stream) for name, live in self._streams.items()}
        writes = {**dict.fromkeys(keys), **self.past_streams.writes(gone)}
        await self.store.commit(Change(writes=writes, delete_logs=log_ids))
        self.past_streams.remember(gone)
        for name in gone:
            self.queues.follow(name, None, {})
        self._streams.clear()
        self._accounts.clear()
        self.enforcement.reset()
        self.log_sizes.forget(log_ids)
        self.metrics.clear()
        self._last_arrival_ms = 0  # no record is left that another one could precede
        for name in tuple(self._stream_watchers):
            self._changed(name)
        if self.channel_host:
            self.channel_host.stream_changed(None)

    # Time

    def tick(self) -> None:
        """Apply what has become due and nobody asked about. Cheap when nothing has."""
        now_ms = self._clock.now_ms()
        self.lease.tick(now_ms)
        self.metrics.gather()
        self.metrics.roll()
        self.log_sizes.gather()
        self.queues.tick(now_ms)
        for callback in tuple(self._time_watchers):
            callback(now_ms)
        due = any(live.due_ms <= now_ms for live in self._streams.values())
        if self._ticking or not self.lease.is_held or not (due or now_ms >= self._next_sweep_ms):
            return
        self._ticking = True
        drive(self._catch_up(now_ms), self._caught_up)

    def _caught_up(self, _value: None, error: BaseException | None) -> None:
        self._ticking = False
        # A store that cannot write now is asked again at the next tick.
        if error is not None and not isinstance(error, StoreUnavailable):
            raise error

    async def _catch_up(self, now_ms: int) -> None:
        for live in list(self._streams.values()):
            if live.due_ms <= now_ms:
                await self._advance(live, self.lease.fence())
        if now_ms >= self._next_sweep_ms:
            self._next_sweep_ms = now_ms + _RETENTION_SWEEP_MS
            await self.queues.remove_orphans(self.lease.fence())
            if self._streams and not self.store.trims_itself:
                await expire_all(self.store, self._streams, self._clock.now_ms)

    async def _advance(self, live: LiveStream, fence: Mapping[str, int] = NOT_FENCED) -> None:
        """Commit what is due; `fence`: under which lease. Whoever comes meanwhile waits for its end.

        When the store cannot take it now, the stream stays as it is: it can still be read,
        and the next one who finds something due tries again.
        """
        from headwater.engine.stream_lifecycle import advance  # noqa: PLC0415 - for the first stream

        if live.awaiting_move is not None:
            moved = Completion[None]()
            live.awaiting_move.append(moved)
            await moved
            return
        awaiting: list[Completion[None]] = []
        live.awaiting_move = awaiting
        try:
            with suppress(StoreUnavailable):
                revision = advance(live.stream, self._clock.now_ms(), self.new_log_id)
                await self._commit(live, revision, fence)
                await self._follow_load(live)
        finally:
            live.awaiting_move = None
            for moved in awaiting:
                moved.resolve(None)

    async def _follow_load(self, live: LiveStream) -> None:
        """Begin to scale a limited on-demand stream as its load asks for."""
        stream, limits, now_ms = live.stream, live.limits, self._clock.now_ms()
        if limits is None or self._streams.get(stream.full_name) is not live:
            return
        from headwater.engine.limits.on_demand_scaling import scaling_step  # noqa: PLC0415 - as asked for
        from headwater.engine.stream_lifecycle import advance, begin  # noqa: PLC0415 - for the first stream

        account = Caller(*stream.full_name[:2])
        room = self.shard_budget.room(account, self.current_streams(account))
        step = scaling_step(stream, limits, room, now_ms)
        live.await_next()
        if step is not None:
            scaling = begin(stream, "UPDATING", step, now_ms + self.settings.transition_ms)
            if await self._commit(live, Revision(scaling)) and live.due_ms <= now_ms:
                await self._commit(live, advance(live.stream, now_ms, self.new_log_id))

    def _note_arrivals(self, stream: Stream) -> None:
        extents = (self.store.extent(log_id) for log_id in stream.log_ids)
        times = (extent.last_time_ms for extent in extents if extent is not None)
        self._last_arrival_ms = max(self._last_arrival_ms, *times, 0)


def not_found(name: StreamName) -> ResourceNotFoundException:
    """The answer for a stream that does not exist, or does not serve records."""
    return ResourceNotFoundException(f"Stream {name.name} under account {name.account_id} not found.")
