"""Where the statements of a resource policy stand in its text: AWS names a wrong one by line and column.

Rules:
- lines and columns count from 1, a column in characters; a place is that of the statement's first one;
- a line ends at a line feed, a carriage return, or both together;
- of a repeated member the last one counts, as for whoever reads the policy.

Takes texts that have been read as JSON with an object outside. Refuses to know what a statement says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_values = json.JSONDecoder(parse_int=str, parse_float=str)
"""Gives where a value ends; numbers may have any number of digits."""
_skip_space = re.compile(r"[ \t\r\n]*").match


class StatementPlace(NamedTuple):
    """A place in a text, as it prints."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def statement_places(policy: str) -> list[StatementPlace]:
    """The places of the statements: of each in a list, or of the one that stands alone."""
    start = None
    for name, value_at in _members(policy, _after_space(policy, 0)):
        if name == "Statement":
            start = value_at
    if start is None:
        return []
    starts = _items(policy, start) if policy[start] == "[" else [start]
    return [_place(policy, at) for at in starts]


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """The names in the object that begins here, and where their values begin."""
    at = _after_space(text, at + 1)
    while text[at] != "}":
        name, at = _values.raw_decode(text, at)
        value_at = _after_space(text, _after_space(text, at) + 1)
        yield name, value_at
        at = _next_in_container(text, value_at)


def _items(text: str, at: int) -> Iterator[int]:
    """Where the items of the list that begins here begin."""
    at = _after_space(text, at + 1)
    while text[at] != "]":
        yield at
        at = _next_in_container(text, at)


def _next_in_container(text: str, value_at: int) -> int:
    """After the value and the comma that may follow it."""
    _, at = _values.raw_decode(text, value_at)
    at = _after_space(text, at)
    return _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    found = _skip_space(text, at)
    assert found is not None, "no space at all is found, too"
    return found.end()


def _place(text: str, at: int) -> StatementPlace:
    lines = text[:at].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return StatementPlace(len(lines), len(lines[-1]) + 1)
