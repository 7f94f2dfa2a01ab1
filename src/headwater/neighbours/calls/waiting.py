"""The wait of a neighbour's thread for a resource that is in transition.

Refuses to know what is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

Found = TypeVar("Found")

STABLE_TIMEOUT_S = 120.0
LOOK_AGAIN_S = 0.02


def wait_for(look: Callable[[], Found | None]) -> Found | None:
    """The first thing that `look` finds; None when that takes more than `STABLE_TIMEOUT_S`."""
    deadline_s = monotonic() + STABLE_TIMEOUT_S
    while monotonic() < deadline_s:
        found = look()
        if found is not None:
            return found
        look_again_later()
    return None


def look_again_later() -> None:
    """Let a moment pass in which a transition may end."""
    sleep(LOOK_AGAIN_S)
