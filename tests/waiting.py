"""How a test waits: for the event, and never for a time.

A machine that is busy with other work makes everything late, and nothing wrong. So a test looks until
what it waits for is there, and gives up only after so long that nothing but a fault explains it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

RETRY_FOR_S = 240.0
"""After which a test fails instead of hanging. It is no claim about how long anything takes."""

LOOK_EVERY_S = 0.005

T = TypeVar("T")


def awaited(look: Callable[[], T | None], what: str = "what was waited for") -> T:
    """What `look` finds, once it is something that counts as true."""
    give_up_at_s = time.monotonic() + RETRY_FOR_S
    while not (found := look()):
        assert time.monotonic() < give_up_at_s, f"{what} did not come"
        time.sleep(LOOK_EVERY_S)
    return found


def wait_until(condition: Callable[[], object], what: str = "what was waited for") -> None:
    """Until it holds."""
    awaited(condition, what)
