"""Gateways as processes of their own over one cluster, to be stopped, killed and asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from headwater.storage.interface import ANSWER_WITHIN_S
from tests.ports import free_port
from tests.storage.kafka.machines import THIS_MACHINE, Machine

READY_S = 150.0
"""How long a gateway may take, on a busy machine, until it is ready, or ready again."""
GIVEN_UP = 1
"""The exit code when brokers do not answer."""
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-central-1/kinesis/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)
UNFENCED = """
from headwater.storage.kafka import fence

async def end_only(cluster, topic, producer_ids, lane):
    return await cluster.find_offset(topic, -1, lane=lane)

async def no_proof(cluster, topic):
    pass

fence.close_log = end_only
fence.prove = no_proof
from headwater.storage.kafka import store
store.close_log = end_only
"""
"""The same program, with the fence left out."""


class CallFailed(Exception):
    """The answer was an error, or there was none."""

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(f"{error} {message}")
        self.error = error


class Gateway:
    """One process; started again after a kill it is another one at the same place."""

    def __init__(
        self,
        url: str,
        log: Path,
        *,
        fenced: bool = True,
        options: Sequence[str] = (),
        before: str = "",
        machine: Machine = THIS_MACHINE,
    ) -> None:
        """`options` are further ones of `headwater start`; `before`: what the program does first."""
        self.machine = machine
        self.port = free_port()
        self._options = options
        self._url = url
        self._log = log
        self._before = before if fenced else before + UNFENCED
        self.late: list[str] = []
        """Calls that have taken longer than is promised, its own stops not counted, and what they came to."""
        self._stopped_s = 0.0
        self._stopped_since_s: float | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; `ready` waits until it serves."""
        arguments = ["start", "--host", self.machine.host, "--port", str(self.port)]
        arguments += ["--store", self._url, "--log-level", "warning"]
        arguments += self._options
        program = f"{self._before}\nimport sys\nfrom headwater.cli.main import main\nsys.exit(main())"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.machine.start, sys.executable, "-c", program, *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ},
            )

    async def ready(self, session: aiohttp.ClientSession, *, may_give_up: bool = False) -> None:
        """Wait until it answers that it is ready, which it must within `READY_S`.

        One that `may_give_up` brokers that are away for long is started again, as by whoever runs it.
        """
        until_s = time.monotonic() + READY_S
        while True:
            assert self._process is not None
            if may_give_up and self._process.poll() == GIVEN_UP:
                assert "waited for" in self._log.read_text().rpartition("headwater:")[2]
                self.start()
                until_s = time.monotonic() + READY_S
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until_s, self._log.read_text()[-10_000:]
            try:
                async with session.get(f"http://{self.machine.host}:{self.port}/_headwater/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)

    async def health(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        """What it says of itself; empty without an answer, or when it is not ready."""
        try:
            async with session.get(
                f"http://{self.machine.host}:{self.port}/_headwater/health",
                timeout=aiohttp.ClientTimeout(total=2),
            ) as answer:
                document: dict[str, Any] = await answer.json() if answer.status == 200 else {}
                return document
        except (aiohttp.ClientError, TimeoutError):
            return {}

    def stop(self) -> None:
        """Let it finish what it has begun, and end."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Stop it, let it go on, or kill it."""
        assert self._process is not None
        if number == signal.SIGSTOP and self._stopped_since_s is None:
            self._stopped_since_s = time.monotonic()
        self._process.send_signal(number)
        if number == signal.SIGCONT:
            self._end_stop()

    def _end_stop(self) -> None:
        self._stopped_s, self._stopped_since_s = self._all_stopped_s(), None

    def _all_stopped_s(self) -> float:
        """For how long it has been stopped until now, all together."""
        since_s = self._stopped_since_s
        return self._stopped_s + (0.0 if since_s is None else time.monotonic() - since_s)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._end_stop()

    async def call(
        self, session: aiohttp.ClientSession, operation: str, timeout_s: float = 40.0, **members: Any
    ) -> dict[str, Any]:
        """The answer of an operation. Raises `CallFailed`."""
        began_s, outcome = time.monotonic() - self._all_stopped_s(), "answered"
        try:
            return await self._call(session, operation, timeout_s, members)
        except CallFailed as failed:
            outcome = str(failed)
            raise
        finally:
            took_s = time.monotonic() - self._all_stopped_s() - began_s
            if took_s > ANSWER_WITHIN_S:
                ended = time.strftime("%H:%M:%S")
                self.late.append(f"{ended} {self._log.stem}: {operation} took {took_s:.1f} s: {outcome}")

    async def _call(
        self, session: aiohttp.ClientSession, operation: str, timeout_s: float, members: dict[str, Any]
    ) -> dict[str, Any]:
        for name, value in members.items():
            if isinstance(value, bytes):
                members[name] = b64encode(value).decode()
        headers = {
            "X-Amz-Target": f"Kinesis_20131202.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": AUTHORIZATION,
            "X-Amz-Date": "20260101T000000Z",
        }
        try:
            async with session.post(
                f"http://{self.machine.host}:{self.port}/",
                data=json.dumps(members),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CallFailed(type(error).__name__) from error
        document: dict[str, Any] = json.loads(body) if body else {}
        if answer.status != 200:
            raise CallFailed(str(document.get("__type", answer.status)), str(document.get("message", "")))
        return document


@contextmanager
def running(url: str, folder: Path, count: int, *options: str) -> Iterator[list[Gateway]]:
    """So many gateways that are ready, until the block is left."""

    async def ready() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(gateway.ready(session) for gateway in found))

    found = [Gateway(url, folder / f"gateway-{at}.log", options=options) for at in range(count)]
    try:
        for gateway in found:
            gateway.start()
        with ThreadPoolExecutor(1) as thread:  # Playwright has a loop in this one
            thread.submit(lambda: asyncio.run(ready())).result()
        yield found
    finally:
        for gateway in found:
            gateway.kill()
