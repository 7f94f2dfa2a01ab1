"""One request of a service at a time, and moments in which there is none at all.

Moto looks first and changes then, so that of two conditional writes at the same time both would win.

Rules:
- services wait for themselves only;
- who takes all turns waits for each a bounded time, and gives all back if one does not come: what is under
  way may itself be waiting for another service.

Refuses to know what is done in a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURN_TIMEOUT_S = 5.0


class TurnsBusy(Exception):
    """A service was busy for too long."""


class Turns:
    """The turns of all services of one server."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._held: list[asyncio.Lock] | None = None
        """While somebody has all turns: theirs."""
        self._whole = asyncio.Lock()

    @asynccontextmanager
    async def of(self, service: str) -> AsyncIterator[None]:
        """The service's turn."""
        lock = self._locks.get(service)
        if lock is None:
            lock = self._locks[service] = asyncio.Lock()
            if self._held is not None:
                await lock.acquire()  # nobody has it: that is no wait
                self._held.append(lock)
        async with lock:
            yield

    @asynccontextmanager
    async def of_all(self) -> AsyncIterator[None]:
        """The turns of all services. Raises `TurnsBusy`."""
        async with self._whole:
            held = self._held = []
            try:
                # What is deployed by CloudFormation asks others, and is waited for first.
                for name in sorted(self._locks, key=lambda name: name != "cloudformation"):
                    lock = self._locks[name]
                    if lock in held:
                        continue
                    try:
                        await asyncio.wait_for(lock.acquire(), TURN_TIMEOUT_S)
                    except TimeoutError as error:
                        raise TurnsBusy(name) from error
                    held.append(lock)
                yield
            finally:
                self._held = None
                for lock in held:
                    lock.release()
