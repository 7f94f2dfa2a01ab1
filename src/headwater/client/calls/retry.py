"""A call made again while its failure may pass."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.timing import Timing

_log = logging.getLogger("headwater.client")

Answer = TypeVar("Answer")


async def retry(call: Callable[[], Awaitable[Answer]], timing: Timing, retry_for_s: float) -> Answer:
    """The answer of a call, repeated after transient errors for `retry_for_s` seconds.

    Raises the last `ClientError`.
    """
    backoff = Backoff("call", timing.rng)
    give_up_at_s = timing.now_s() + retry_for_s
    while True:
        try:
            return await call()
        except ClientError as error:
            if not is_transient(error) or timing.now_s() >= give_up_at_s:
                raise
            _log.warning("trying again: %s", error)
        await timing.sleep(backoff.delay_s())
