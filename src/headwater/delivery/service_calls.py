"""Calls to the other services of AWS: the neighbours, or those of the server that requests are forwarded to.

Rules:
- a call goes to the provider in this process, past the server's own port: it is nobody's request;
- it is signed all the same, as another server must know for which service and region it is;
- what the neighbours keep survives a kill some seconds later; `keep` waits for it.

Refuses to know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec

from headwater.delivery.errors import DeliveryFailed
from headwater.model.caller import Caller
from headwater.model.clock import Clock
from headwater.server.http.exchange import Answer, HttpRequest
from headwater.server.neighbour import error_of
from headwater.wire.signature_v4 import CONTENT_HASH, Key, SignedRequest, sign

ERROR_STATUS = 300
HASHED_AT_ONCE_BYTES = 64 * 1024
"""Larger bodies are hashed in a thread, which lets the loop go on."""

Ask = Callable[[HttpRequest, str, Caller], Awaitable[Answer]]
"""Gives the answer of a service to a request."""
T = TypeVar("T")


class ServiceRequest(NamedTuple):
    """A request for a service; `target` is its path with the query, quoted."""

    service: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


class ServiceCalls:
    """The calls of one server's deliveries. Use it in the running loop; `from_thread` is for others."""

    def __init__(
        self,
        ask: Ask,
        keep: Callable[[], Awaitable[None]],
        key_of: Callable[[str], Key],
        clock: Clock,
        host: Callable[[], str],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`key_of` has a key of an account, `clock` is the machine's, `host` what the header says."""
        self._ask = ask
        self._keep = keep
        self._key_of = key_of
        self._clock = clock
        self._host = host
        self._loop = loop

    async def answer(self, caller: Caller, request: ServiceRequest) -> Answer:
        """The answer, whatever its status is."""
        headers = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
        headers[b"host"] = self._host().encode()
        headers[b"content-length"] = str(len(request.body)).encode()
        if request.service == "s3":
            headers[CONTENT_HASH] = (await _hash_of(request.body)).encode()
        method, target = request.method.encode(), request.target.encode()
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        signed = SignedRequest(method, target, headers, request.body)
        key = self._key_of(caller.account_id)
        headers |= sign(signed, key, f"{now:%Y%m%dT%H%M%SZ}", caller.region, request.service)
        return await self._ask(HttpRequest(method, target, headers, request.body), request.service, caller)

    async def call(self, caller: Caller, request: ServiceRequest) -> Answer:
        """The answer of a call that succeeded. Raises `DeliveryFailed`; its code is the service's."""
        answer = await self.answer(caller, request)
        if answer.status < ERROR_STATUS:
            return answer
        code, message = error_of(answer)
        raise DeliveryFailed(
            code or f"{request.service}.{answer.status}",
            f"{request.service} answered {answer.status} to {request.method} {request.target}: "
            f"{message or code or answer.body[:200].decode('utf-8', 'replace')}",
        )

    async def call_json(
        self, caller: Caller, service: str, target: str, members: Mapping[str, Any], version: str = "1.1"
    ) -> dict[str, Any]:
        """The answer of a service that speaks AWS JSON. Raises `DeliveryFailed`."""
        headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target}
        request = ServiceRequest(service, "POST", "/", headers, msgspec.json.encode(members))
        answer = await self.call(caller, request)
        found: dict[str, Any] = msgspec.json.decode(answer.body or b"{}")
        return found

    def now_ms(self) -> int:
        """The time by which services go: the machine's, whatever the engine's clock says."""
        return self._clock.now_ms()

    async def keep(self) -> None:
        """Return once what was asked for so far survives a kill, if it is kept at all.

        Raises `DeliveryFailed`.
        """
        try:
            await self._keep()
        except OSError as error:
            raise DeliveryFailed("NotKept", f"The neighbours cannot be kept: {error}") from error

    def from_thread(self, call: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, for a thread other than the loop's."""
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()


async def _hash_of(body: bytes) -> str:
    if len(body) <= HASHED_AT_ONCE_BYTES:
        return sha256(body).hexdigest()
    return await asyncio.to_thread(lambda: sha256(body).hexdigest())
