"""One history: chosen, run and ended by a seed, and what must hold when all is quiet again."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import NamedTuple

from headwater.model.clock import ManualClock
from tests.simulation.administrator import CHOICES, CONSUMER_NAMES, administrate, change
from tests.simulation.consumer import Consumer
from tests.simulation.fan_out_consumer import FanOutConsumer
from tests.simulation.prober import probe
from tests.simulation.producer import produce
from tests.simulation.scheduler import Scheduler, Source
from tests.simulation.simulated_server import SimulatedServer
from tests.simulation.simulated_store import Faults
from tests.simulation.stream_book import SERVING, StreamBook
from tests.simulation.world import World

NAMES = ("orders", "clicks")
START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
READS_MAX = 10_000


class Character(NamedTuple):
    """What kind of history it is: different ones find different mistakes."""

    steps: int
    transition_ms: int
    faults: Faults
    store_weight: float
    clock_weight: float
    strides_ms: tuple[int, ...]
    crash_weight: float
    producers: int
    consumers: int
    administrators: int
    changes: list[str]


class HistoryFailed(AssertionError):
    """Something in a history is not as it must be."""

    def __init__(self, seed: int, scheduler: Scheduler, failure: BaseException) -> None:
        lines = "\n".join(scheduler.last_lines)
        super().__init__(
            f"{failure}\n\nThe last steps:\n{lines}\n\nThis history again:\n"
            f"  python -m tests.simulation --seed {seed} --histories 1"
        )


def character(chance: Random) -> Character:
    """Draw what kind of history it is."""
    faulty = chance.random() < 0.6
    faults = Faults(
        failed_commits=chance.choice((0.0, 0.02, 0.15)) if faulty else 0.0,
        failed_reads=chance.choice((0.0, 0.02, 0.1)) if faulty else 0.0,
        late_reads=chance.choice((0.0, 0.1, 0.5)),
    )
    strides_ms: tuple[int, ...] = (1, 50, 700, 5_000)
    if chance.random() < 0.4:
        strides_ms += (-3_000, 310_000)
    if chance.random() < 0.4:
        strides_ms += (DAY_MS // 3, DAY_MS, DAY_MS + 1)
    changes = sorted(CHOICES)
    if chance.random() < 0.5:
        changes = [*chance.sample(changes, 4), "SplitShard", "MergeShards", "UpdateShardCount"]
    if chance.random() < 0.7:
        changes = [operation for operation in changes if operation != "DeleteStream"]
    return Character(
        steps=chance.choice((80, 200, 400)),
        transition_ms=chance.choice((0, 1, 200, 2_000)),
        faults=faults,
        store_weight=chance.choice((3.0, 10.0, 40.0)),
        clock_weight=chance.choice((1.0, 6.0, 20.0)),
        strides_ms=strides_ms,
        crash_weight=chance.choice((0.0, 0.1, 0.6)) if faulty else 0.0,
        producers=chance.randint(1, 4),
        consumers=chance.randint(1, 3),
        administrators=chance.randint(1, 5),
        changes=changes,
    )


class History:
    """A seed's history."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.scheduler = scheduler = Scheduler(seed)
        self._character = chosen = character(scheduler.chance)
        clock = ManualClock(START_MS + scheduler.chance.randrange(1000))
        server = SimulatedServer(scheduler, clock, chosen.transition_ms, chosen.faults, chosen.store_weight)
        names = list(NAMES[: scheduler.chance.randint(1, len(NAMES))])
        self._latest_ms = clock.now_ms()
        """The latest time that the clock has shown: it may have gone back since."""
        self._world = World(scheduler, clock, server, StreamBook(server, names), names)
        self._consumers: list[Consumer] = []
        self._fan_out = [
            FanOutConsumer(self._world, scheduler.chance.choice(names), consumer_name)
            for consumer_name in CONSUMER_NAMES
        ]

    def run(self) -> str:
        """Run to the end; the hash of the trace. Raises HistoryFailed."""
        try:
            self._begin()
            for _ in range(self._character.steps):
                self.scheduler.step()
            self._end()
        except Exception as failure:  # a fault may raise anything
            raise HistoryFailed(self._seed, self.scheduler, failure) from failure
        finally:
            self._world.server.end()
            self.scheduler.close()
        return self.scheduler.trace

    def _begin(self) -> None:
        world, chosen, start = self._world, self._character, self.scheduler.start
        if self.scheduler.chance.random() < 0.8:  # most histories are about streams that there are
            for operation in ("CreateStream", "IncreaseStreamRetentionPeriod"):
                for name in world.names:
                    start("an administrator", change(world, operation, name))
                self._quiet()
                self._advance(chosen.transition_ms)
        for _ in range(chosen.producers):
            start("a producer", produce(world))
        for _ in range(chosen.consumers):
            consumer = Consumer(world, self.scheduler.chance.choice(world.names))
            self._consumers.append(consumer)
            start("a consumer", consumer.run())
        for _ in range(chosen.administrators):
            start("an administrator", administrate(world, chosen.changes))
        for fan_out in self._fan_out:
            start("a fan-out consumer", fan_out.run())
        start("a prober", probe(world))
        for name, weight, run in (
            ("the clock moves", chosen.clock_weight, self._move_clock),
            ("a tick", 3.0, world.server.tick),
            ("a crash", chosen.crash_weight, world.server.crash),
            ("a restart", chosen.crash_weight / 4, world.server.restart),
        ):
            self.scheduler.add_source(Source(name, weight, lambda: True, run))

    def _move_clock(self) -> None:
        stride_ms = self.scheduler.chance.choice(self._character.strides_ms)
        if abs(stride_ms) > 10_000 and self.scheduler.chance.random() < 0.8:
            stride_ms = 1
        self._advance(stride_ms)

    def _advance(self, milliseconds: int) -> None:
        self._world.clock.advance_ms(milliseconds)
        self._latest_ms = max(self._latest_ms, self._world.clock.now_ms())
        self.scheduler.note(f"it is {self._world.clock.now_ms() - START_MS}")
        self._world.book.clock_moved()

    # The end

    def _end(self) -> None:
        """Let everybody finish without faults; then hold everything against the reference."""
        self._world.ending = True
        self._world.server.heal()
        self._quiet()
        self._check_subscriptions()
        set_back_ms = self._latest_ms - self._world.clock.now_ms()
        for _ in range(2):  # a transition that failed before is tried again
            self._advance(set_back_ms + self._character.transition_ms + 10_000)
            self._world.server.tick()
            self._quiet()
        for consumer in self._consumers:
            consumer.check_whole()
        self._check()
        self._world.server.crash()
        self._quiet()
        self._check()

    def _quiet(self) -> None:
        """Do what is left to be done, of the store and of those who wait, and nothing else."""
        self.scheduler.run_waiting(self._world.server.work)

    def _check(self) -> None:
        world = self._world
        assert world.server.engine.check() == []
        for name in world.names:
            world.book.recover([])
            state = world.stream(name).state
            assert state is None or state.due is None, f"{name} stays {state}"
            if state is not None and state.status in SERVING:
                self._walk(name)

    def _walk(self, name: str) -> None:
        """A consumer that comes now must get everything that is kept."""
        consumer = Consumer(self._world, name)
        step = partial(self._drive, consumer)
        step()
        listed = [
            shard["ShardId"] for shard in self._world.server.ask("ListShards", StreamName=name)["Shards"]
        ]
        for _ in range(READS_MAX):
            if consumer.has_read(listed):
                return
            step()
        raise AssertionError(f"a consumer of {name} does not come to an end")

    def _drive(self, consumer: Consumer) -> None:
        self.scheduler.start("the last consumer", consumer.step())
        self._quiet()

    def _check_subscriptions(self) -> None:
        """A subscription that nobody has ended has pushed everything, a paused one once it goes on."""
        subscribed = [shard for fan_out in self._fan_out for shard in fan_out.subscribed]
        for shard in subscribed:
            if shard.paused:
                shard.pause_or_resume()
            else:
                shard.check_whole()
        self._quiet()
        for shard in subscribed:
            if shard.is_alive:
                shard.check_whole()
                shard.stop()
