"""How long a record that was refused rests before it is sent again."""

from __future__ import annotations

import random

FIRST_S = 0.1
LIMIT_S = 5.0


def retry_delay_s(attempts: int) -> float:
    """After so many attempts: doubles from `FIRST_S` to `LIMIT_S`, shortened by up to half by chance."""
    longest_s = min(LIMIT_S, FIRST_S * 2.0 ** min(attempts - 1, 16))
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
