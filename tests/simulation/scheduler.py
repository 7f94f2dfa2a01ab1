"""The one owner of chance: decides which of the steps that could come next does.

Whatever runs in a history is a step: an actor's next call, an answer on its way, a commit
of the store and the news of it, a move of the clock, a crash. Steps run one at a time, on
one thread, so a history is what the seed says and nothing else.

Rules:
- all chance comes from `chance`, in the order of the steps;
- nothing iterates over a set, whose order is not the seed's;
- the trace is a hash of every step and of what actors note: two runs of one seed have the
  same, whatever process they run in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

from headwater.model.completion import Completion, drive

Step = Callable[[], None]

LINES_KEPT = 60
"""Of a history's trace, for the report of a failure."""
READY_WEIGHT = 10.0
"""How likely a waiting step is to be next, beside the weights of the sources."""


class Source(NamedTuple):
    """A step that may be taken whenever it is ready, again and again."""

    name: str
    weight: float
    is_ready: Callable[[], bool]
    run: Step


class Scheduler:
    """Runs steps in an order of its own."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.now = 0
        """How many steps have begun: the order of events, whatever the clock says."""
        self.failure: BaseException | None = None
        self.last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._ready: list[tuple[str, Step]] = []
        self._sources: list[Source] = []
        self._running: list[Coroutine[Any, None, None]] = []
        self._hash = blake2b(digest_size=16)

    def add_source(self, source: Source) -> None:
        """Offer a step from now on."""
        self._sources.append(source)

    def soon(self, name: str, step: Step) -> None:
        """Let a step run once, at a moment that chance chooses."""
        self._ready.append((name, step))

    def turn(self, name: str) -> Completion[None]:
        """What a coroutine awaits so that others may come first."""
        completion = Completion[None]()
        self.soon(name, partial(completion.resolve, None))
        return completion

    def start(self, name: str, coroutine: Coroutine[Any, None, None]) -> None:
        """Run a coroutine that nobody waits for; its exception ends the history."""

        async def run() -> None:
            await self.turn(name)
            await coroutine

        running = run()
        self._running.append(running)
        drive(running, lambda _value, error: self.fail(error))

    def close(self) -> None:
        """End what still runs."""
        for running in self._running:
            running.close()

    def fail(self, error: BaseException | None) -> None:
        """End the history after this step, unless there is no error. The first one counts."""
        self.failure = self.failure or error

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now:>5} {text}"
        self.last_lines.append(line)
        self._hash.update(line.encode("utf-8", "surrogatepass") + b"\n")

    @property
    def trace(self) -> str:
        """The hash of all that has happened."""
        return self._hash.hexdigest()

    def step(self) -> None:
        """Run one step."""
        sources = [source for source in self._sources if source.is_ready()]
        ready_weight = READY_WEIGHT * len(self._ready)
        at = self.chance.random() * (ready_weight + sum(source.weight for source in sources))
        if at < ready_weight:
            name, step = self._ready.pop(min(int(at / READY_WEIGHT), len(self._ready) - 1))
        else:
            name, step = _chosen(sources, at - ready_weight)
        self._run(name, step)

    def run_waiting(self, work: Callable[[], Step | None], steps_max: int = 100_000) -> None:
        """Run what waits, and the other `work` when nothing does, until there is neither."""
        for _ in range(steps_max):
            if self._ready:
                self._run(*self._ready.pop(self.chance.randrange(len(self._ready))))
                continue
            step = work()
            if step is None:
                return
            self._run("the last work", step)
        raise AssertionError("the history does not come to an end")

    def _run(self, name: str, step: Step) -> None:
        self.now += 1
        self.note(name)
        step()
        if self.failure is not None:
            raise self.failure


def _chosen(sources: list[Source], at: float) -> tuple[str, Step]:
    for source in sources:
        at -= source.weight
        if at < 0:
            return source.name, source.run
    return sources[-1].name, sources[-1].run
