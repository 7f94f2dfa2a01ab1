"""What the engine sees of a cluster: see `interface.Store`.

A log is a topic, a position is an offset, and metadata are what the commands in one topic have made.

How a change is committed:
1. the topics of new logs are made;
2. the change is proposed; where it lies among the commands decides whether its expectations hold;
3. if it seals logs, every producer that may write there is fenced, and the change is completed with the
   position at which each log ends; whoever sees a proposal without completion does the same after a while;
4. the topics of deleted logs are deleted.

Rules:
- everything runs on one event loop; what callers await are completions, which tasks of this store resolve;
- a command's effect is told at once where it is applied: changes of this gateway by their completions,
  those of others to the metadata's watchers, in one order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from math import inf
from typing import Any, TypeVar

from headwater.model.completion import Completion
from headwater.storage.interface import (
    Change,
    CommitTimes,
    Entry,
    Extent,
    LogPage,
    Metadata,
    Outcome,
    Run,
    StoreInDoubt,
    StoreUnavailable,
    metadata_key,
)
from headwater.storage.kafka import commands
from headwater.storage.kafka.cluster import Cluster, KafkaError
from headwater.storage.kafka.fence import close_log
from headwater.storage.kafka.log_extents import LogExtents
from headwater.storage.kafka.log_fates import MetadataFate, ShardLogFate
from headwater.storage.kafka.log_sender import Call, LogSender
from headwater.storage.kafka.log_topics import LogTopics
from headwater.storage.kafka.log_watch import LogWatch
from headwater.storage.kafka.membership import Membership
from headwater.storage.kafka.metadata_log import MetadataLog
from headwater.storage.kafka.patience import CALL_WITHIN_S, SWEEP_S
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.snapshot_format import UnknownSnapshot
from headwater.storage.kafka.snapshots import MetadataSnapshots
from headwater.storage.kafka.topic_reader import Gone, NotAnswered, TopicReader
from headwater.storage.kafka.topics import Topics
from headwater.storage.kafka.waiting_room import WaitingRoom

T = TypeVar("T")

ADOPT_S = 2.0
"""A proposal that has been pending for so long is completed by whoever sees it."""
RETRY_S = 0.1
LANES = 64


class _Commit:
    """A change that somebody waits for."""

    def __init__(self, change: Change, loop: asyncio.AbstractEventLoop) -> None:
        self.change = change
        self.completion: Completion[int] = Completion()
        self.is_told = False
        self.is_proposed = False
        self.is_undone = False
        """It is known to have had no effect, though perhaps not told yet."""
        self.decided: asyncio.Future[bool] = loop.create_future()


class KafkaStore:
    """One gateway's store."""

    is_shared = True
    trims_itself = True

    def __init__(
        self, cluster: Cluster, topics: Topics, log_error: Callable[[str], None], producer: Producer
    ) -> None:
        """Await `open` before anything else. `producer` has no id yet."""
        self.commit_times = CommitTimes()
        self._cluster = cluster
        self._topics = topics
        self._log_topics = LogTopics(cluster, topics, log_error)
        self._log_error = log_error
        self._loop = asyncio.get_running_loop()
        self._producer = producer
        self._snapshots = MetadataSnapshots(cluster, topics.snapshots, topics.meta)
        self._metadata = MetadataLog(
            cluster, topics.meta, self._on_effect, self._give_up, self._snapshots.newest, self._on_leap
        )
        self._membership = Membership(
            cluster, self._metadata, producer, self._snapshots, self._command, self._begin_anew, log_error
        )
        self._reader = TopicReader(cluster)
        self._watch = LogWatch(
            cluster, topics.log, lambda log_id: self._guard(partial(self._watch.call, log_id))
        )
        self._room, self._command_room = WaitingRoom(self.commit_times), WaitingRoom(CommitTimes())
        """Records never keep commands out."""
        self._senders: dict[int, LogSender] = {}
        self._commands = self._sender(topics.meta, 0, MetadataFate(), None)
        self._commits: dict[int, _Commit] = {}
        """Those that are proposed and not decided, by number."""
        self._last_number = 0
        self._extents = LogExtents(cluster, topics, self._metadata, self._watch)
        self.on_close: Callable[[], None] | None = None
        """Runs when the store is closed: for what belongs to it and is not in the cluster."""
        self._metadata_watchers: list[Callable[[Collection[str]], None]] = []
        self._adopted: set[int] = set()
        """Pending proposals that this gateway completes."""
        self._is_reader = False
        """Whether it is no gateway, and completes nothing."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._unavailable: str | None = None

    async def open(self) -> None:
        """Read the metadata and register. Raises `KafkaError`, `StoreUnavailable`."""
        await self._read_metadata()
        await self._membership.register()
        self._spawn(self._membership.beat())
        self._spawn(self._membership.forget_the_silent())
        self._sweep_late()
        for place in self._metadata.state.pending:
            self._spawn(self._adopt_later(place))

    async def open_to_read(self, *, has_snapshots: bool) -> None:
        """Read the metadata, and no more: nothing may be written. Raises `StoreUnavailable`."""
        self._is_reader = True
        await self._read_metadata(has_snapshots=has_snapshots)

    async def _read_metadata(self, *, has_snapshots: bool = True) -> None:
        """From the newest snapshot on, if there is one; for how long, says whoever opens the store."""
        try:
            if has_snapshots:
                await _until_answered(self._metadata.leap)
        except UnknownSnapshot as error:
            raise StoreUnavailable(
                f"the metadata in {self._topics.snapshots} cannot be read: {error}"
            ) from error
        self._metadata.start()
        await _until_answered(self._catch_up)

    def metadata(self) -> dict[str, Metadata]:
        """Every key, as far as commands have been read."""
        self._require_open()
        return dict(self._metadata.state.metadata)

    def metadata_of(self, key: str) -> Metadata | None:
        """One of them."""
        self._require_open()
        return self._metadata.state.metadata.get(key)

    async def catch_up(self) -> None:
        """Wait for every command that was there before this call. Raises `StoreUnavailable`."""
        self._require_open()
        await self._result(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                while True:
                    try:
                        return await self._metadata.catch_up()
                    except KafkaError:
                        await asyncio.sleep(RETRY_S)
        except TimeoutError:
            raise NotAnswered("Kafka does not say in time what the metadata are") from None

    def behind_s(self) -> float:
        """For how long it is not known whether the metadata are the newest; once it has failed, for ever."""
        if self._unavailable is not None:
            return inf
        return max(0.0, self._loop.time() - self._metadata.read_s)

    def extent(self, log_id: int) -> Extent | None:
        """What this gateway has seen of a log."""
        self._require_open()
        return self._extents.extent(log_id)

    # Records

    def append(self, entries: Sequence[Entry], waited_s: float = 0.0) -> Completion[list[Outcome]]:
        """Append each entry to its log."""
        sizes = [sum(map(len, payloads)) for _, _, payloads in entries]
        call = Call(len(entries), sum(sizes), self._room)
        since_s = self._loop.time() - waited_s
        if self._unavailable is not None or not entries:
            self._loop.call_soon(self._guard, partial(self._answer_at_once, call))
            return call.completion
        logs = self._metadata.state.logs
        for at, (log_id, _, payloads) in enumerate(entries):
            sender = self._senders.get(log_id)
            if sender is None:
                if log_id not in logs:
                    self._loop.call_soon(self._guard, partial(call.tell, at, None))
                    continue
                sender = self._senders[log_id] = self._sender(
                    self._topics.log(log_id),
                    log_id,
                    ShardLogFate(self._metadata, self._producer, log_id),
                    partial(self._on_stored, log_id),
                )
            sender.put(call, at, payloads, sizes[at], since_s)
        call.begin_to_wait()
        return call.completion

    def _on_stored(self, log_id: int, run: Run) -> None:
        if not self._watch.is_told_of(log_id):
            return
        seen = self._extents.extent(log_id)
        page = LogPage([run], seen.first if seen else 0, run.position + len(run.payloads))
        self._watch.appended(log_id, page)

    def _answer_at_once(self, call: Call) -> None:
        if self._unavailable is not None:
            call.completion.fail(StoreUnavailable(self._unavailable))
        else:
            call.completion.resolve([])

    def _sender(
        self,
        topic: str,
        lane: int,
        fate: ShardLogFate | MetadataFate,
        on_stored: Callable[[Run], None] | None,
    ) -> LogSender:
        return LogSender(
            topic,
            lane % LANES,
            self._cluster,
            self._producer,
            fate,
            self.commit_times,
            self._room if on_stored else self._command_room,
            self._guard,
            self._loop,
            on_stored,
        )

    async def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """Records from `position` on. Raises `StoreUnavailable`."""
        self._require_open()
        if self._is_open(log_id):
            page = self._watch.page(log_id, max(0, position), max_records, max_bytes)
            if page is not None:
                self._extents.see(log_id, page)
                return page
        return await self._result(self._read(log_id, position, max_records, max_bytes))

    async def _read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        log = self._metadata.state.logs.get(log_id)
        if log is None:
            return None
        try:
            page = await self._reader.page(
                self._topics.log(log_id),
                log_id % LANES,
                max(0, position),
                max_records,
                max_bytes,
                log.final,
                partial(self._is_gone, log_id),
            )
        except Gone:
            return None
        self._extents.see(log_id, page)
        return page

    async def find_extents(self, log_ids: Sequence[int]) -> list[Extent | None]:
        """The extents of logs as of now, whoever appended. Raises `StoreUnavailable`."""
        self._require_open()
        return await self._result(self._extents.find(log_ids))

    async def find(self, log_id: int, time_ms: int) -> int:
        """Position of the first kept record of that time or later. Raises `StoreUnavailable`."""
        self._require_open()
        return await self._result(self._find(log_id, time_ms))

    async def _find(self, log_id: int, time_ms: int) -> int:
        log = self._metadata.state.logs.get(log_id)
        if log is None:
            return 0
        try:
            found = await self._reader.find(
                self._topics.log(log_id), log_id % LANES, time_ms, partial(self._is_gone, log_id)
            )
        except Gone:
            return 0
        return found if log.final is None else min(found, log.final)

    def trim(self, log_id: int, position: int) -> Completion[None]:
        """Forget the records before `position`."""
        return self._result(self._trim(log_id, position))

    async def _trim(self, log_id: int, position: int) -> None:
        self._require_open()
        if self._is_gone(log_id) or position <= 0:
            return
        final = self._metadata.state.logs[log_id].final
        cut = position if final is None else min(position, final)
        is_gone = partial(self._is_gone, log_id)
        try:
            await self._reader.trim(self._topics.log(log_id), log_id % LANES, cut, is_gone)
        except Gone:
            return

    def _is_open(self, log_id: int) -> bool:
        log = self._metadata.state.logs.get(log_id)
        return log is not None and log.final is None and log.closing is None

    def _is_gone(self, log_id: int) -> bool:
        return log_id not in self._metadata.state.logs

    def watch(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the log has grown, was sealed or deleted."""
        self._require_open()
        return self._watch.add(log_id, callback)

    # Changes

    def watch_metadata(self, callback: Callable[[Collection[str]], None]) -> None:
        """Call `callback` with the keys that were not changed by a commit that resolved here."""
        self._metadata_watchers.append(callback)

    def commit(self, change: Change) -> Completion[int]:
        """Apply a change, or nothing of it. Raises `ValueError` for a key over 511 bytes, or empty."""
        for key in change.writes:
            metadata_key(key)
        commit = _Commit(change, self._loop)
        if self._unavailable is not None:
            error = StoreUnavailable(self._unavailable)
            self._loop.call_soon(self._guard, partial(self._tell, commit, error))
            return commit.completion
        if not change.create_logs:
            self._propose(commit)  # at once: such changes take effect in the order of the calls
        self._spawn(self._see_through(commit))
        self._loop.call_later(CALL_WITHIN_S, self._guard, partial(self._tell_late, commit))
        return commit.completion

    def _propose(self, commit: _Commit) -> None:
        self._last_number += 1
        commit.decided = self._loop.create_future()
        commit.is_proposed = True
        self._commits[self._last_number] = commit
        call = self._command(commands.propose(self._producer.id, self._last_number, commit.change))
        call.completion.on_done(partial(self._on_sent, self._last_number, call))

    def _on_sent(self, number: int, call: Call) -> None:
        """A command that Kafka will never take is not decided by being read."""
        (outcome,) = call.outcomes
        if not isinstance(outcome, StoreUnavailable) or isinstance(outcome, StoreInDoubt):
            return
        commit = self._commits.pop(number, None)
        if commit is not None:
            self._guard(partial(self._tell, commit, outcome))
            commit.decided.cancel()

    def _command(self, command: commands.Command) -> Call:
        data = commands.encode(command)
        call = Call(1, len(data), self._command_room)
        self._commands.put(call, 0, (data,), len(data), self._loop.time())
        return call

    async def _see_through(self, commit: _Commit) -> None:
        """Everything about a change that is not its proposal, before and after it."""
        change = commit.change
        await self._log_topics.make(change)
        if not commit.is_proposed:
            if commit.is_told:  # that nothing was changed
                await self._log_topics.remove(change.create_logs)
                return
            self._propose(commit)
        if await commit.decided:
            await self._log_topics.set(change)
            await self._log_topics.remove(change.delete_logs)
            return
        commit.is_undone = True
        if self._producer.id not in self._metadata.state.gateways:
            self._tell(
                commit, StoreUnavailable("nothing was changed: this gateway was given up by the others")
            )
        while self._is_locked(change):  # whoever asks again must find what kept this from being done
            await self._metadata.applied()
        await self._log_topics.remove(change.create_logs)  # before the same logs are asked for again
        self._tell(commit)

    def _is_locked(self, change: Change) -> bool:
        state = self._metadata.state
        logs = (state.logs.get(log_id) for log_id in (*change.seal_logs, *change.delete_logs))
        return state.is_locked((*change.writes, *change.expected)) or any(
            log is not None and log.closing is not None for log in logs
        )

    def _tell(self, commit: _Commit, error: StoreUnavailable | None = None, *, version: int = 0) -> None:
        if commit.is_told:
            return
        commit.is_told = True
        if error is not None:
            commit.completion.fail(error)
        else:
            commit.completion.resolve(version)

    def _tell_late(self, commit: _Commit) -> None:
        if commit.is_undone:
            self._tell(commit, StoreUnavailable("nothing was changed: Kafka does not tidy up in time"))
        elif commit.is_proposed:
            self._tell(commit, StoreInDoubt("Kafka has not said in time whether the change was made"))
        else:
            self._tell(commit, StoreUnavailable("nothing was changed: Kafka does not answer in time"))

    def _on_effect(self, effect: commands.Effect) -> None:
        """Tell of what a command has done, where it is applied."""
        commit = None
        if effect.proposal is not None and effect.proposal[0] == self._producer.id:
            commit = self._commits.pop(effect.proposal[1], None)
        if commit is not None and effect.is_applied and not commit.is_told:
            self._guard(partial(self._tell, commit, version=effect.version))
        elif effect.is_applied:
            for watcher in self._metadata_watchers:
                self._guard(partial(watcher, effect.keys))
        if commit is not None:
            commit.decided.set_result(effect.is_applied)
        for log_id in effect.logs:
            log = self._metadata.state.logs.get(log_id)
            if log is None:
                self._forget_log(log_id)
            if log is not None and log.closing is not None:
                self._on_closing(log.closing)
            else:
                self._tell_watchers(log_id)

    def _on_leap(self) -> None:
        """Of what this gateway has proposed in commands that were passed over, nobody knows what became."""
        own = self._metadata.state.gateways.get(self._producer.id)
        for number in [n for n in self._commits if own is not None and n <= own.last_number]:
            commit = self._commits.pop(number)
            doubt = StoreInDoubt("this gateway was silent for so long that what it asked for is forgotten")
            self._guard(partial(self._tell, commit, doubt))
            commit.decided.cancel()

    def _tell_watchers(self, log_id: int) -> None:
        self._guard(partial(self._watch.call, log_id))

    def _forget_log(self, log_id: int) -> None:
        self._extents.forget(log_id)
        sender = self._senders.get(log_id)
        if sender is not None and sender.is_idle:
            del self._senders[log_id]

    def _on_closing(self, place: int) -> None:
        if place in self._adopted or self._is_reader:
            return
        pending = self._metadata.state.pending[place]
        if pending.proposal.gateway == self._producer.id:
            self._adopted.add(place)
            self._spawn(self._complete(place, pending))
        else:
            self._spawn(self._adopt_later(place))

    async def _adopt_later(self, place: int) -> None:
        await asyncio.sleep(ADOPT_S)
        pending = self._metadata.state.pending.get(place)
        if pending is not None and place not in self._adopted:
            self._adopted.add(place)
            await self._complete(place, pending)

    async def _complete(self, place: int, pending: commands.Pending) -> None:
        """Fence the producers in the logs that a proposal seals, and say where these end."""
        finals = await asyncio.gather(
            *(
                close_log(self._cluster, self._topics.log(log_id), pending.gateways, log_id % LANES)
                for log_id in pending.logs
            )
        )
        self._command(commands.Complete(place, dict(zip(pending.logs, finals, strict=True))))
        while place in self._metadata.state.pending:
            await self._metadata.applied()
        self._adopted.discard(place)

    def _begin_anew(self) -> None:
        """The others have forgotten this gateway: nothing that it has under way can be trusted any more."""
        self._last_number = 0
        commits, self._commits = self._commits, {}
        for commit in commits.values():
            self._guard(partial(self._tell, commit, StoreInDoubt("this gateway was given up by the others")))
            commit.decided.cancel()

    # Ending

    def check(self) -> list[str]:
        """Every broken promise in what this gateway holds."""
        self._require_open()
        state = self._metadata.state
        found = [f"key {key!r} has version {m.version}" for key, m in state.metadata.items() if m.version < 1]
        closing = {log_id: log.closing for log_id, log in state.logs.items() if log.closing is not None}
        return found + [
            f"log {log_id} is being sealed by nobody"
            for log_id, place in closing.items()
            if place not in state.pending
        ]

    def close(self) -> None:
        """Stop: later calls fail with `StoreUnavailable`, and so does what waits."""
        if self._unavailable is None:
            self._give_up("The store is closed.")
        self._loop.create_task(self._cluster.close())
        if self.on_close is not None:
            self.on_close()

    def _give_up(self, reason: str) -> None:
        if reason != "The store is closed.":
            self._log_error(f"Kafka: {reason}")
        self._unavailable = reason
        self._metadata.close()
        self._watch.close()
        if self._sweep is not None:
            self._sweep.cancel()
        for task in self._tasks:
            task.cancel()
        for sender in (*self._senders.values(), self._commands):
            sender.close(reason)
        for commit in self._commits.values():
            self._guard(partial(self._tell, commit, StoreInDoubt(reason)))

    def _sweep_late(self) -> None:
        self._sweep = self._loop.call_later(SWEEP_S, self._sweep_late)
        self._cluster.sweep()
        now_s = self._loop.time()
        for sender in self._senders.values():
            sender.tell_the_late(now_s)

    def _require_open(self) -> None:
        if self._unavailable is not None:
            raise StoreUnavailable(self._unavailable)

    def _guard(self, call: Callable[[], None]) -> None:
        """Run what tells somebody; what that raises is the loop's to report."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a fault of whoever was told
            self._loop.call_exception_handler(
                {"message": "a callback of the store raised", "exception": error}
            )

    def _result(self, work: Coroutine[Any, Any, T]) -> Completion[T]:
        """The completion of work that is done in a task."""
        completion = Completion[T]()
        task = self._spawn(work)

        def tell(done: asyncio.Task[T]) -> None:
            if done.cancelled():
                completion.fail(StoreUnavailable(self._unavailable or "The store is closed."))
            elif (error := done.exception()) is not None:
                completion.fail(error)
            else:
                completion.resolve(done.result())

        task.add_done_callback(lambda done: self._guard(partial(tell, done)))
        return completion

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask for as long as brokers do not answer."""
    while True:
        try:
            return await ask()
        except NotAnswered:
            continue  # that took its time
