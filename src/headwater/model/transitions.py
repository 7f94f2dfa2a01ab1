"""Life cycles as tables: event → phase before → phase after.

A table is a dict of dicts that can be read without running it. `transitions` makes it strict: an
event in a phase for which the table has no line raises `IllegalTransition`, so none happens silently.

Refuses to know whose phases they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Phase = TypeVar("Phase", bound=str)
Event = TypeVar("Event", bound=str)


class IllegalTransition(Exception):
    """An event in a phase in which it cannot happen: a fault of this program."""


class PhaseChange(dict[Phase, Phase]):
    """One event: the phase after it, by the phase before it."""

    def __init__(self, event: str, leads: Mapping[Phase, Phase]) -> None:
        super().__init__(leads)
        self._event = event

    def __missing__(self, phase: Phase) -> Phase:
        raise IllegalTransition(f"'{self._event}' cannot happen in the phase '{phase}'")


def transitions(table: Mapping[Event, Mapping[Phase, Phase]]) -> dict[Event, PhaseChange[Phase]]:
    """The table, of which each event refuses what has no line."""
    return {event: PhaseChange(event, leads) for event, leads in table.items()}
