"""Exponential backoff with jitter: the one rule for the delay between two attempts.

Rules:
- the n-th delay doubles from the policy's first to its longest, and is shortened by up to
  half at random, so that those who failed together do not return together;
- what is tried again, and how soon, is a row of `RETRY_POLICIES`.

Refuses to know clocks, event loops and errors.
"""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

DOUBLINGS_MAX = 16
"""More doublings than any policy has: they keep the power a small number."""

Retried = Literal["command", "call", "put", "page", "lease write", "shard end", "handler", "dead letters"]
"""What is tried again."""


class RetryPolicy(NamedTuple):
    """The shortest and the longest delay before another attempt, in seconds."""

    first_s: float
    most_s: float

    def delay_s(self, attempts: int, rng: random.Random) -> float:
        """The delay after this many failed attempts, from 1."""
        longest_s = min(self.most_s, self.first_s * 2.0 ** min(attempts - 1, DOUBLINGS_MAX))
        return longest_s * rng.uniform(0.5, 1.0)


RETRY_POLICIES: dict[Retried, RetryPolicy] = {
    "command": RetryPolicy(0.1, 2.0),
    "call": RetryPolicy(0.1, 3.0),
    "put": RetryPolicy(0.1, 5.0),
    "page": RetryPolicy(0.2, 5.0),
    "lease write": RetryPolicy(0.05, 2.0),
    "shard end": RetryPolicy(0.1, 2.0),
    "handler": RetryPolicy(0.1, 30.0),
    "dead letters": RetryPolicy(0.1, 30.0),
}

SYSTEM_RNG = random.SystemRandom()
"""A source of random numbers without a state: a forked process draws other delays than its parent."""


class Backoff:
    """The delays of one retried call, each longer than the last."""

    def __init__(self, retried: Retried, rng: random.Random = SYSTEM_RNG) -> None:
        self._policy = RETRY_POLICIES[retried]
        self._rng = rng
        self._attempts = 0

    def delay_s(self) -> float:
        """The delay after one more failure."""
        self._attempts += 1
        return self._policy.delay_s(self._attempts, self._rng)

    def reset(self) -> None:
        """Start over with the shortest delay, after an attempt that succeeded."""
        self._attempts = 0
