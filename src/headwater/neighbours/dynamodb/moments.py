"""The time and the randomness of a request to DynamoDB: given with it, so that a write can be made again.

What has a time or a random name in a table (its creation, the label of its stream, a change's id) comes
from the request's own moment. Made again later, the request leaves the same behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.core import utils
from moto.dynamodb.models import table
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom

_TIME_S: ContextVar[float | None] = ContextVar("_TIME_S", default=None)
_RANDOM: ContextVar[MotoRandom | None] = ContextVar("_RANDOM", default=None)
_IS_AGAIN: ContextVar[bool] = ContextVar("_IS_AGAIN", default=False)


@contextmanager
def at_moment(time_s: float, seed: int, is_again: bool) -> Iterator[None]:
    """What happens within has this time, and random values of this seed; it may have happened before."""
    time, random, again = _TIME_S.set(time_s), _RANDOM.set(MotoRandom(seed)), _IS_AGAIN.set(is_again)
    try:
        yield
    finally:
        _TIME_S.reset(time)
        _RANDOM.reset(random)
        _IS_AGAIN.reset(again)


def is_again() -> bool:
    """Whether the request was made, and answered, before."""
    return _IS_AGAIN.get()


def now_s() -> float:
    """The time in seconds since 1970."""
    time_s = _TIME_S.get()
    return utils.unix_time() if time_s is None else time_s


def random_uuid() -> str:
    """A random id."""
    return str((_RANDOM.get() or mock_random).uuid4())


def now() -> datetime:
    """The time, as moto has it: UTC that does not say so."""
    time_s = _TIME_S.get()
    if time_s is None:
        return utils.utcnow()
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def now_ms(time: datetime | None = None) -> float:
    """A time in milliseconds; without one, now."""
    return utils.unix_time_millis(time or now())


class _RequestRandom:
    """Random values, of the request if it has some."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_RANDOM.get() or mock_random, name)


MENDED: dict[str, Any] = {"utcnow": now, "unix_time_millis": now_ms, "mock_random": _RequestRandom()}
"""By the name that moto's tables have: what takes its place."""


@cache
def install() -> None:
    """Put `MENDED` into moto's tables, once for a process."""
    for name, replacement in MENDED.items():
        setattr(table, name, replacement)
