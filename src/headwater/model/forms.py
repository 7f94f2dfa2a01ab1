"""What many records have in common, as a form that is filled in for all of them at once.

Refuses to know what the form says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def filled_in(form: bytes, count: int, *columns: Iterable[object]) -> bytes:
    """So many forms one after another, with what each column has for each of them; two columns or more.

    Raises ValueError for a column that has more or fewer values.
    """
    places = len(columns)
    values: list[Any] = [None] * (places * count)
    for at, column in enumerate(columns):
        values[at::places] = column  # takes a fifth less than zipping, for all of the answer
    return form * count % tuple(values)


def literal(part: bytes) -> bytes:
    """A part of a form that stands for itself."""
    return part.replace(b"%", b"%%")
