"""Paths into JSON as AWS writes them: `$.detail.items[0]["odd name"]`.

Refuses to know what a path is for, and wildcards: no service's field that is read here has them.
"""

from __future__ import annotations

import re
from typing import Any

Steps = tuple[str | int, ...]

MISSING = object()
"""What is found where nothing is."""

_STEP = re.compile(r"""\.([\w-]+)|\[["']([^"']+)["']\]|\[(\d+)\]""")


class PathInvalid(ValueError):
    """A text is no path."""


def steps_of(path: str) -> Steps:
    """The names and indexes of a path. Raises `PathInvalid`."""
    if not path.startswith("$"):
        raise PathInvalid(f"{path} does not begin with $")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise PathInvalid(f"{path} cannot be read from {path[at:]} on")
        steps.append(int(step[3]) if step[3] else step[1] or step[2])
        at = step.end()
    return tuple(steps)


def value_at(document: Any, steps: Steps) -> Any:
    """What is there, or `MISSING`."""
    for step in steps:
        if isinstance(step, int):
            if not isinstance(document, list) or step >= len(document):
                return MISSING
        elif not isinstance(document, dict) or step not in document:
            return MISSING
        document = document[step]
    return document
