"""A server in front of the server, that refuses some records of PutRecords as a test likes it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, Self

import aiohttp
from aiohttp import web


class Seen(NamedTuple):
    """One record of a PutRecords call."""

    data: bytes
    partition_key: str


class RefuseCall(Exception):
    """Answer a whole call with an error of this code."""


Decide = Callable[[list[Seen]], list[str | None]]
"""Gives the error's code for each record that is refused."""


class RefusingFront:
    """Hands all calls on, and of PutRecords only the records that are not refused."""

    def __init__(self, endpoint_url: str, decide: Decide) -> None:
        self._upstream = endpoint_url
        self._decide = decide
        self.calls: list[list[Seen]] = []
        """The records of each PutRecords."""
        self.url = ""

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)))
        self._thread.start()
        self.url = started.result(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._told_to_stop.set)
        self._thread.join()

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        async with aiohttp.ClientSession() as self._http:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            started.set_result(f"http://{host}:{port}")
            await self._told_to_stop.wait()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not request.headers["x-amz-target"].endswith(".PutRecords"):
            status, answer = await self._hand_on(request, body)
            return web.json_response(answer, status=status)
        members = json.loads(body)
        records = members["Records"]
        seen = [Seen(base64.b64decode(record["Data"]), record["PartitionKey"]) for record in records]
        self.calls.append(seen)
        try:
            codes = self._decide(seen)
        except RefuseCall as error:
            return web.json_response({"__type": str(error), "message": "refused"}, status=400)
        kept = [record for record, code in zip(records, codes, strict=True) if code is None]
        results = []
        if kept:
            status, answer = await self._hand_on(request, json.dumps(members | {"Records": kept}).encode())
            if status != 200:
                return web.json_response(answer, status=status)
            results = answer["Records"]
        placed = iter(results)
        merged = [
            next(placed) if code is None else {"ErrorCode": code, "ErrorMessage": "refused"} for code in codes
        ]
        failed = sum("ErrorCode" in result for result in merged)
        return web.json_response({"FailedRecordCount": failed, "Records": merged})

    async def _hand_on(self, request: web.Request, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = {name: request.headers[name] for name in ("x-amz-target", "content-type", "authorization")}
        headers["x-amz-date"] = request.headers["x-amz-date"]
        async with self._http.post(self._upstream, data=body, headers=headers) as response:
            return response.status, json.loads(await response.read() or b"{}")
