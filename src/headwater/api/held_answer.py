"""An answer that may come later: the operation waits for something, as long as its client does."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec


class Unanswered(Exception):
    """A call that gets no answer; the message says why."""


class HeldAnswer(msgspec.Struct, frozen=True):
    """What an operation gives that waits."""

    answered: Callable[[], Coroutine[Any, None, Mapping[str, object]]]
    """Gives the answer, once it is there."""
    leave: Callable[[], None]
    """The client has gone: `answered` raises `Unanswered`, and nothing is done for the client any more."""
