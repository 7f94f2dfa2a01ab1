"""DynamoDB with bad days: a server in front of the server, that fails by chance.

A call may be throttled, answered with an internal error, held back, or cut off, before it
is handed on or after that. The same seed and the same calls give the same faults.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.client.front import Front

FAULTS = {"throttled": 0.04, "failed": 0.03, "held back": 0.03, "cut before": 0.02, "cut after": 0.03}
"""What happens to a call, and how likely it is."""
LONGEST_DELAY_S = 1.0
ERRORS = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "failed": (500, "InternalServerError"),
}
TYPE_PREFIX = "com.amazonaws.dynamodb.v20120810#"


class FaultyFront(Front):
    """Hands calls on, or not."""

    def __init__(self, endpoint_url: str, seed: int) -> None:
        super().__init__(endpoint_url)
        self._chance = random.Random(seed)
        self._fired: Counter[str] = Counter()
        self._is_faulty = False

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Calls fail until the block is left; each kind of fault must have happened by then."""
        self._is_faulty = True
        yield
        self._is_faulty = False
        assert set(self._fired) == set(FAULTS)

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        fault = self._drawn()
        if fault in ERRORS:
            status, code = ERRORS[fault]
            return web.json_response({"__type": TYPE_PREFIX + code, "message": fault}, status=status)
        if fault == "held back":
            await asyncio.sleep(self._chance.uniform(0.0, LONGEST_DELAY_S))
        if fault == "cut before":
            return self._cut(request)
        answer = await self.hand_on(request, body)
        return self._cut(request) if fault == "cut after" else answer

    def _drawn(self) -> str | None:
        if not self._is_faulty:
            return None
        drawn = self._chance.choices([*FAULTS, None], [*FAULTS.values(), 1.0 - sum(FAULTS.values())])[0]
        if drawn is not None:
            self._fired[drawn] += 1
        return drawn

    @staticmethod
    def _cut(request: web.Request) -> web.Response:
        """End the connection without an answer."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
