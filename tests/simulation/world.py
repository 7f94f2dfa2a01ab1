"""What everybody in a history shares: the scheduler, the server, the reference, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from headwater.model.clock import ManualClock
from tests.simulation.scheduler import Scheduler
from tests.simulation.simulated_server import SimulatedServer
from tests.simulation.stream_book import ExpectedStream, StreamBook


@dataclass
class World:
    """One history."""

    scheduler: Scheduler
    clock: ManualClock
    server: SimulatedServer
    book: StreamBook
    names: list[str]
    ending: bool = False
    """Whether everybody is to stop before the next call."""
    sent: int = 0
    """Records sent so far."""

    @property
    def chance(self) -> Random:
        return self.scheduler.chance

    def stream(self, name: str) -> ExpectedStream:
        return self.book.streams[name]

    def born(self, name: str) -> int | None:
        """Which of the streams of this name there is now."""
        state = self.stream(name).state
        return None if state is None else state.born
