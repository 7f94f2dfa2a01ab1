"""What tests ask of tables of transitions: event → phase before → phase after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Table = Mapping[str, Mapping[Any, str]]


def reached_from(first: str, table: Table) -> set[str]:
    """All phases that some events lead to from the first one, which is among them."""
    reached: set[str] = set()
    due = [first]
    while due:
        phase = due.pop()
        if phase not in reached:
            reached.add(phase)
            due += [leads[phase] for leads in table.values() if phase in leads]
    return reached


def never_left(table: Table) -> set[str]:
    """The phases from which nothing leads to another one."""
    moves = [move for leads in table.values() for move in leads.items()]
    return {after for _, after in moves} - {before for before, after in moves if before != after}
