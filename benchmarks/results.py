"""What a run of the bench has measured, kept as JSON so that the report can be made again.

Two kinds: a `Rate` is one round of a scenario with one server; a `Figure` is anything else that was
measured once, or once a round, under a name. Both are medians only when they are asked for.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import msgspec


@dataclass(frozen=True)
class Rate:
    """One round of a scenario with one server."""

    scenario: str
    server: str
    round: int
    value: float
    """In the scenario's unit. No rate when there were errors."""
    cpu_us: float
    """Of the server, a request."""
    errors: str = ""


@dataclass(frozen=True)
class Figure:
    """One measured value."""

    name: str
    server: str
    value: float
    held: int = 0
    """How many records, connections or subscriptions the server held then, where that matters."""


@dataclass
class Results:
    """Everything, and what it was measured on."""

    date: str
    rounds: int
    seconds: int
    machine: dict[str, str]
    versions: dict[str, str]
    left_out: dict[str, str]
    """Servers and measurements that could not take part, and why."""
    is_complete: bool = False
    """All of a usual run was measured, or everything, and no more briefly than the default."""
    is_whole: bool = False
    """Everything was asked for."""
    rates: list[Rate] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def rates_of(self, scenario: str, server: str) -> list[Rate]:
        """Of the rounds without errors."""
        return [rate for rate in self.rates_or_errors_of(scenario, server) if not rate.errors]

    def rates_or_errors_of(self, scenario: str, server: str) -> list[Rate]:
        """Of all rounds."""
        return [rate for rate in self.rates if (rate.scenario, rate.server) == (scenario, server)]

    def failed_rounds_of(self, scenario: str, server: str) -> int:
        """How many rounds had errors."""
        return len(self.rates_or_errors_of(scenario, server)) - len(self.rates_of(scenario, server))

    def median_rate(self, scenario: str, server: str) -> float | None:
        """None without a round that had no errors."""
        values = [rate.value for rate in self.rates_of(scenario, server)]
        return statistics.median(values) if values else None

    def median_cpu_us(self, scenario: str, server: str) -> float | None:
        """Of the server, a request; None without a round that had no errors."""
        values = [rate.cpu_us for rate in self.rates_of(scenario, server)]
        return statistics.median(values) if values else None

    def figures_of(self, name: str, server: str) -> list[Figure]:
        """In the order in which they were measured."""
        return [figure for figure in self.figures if (figure.name, figure.server) == (name, server)]

    def median_figure(self, name: str, server: str) -> float | None:
        """None when it was not measured."""
        values = [figure.value for figure in self.figures_of(name, server)]
        return statistics.median(values) if values else None

    def save(self, path: Path) -> None:
        """Replace the file."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self)))

    @classmethod
    def load(cls, path: Path) -> Results:
        """What `save` has kept."""
        return msgspec.json.decode(path.read_bytes(), type=cls)
