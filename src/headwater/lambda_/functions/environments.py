"""All execution environments of a server: kept warm, counted, and ended.

Rules:
- an environment runs one version in one generation; after a change of the function a new one
  begins, and the old one ends with what it has under way;
- a function with reserved concurrency has no more invocations at once than that; all functions
  together no more than the server's limit. What is beyond is refused, as at AWS;
- processes that wait count too: a new one takes the place of the one that has waited longest;
- one that was not used for `IDLE_S` is ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from headwater.lambda_.functions.execution_environment import Ended, ExecutionEnvironment
from headwater.lambda_.functions.function import Function, FunctionId, Version
from headwater.lambda_.functions.invocation import FunctionThrottled, FunctionUnavailable
from headwater.lambda_.functions.runtime_api import InvocationEvent
from headwater.server.http.listener import ListenError

IDLE_S = 300.0
SWEEP_S = 15.0
ATTEMPTS = 3
"""How often an event is given to another process, when one ends before it has the event."""


class ReservedConcurrencyReached(FunctionThrottled):
    """As many invocations of the function are under way as are reserved for it."""


class Place(NamedTuple):
    """The key of an environment: the version that it runs."""

    function: FunctionId
    version: str
    generation: str


Make = Callable[[Function, Version, Callable[[ExecutionEnvironment], None]], ExecutionEnvironment]


class Environments:
    """See the module's text."""

    def __init__(
        self,
        concurrency: int,
        make: Make,
        is_current: Callable[[Place], bool],
        on_begin: Callable[[FunctionId], None],
    ) -> None:
        """`make` gives a new environment; `is_current` tells whether one still is for something.

        `on_begin` is told of each invocation that is let in.
        """
        self._concurrency = concurrency
        self._make = make
        self._is_current = is_current
        self._on_begin = on_begin
        self._idle: dict[Place, list[ExecutionEnvironment]] = {}
        self._busy: set[ExecutionEnvironment] = set()
        self._busy_of: Counter[FunctionId] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def run(
        self, function: Function, version: Version, generation: str, event: InvocationEvent
    ) -> Ended:
        """Run one event. Raises `FunctionThrottled` and `FunctionUnavailable`."""
        self._admit(function)
        place = Place(function.id, version.version, generation)
        self._busy_of[function.id] += 1
        try:
            self._on_begin(function.id)
            for _ in range(ATTEMPTS):
                environment = self._take(place, function, version)
                try:
                    ended = await environment.invoke(event, version.timeout_s)
                except (ListenError, OSError) as error:
                    environment.is_spent = True
                    raise FunctionUnavailable(str(error)) from error
                except BaseException:
                    environment.is_spent = True
                    raise
                finally:
                    self._give_back(place, environment)
                if ended is not None:
                    return ended
            raise FunctionUnavailable("its processes end before they take an event")
        finally:
            self._busy_of[function.id] -= 1
            if not self._busy_of[function.id]:
                del self._busy_of[function.id]

    @property
    def are_quiet(self) -> bool:
        """Whether nothing is under way, so that nobody reads code that was replaced."""
        return not (self._busy or self._ending)

    def under_way(self, function: FunctionId) -> tuple[int, int]:
        """How many invocations are: of the function, and of all in its account and region."""
        place = function[:2]
        return self._busy_of[function], sum(
            count for other, count in self._busy_of.items() if other[:2] == place
        )

    def retire(self) -> None:
        """Functions have changed: end what waits and is for nothing any more."""
        for place in list(self._idle):
            if not self._is_current(place):
                for environment in self._idle.pop(place):
                    self._end(environment)

    async def end_all(self) -> None:
        """End every environment, also those that have something under way."""
        for environments in self._idle.values():
            for environment in environments:
                self._end(environment)
        self._idle.clear()
        for environment in self._busy:
            self._end(environment)
        while self._ending:
            ending = tuple(self._ending)
            await asyncio.gather(*ending, return_exceptions=True)
            # Here, too: where all are done already, nothing was waited for, and no callback ran.
            self._ending.difference_update(ending)

    async def close(self) -> None:
        """End every environment for good."""
        self._is_closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        await self.end_all()

    def _admit(self, function: Function) -> None:
        if self._is_closed:
            raise FunctionUnavailable("the server stops")
        reserved = function.reserved_concurrency
        if reserved is not None and self._busy_of[function.id] >= reserved:
            raise ReservedConcurrencyReached
        if self._busy_of.total() >= self._concurrency:
            raise FunctionThrottled

    def _take(self, place: Place, function: Function, version: Version) -> ExecutionEnvironment:
        waiting = self._idle.get(place, [])
        while waiting:
            environment = waiting.pop()
            if not waiting:
                self._idle.pop(place, None)
            if environment.is_ready:
                break
            self._end(environment)
        else:
            self._make_room()
            environment = self._make(function, version, self._on_spent)
        self._busy.add(environment)
        return environment

    def _give_back(self, place: Place, environment: ExecutionEnvironment) -> None:
        self._busy.discard(environment)
        if self._is_closed or not environment.is_ready or not self._is_current(place):
            self._end(environment)
            return
        environment.idle_since_s = asyncio.get_running_loop().time()
        self._idle.setdefault(place, []).append(environment)
        if self._sweep_timer is None:
            self._sweep_timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _make_room(self) -> None:
        """See to it that there are no more processes than may run at once."""
        waiting = [
            (environment.idle_since_s, place, environment)
            for place, environments in self._idle.items()
            for environment in environments
        ]
        if waiting and len(waiting) + len(self._busy) >= self._concurrency:
            _, place, oldest = min(waiting, key=lambda each: each[0])
            self._remove_idle(place, oldest)
            self._end(oldest)

    def _remove_idle(self, place: Place, environment: ExecutionEnvironment) -> None:
        waiting = self._idle[place]
        waiting.remove(environment)
        if not waiting:
            del self._idle[place]

    def _on_spent(self, environment: ExecutionEnvironment) -> None:
        """The process of one that waits has ended."""
        for place, environments in list(self._idle.items()):
            if environment in environments:
                self._remove_idle(place, environment)
                self._end(environment)

    def _end(self, environment: ExecutionEnvironment) -> None:
        task = asyncio.get_running_loop().create_task(environment.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep_timer = None
        for place, environments in list(self._idle.items()):
            for environment in tuple(environments):
                if loop.time() - environment.idle_since_s > IDLE_S:
                    self._remove_idle(place, environment)
                    self._end(environment)
        if self._idle:
            self._sweep_timer = loop.call_later(SWEEP_S, self._sweep)
