"""A server in front of the server: what answers the calls of a client is a test's to say."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import Self

import aiohttp
from aiohttp import web

from tests.waiting import RETRY_FOR_S

REQUEST_HEADERS = ("x-amz-target", "content-type", "authorization", "x-amz-date", "x-amz-security-token")
"""Of a call that is handed on."""


class Front(ABC):
    """Serves at `url`, in a thread of its own, until the block is left."""

    def __init__(self, endpoint_url: str) -> None:
        self._upstream = endpoint_url
        self.url = ""

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)))
        self._thread.start()
        self.url = started.result(RETRY_FOR_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._told_to_stop.set)
        self._thread.join()

    @abstractmethod
    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        """What the client gets, from the server behind or not."""

    async def hand_on(self, request: web.Request, body: bytes) -> web.Response:
        """The answer of the server behind, to the call or to another body with its headers."""
        headers = {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
        async with self._http.post(self._upstream, data=body, headers=headers) as response:
            kept = {"content-type": response.headers["content-type"]} if response.content_type else {}
            return web.Response(body=await response.read(), status=response.status, headers=kept)

    async def _answer(self, request: web.Request) -> web.Response:
        return await self.answer(request, await request.read())

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
