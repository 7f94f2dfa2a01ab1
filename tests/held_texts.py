"""What an object holds in memory, found as the garbage collector finds it."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType
from typing import Any


def held_texts(root: object, part: str) -> set[str]:
    """The strings with this part that an object holds, however far away; functions and classes aside."""
    seen: set[int] = set()
    found: set[str] = set()
    waiting: list[Any] = [root]
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, (type, ModuleType, FunctionType)):
            continue
        seen.add(id(held))
        if isinstance(held, str) and part in held:
            found.add(held)
        waiting += gc.get_referents(held)
        if isinstance(held, dict):  # keys that are all texts the collector passes over
            waiting += held
    return found
