"""DynamoDB with bad days: a server in front of the server, that fails by chance.

A call may be throttled, answered with an internal error, held back, or cut off, before it
is handed on or after that. The same seed and the same calls give the same faults.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Self

import aiohttp
from aiohttp import web

FAULTS = {"throttled": 0.04, "failed": 0.03, "held back": 0.03, "cut before": 0.02, "cut after": 0.03}
"""What happens to a call, and how likely it is."""
LONGEST_DELAY_S = 1.0
ERRORS = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "failed": (500, "InternalServerError"),
}
REQUEST_HEADERS = ("x-amz-target", "content-type", "authorization", "x-amz-date", "x-amz-security-token")
TYPE_PREFIX = "com.amazonaws.dynamodb.v20120810#"


class FaultyFront:
    """Hands calls on, or not."""

    def __init__(self, endpoint_url: str, seed: int) -> None:
        self._upstream = endpoint_url
        self._chance = random.Random(seed)
        self._fired: Counter[str] = Counter()
        self.url = ""
        self._is_faulty = False

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)))
        self._thread.start()
        self.url = started.result(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._told_to_stop.set)
        self._thread.join()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Calls fail until the block is left; each kind of fault must have happened by then."""
        self._is_faulty = True
        yield
        self._is_faulty = False
        assert set(self._fired) == set(FAULTS)

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        async with aiohttp.ClientSession(auto_decompress=False) as self._http:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            started.set_result(f"http://{host}:{port}")
            await self._told_to_stop.wait()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        fault = self._drawn()
        if fault in ERRORS:
            status, code = ERRORS[fault]
            return web.json_response({"__type": TYPE_PREFIX + code, "message": fault}, status=status)
        if fault == "held back":
            await asyncio.sleep(self._chance.uniform(0.0, LONGEST_DELAY_S))
        if fault == "cut before":
            return self._cut(request)
        headers = {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
        async with self._http.post(self._upstream, data=body, headers=headers) as response:
            answer = web.Response(
                body=await response.read(),
                status=response.status,
                headers={"content-type": response.headers["content-type"]},
            )
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
