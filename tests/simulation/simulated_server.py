"""The engine on a simulated store: called as the server calls it, minus HTTP, and crashed at will.

Rules:
- a request and its answer are documents of the wire, checked by the API's own table;
- `settle` hears of a call's outcome at the moment of its effect, its caller some steps later;
- a crash loses the calls that are under way: their callers see `ConnectionLost`, and
  `recovered` is told which calls those were, once the engine is open again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from headwater.api.held_answer import HeldAnswer
from headwater.api.operation import OPERATIONS
from headwater.api.streamed_answer import StreamedAnswer
from headwater.api.validation.constraints import accept
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.model.completion import Completion, drive
from headwater.model.errors import KinesisError
from headwater.storage.interface import StoreUnavailable
from headwater.wire.json_format import decode, encode
from tests.simulation.scheduler import Scheduler, Source
from tests.simulation.simulated_store import Disk, Faults, SimulatedStore

CALLER = Caller("123456789012", "eu-central-1")


class ConnectionLost(Exception):
    """The server went away before it answered: whether the call had its effect is not known."""


@dataclass
class Flight:
    """A call that is under way, or what came of it."""

    operation: str
    members: dict[str, Any]
    started: int
    """The step in which it began."""
    least_ms: int
    """The earliest time that the clock has shown meanwhile."""
    most_ms: int
    """The latest one."""
    failures_before: int
    met_others: bool
    """Whether others were served, or something was written, as it began: it may have waited for that."""
    ended: int = -1
    saw_failures: bool = False
    """Whether the store failed anybody meanwhile."""
    answer: Any = None
    error: Exception | None = None

    @property
    def code(self) -> str | None:
        """The name of the error that the caller sees; `None` for a success."""
        if self.error is None:
            return None
        return self.error.code if isinstance(self.error, KinesisError) else type(self.error).__name__


Settle = Callable[[Flight], None]


class SimulatedServer:
    """One process after the other on the same disk."""

    def __init__(
        self, scheduler: Scheduler, clock: ManualClock, transition_ms: int, faults: Faults, weight: float
    ) -> None:
        self.clock = clock
        self.transition_ms = transition_ms
        self.crashes = 0
        self.recovered: Callable[[list[Flight]], None] = lambda _flights: None
        self._scheduler = scheduler
        self._faults = faults
        self._disk = Disk()
        self._flights: dict[int, tuple[Flight, Settle, Completion[Any]]] = {}
        self._next_flight = 0
        scheduler.add_source(
            Source("the store commits", weight, lambda: self.store.has_pending, self._commit_some)
        )
        scheduler.add_source(Source("the store tells", weight, lambda: self.store.has_news, self._tell_one))
        self._open()

    @property
    def step(self) -> int:
        """The step that is under way."""
        return self._scheduler.now

    def call(self, operation: str, settle: Settle | None = None, **members: Any) -> Completion[Any]:
        """Begin a call. Its completion has the answer's document, or raises what the caller sees."""
        now_ms = self.clock.now_ms()
        flight = Flight(
            operation,
            members,
            self._scheduler.now,
            now_ms,
            now_ms,
            self.store.failures,
            bool(self._flights or self.work()),
        )
        answered = Completion[Any]()
        number = self._next_flight
        self._next_flight += 1
        self._flights[number] = (flight, settle or _unheard, answered)
        handler = OPERATIONS[operation].handler
        assert handler is not None
        try:
            request = accept(operation, encode(members))
        except KinesisError as error:
            self._finish(number, None, error)
        else:
            drive(handler(self.engine, CALLER, request), partial(self._finish, number))
        return answered

    def ask(self, operation: str, **members: Any) -> Any:
        """The answer of a call that is made at once, without a fault: for who looks at the whole."""
        outcome: list[tuple[Any, BaseException | None]] = []
        handler = OPERATIONS[operation].handler
        assert handler is not None
        request = accept(operation, encode(members))
        self.store.faults = Faults()
        drive(handler(self.engine, CALLER, request), lambda *ended: outcome.append(ended))
        self.store.finish()
        self.store.faults = self._faults
        answer, error = outcome[0]
        if error is not None:
            raise error
        return _document(answer)

    def clock_moved(self) -> None:
        """Take note of the time for the calls that are under way."""
        now_ms = self.clock.now_ms()
        for flight, _, _ in self._flights.values():
            flight.least_ms, flight.most_ms = min(flight.least_ms, now_ms), max(flight.most_ms, now_ms)

    def crash(self) -> None:
        """End the process without a word, and start another one."""
        self._reopen()

    def restart(self) -> None:
        """Close the engine as it should be, and start another one."""
        self.engine.close()
        self.store.finish()
        self._reopen()

    def end(self) -> None:
        """End the process; there will be no other one."""
        self._flights.clear()
        self.store.crash()

    def tick(self) -> None:
        """What the server does now and then."""
        self.engine.tick()

    def work(self) -> Callable[[], None] | None:
        """What the store has to do next; `None` when it has nothing to do."""
        if self.store.has_news:
            return self.store.tell_one
        return self.store.commit_some if self.store.has_pending else None

    def heal(self) -> None:
        """No fault from now on."""
        self._faults = Faults()
        self.store.faults = self._faults

    def _reopen(self) -> None:
        self.crashes += 1
        lost, self._flights = self._flights, {}
        self.store.crash()
        flights = [flight for flight, _, _ in lost.values()]
        self._open()
        for flight, settle, answered in lost.values():
            self._end(flight, None, ConnectionLost())
            settle(flight)
            self._scheduler.soon(f"{flight.operation} is lost", partial(answered.fail, flight.error))  # type: ignore[arg-type]  # it was set
        self.recovered(flights)

    def _commit_some(self) -> None:
        self.store.commit_some()

    def _tell_one(self) -> None:
        self.store.tell_one()

    def _open(self) -> None:
        self.store = SimulatedStore(self._disk, self._scheduler, self._faults)
        bits = Random(self._scheduler.chance.getrandbits(64))
        settings = Settings(transition_ms=self.transition_ms)
        self.engine = Engine(self.store, self.clock, settings, bits.randbytes)
        self.engine.open()

    def _finish(self, number: int, answer: Any, error: BaseException | None) -> None:
        if number not in self._flights:
            return  # of a process that is no more
        if isinstance(answer, HeldAnswer):
            drive(answer.answered(), partial(self._finish, number))
            return
        flight, settle, answered = self._flights.pop(number)
        if error is not None and not isinstance(error, KinesisError | StoreUnavailable):
            self._scheduler.fail(error)
            return
        try:
            self._end(flight, _document(answer), error)
            settle(flight)
        except AssertionError as failure:
            self._scheduler.fail(failure)
            return
        if flight.error is None:
            self._scheduler.soon(f"{flight.operation} answers", partial(answered.resolve, flight.answer))
        else:
            self._scheduler.soon(f"{flight.operation} fails", partial(answered.fail, flight.error))

    def _end(self, flight: Flight, answer: Any, error: Exception | None) -> None:
        flight.ended = self._scheduler.now
        flight.saw_failures = self.store.failures > flight.failures_before
        flight.answer, flight.error = answer, error
        told = flight.code or "done"
        self._scheduler.note(f"{flight.operation} {flight.members if answer == {} else ''} -> {told}")


def _document(answer: Any) -> Any:
    """The answer as a client has it."""
    if isinstance(answer, StreamedAnswer):
        return answer
    return decode(encode(answer)) if answer else {}


def _unheard(_flight: Flight) -> None:
    """Nobody keeps a book of this call."""
