"""One of AWS's services that speak JSON, at one endpoint: a call is a signed POST.

botocore says where the service is and who calls (`endpoint`); the request is written
and the answer read here, because botocore takes 10 us for each record in them. HTTP is
aiohttp's.

Rules:
- a call is made once: what failed may be tried again by who knows what that means;
- in requests `bytes` become base64; in answers blobs stay base64 text, because only
  who knows the operation can tell them from texts;
- a service belongs to the event loop of its first call;
- every failure is a `ClientError`: `ServiceError` when the service answered with one,
  `ConnectionFailed` when nobody did.

Refuses to know what an operation means.
"""

from __future__ import annotations

import asyncio
import copy
import io
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from typing import Protocol as TypingProtocol
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec
from yarl import URL

import headwater
from headwater.client.calls.endpoint import Credentials, Session, resolve_endpoint
from headwater.client.calls.errors import (
    ClientError,
    ConfigurationError,
    ConnectionFailed,
    MalformedAnswer,
    ServiceError,
)
from headwater.client.calls.users_code import described, outcome_of
from headwater.wire.signature_v4 import Key, SignedRequest, sign

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
CONNECTIONS = 64
"""The most connections at a time, each for one call; further calls wait."""
IDLE_CONNECTION_S = 4.0
"""The longest time that an idle connection is kept: after it the other end may be closing."""
READ_BUFFER_BYTES = 1024 * 1024
LARGE_BODY_BYTES = 1024 * 1024

USER_AGENT = f"headwater-client/{headwater.__version__}"


class Protocol(NamedTuple):
    """The protocol of one service: content type, and prefix of its operations."""

    content_type: str
    target: str


class CallObserver(TypingProtocol):
    """The protocol of one who adds headers to a call, and sees those of its answer."""

    def headers(self) -> Mapping[str, str]:
        """What is sent along, unsigned."""

    def answered(self, headers: Mapping[str, str]) -> None:
        """An answer has begun, with these headers."""


PROTOCOLS = {
    "kinesis": Protocol("application/x-amz-json-1.1", "Kinesis_20131202."),
    "dynamodb": Protocol("application/x-amz-json-1.0", "DynamoDB_20120810."),
}

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class AwsService:
    """A client of one service: signs and sends calls, once each."""

    def __init__(
        self,
        service: str,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
        *,
        verify: bool | str | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """`service` is one of `PROTOCOLS`; `endpoint_url`, `region_name` and `session` are as boto3's.

        `verify` is False to accept any certificate, or a file of those to trust. Reads configuration,
        and connects to nobody. Raises `ConfigurationError`.
        """
        self._protocol = PROTOCOLS[service]
        self._service = service
        self.endpoint, core = resolve_endpoint(service, endpoint_url, region_name, session)
        self._credentials = Credentials(core, self.endpoint)
        self._verify = self.endpoint.ca_bundle if verify is None else verify
        self._answer_timeout_s = answer_timeout_s
        url = urlsplit(self.endpoint.url)
        if url.scheme not in ("http", "https") or not url.hostname or not _has_port(url):
            raise ConfigurationError(f"Invalid endpoint: {self.endpoint.url}")
        self._url = URL(self.endpoint.url, encoded=True)
        self._host = url.netloc.rpartition("@")[2].encode()
        self._path = (url.path or "/").encode()
        self._http: aiohttp.ClientSession | None = None

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The decoded answer of an operation. Raises `ServiceError`, `ConnectionFailed`, MalformedAnswer."""
        answer = await self.call_bytes(operation, _encode(request))
        if not answer:
            return {}
        try:
            return _decode_object(answer)
        except msgspec.DecodeError as error:
            raise MalformedAnswer(f"the answer of {operation} is not JSON: {error}") from None

    async def call_bytes(self, operation: str, body: bytes, observer: CallObserver | None = None) -> bytes:
        """The bytes of an answer, to a body in JSON. Raises `ServiceError` and `ConnectionFailed`."""
        async with self._answering(operation, body, self._answer_timeout_s, None, observer) as response:
            return await _whole(response)

    @asynccontextmanager
    async def call_streaming(
        self, operation: str, request: dict[str, Any], silence_timeout_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of an endless answer, piece after piece, until the block is left.

        Raises `ServiceError`, and `ConnectionFailed` also when nothing came for `silence_timeout_s` seconds.
        """
        async with self._answering(operation, _encode(request), None, silence_timeout_s) as response:
            yield response.content.iter_any()

    def twin(self) -> AwsService:
        """The same service without its connections, for another event loop or process."""
        twin = copy.copy(self)
        twin._http = None  # noqa: SLF001 - it is one of us
        return twin

    async def close(self) -> None:
        """End every connection; calls that wait for an answer fail."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    @asynccontextmanager
    async def _answering(
        self,
        operation: str,
        body: bytes,
        total_s: float | None,
        silence_s: float | None = None,
        observer: CallObserver | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        http = self._ready()
        headers = await self._headers(operation, body)
        if observer is not None:
            headers |= observer.headers()
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_TIMEOUT_S, sock_read=silence_s)
        try:
            async with http.post(
                self._url,
                # What is large is written piece by piece: aiohttp asks for a file then.
                data=body if len(body) < LARGE_BODY_BYTES else io.BytesIO(body),
                headers=headers,
                timeout=timeout,
                proxy=self.endpoint.proxy,
                allow_redirects=False,
            ) as response:
                if observer is not None:
                    observer.answered(response.headers)
                if response.status != 200:
                    raise _error_of(response, await _whole(response))
                yield response
        except TimeoutError:
            raise ConnectionFailed(f"no answer from {self.endpoint.url} in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionFailed(f"{self.endpoint.url}: {error or type(error).__name__}") from error

    def _ready(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS, ssl=self._ssl(), keepalive_timeout=IDLE_CONNECTION_S
            )
            self._http = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": USER_AGENT},
                skip_auto_headers=("Accept", "Accept-Encoding"),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=READ_BUFFER_BYTES,
            )
        return self._http

    def _ssl(self) -> ssl.SSLContext | bool:
        if self._verify is False:
            return False
        if isinstance(self._verify, str) and self._speaks_tls():
            try:
                return ssl.create_default_context(cafile=self._verify)
            except OSError as error:
                raise ConfigurationError(f"cannot read the certificates {self._verify}: {error}") from None
        return True

    def _speaks_tls(self) -> bool:
        """Whether anybody shows a certificate: the endpoint, or the proxy before it.

        If not, no bundle is read: that takes longer than a dozen calls.
        """
        return "https" in (self._url.scheme, urlsplit(self.endpoint.proxy or "").scheme)

    async def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        """All headers of a call, signed."""
        headers = {
            b"content-type": self._protocol.content_type.encode(),
            b"host": self._host,
            b"x-amz-target": f"{self._protocol.target}{operation}".encode(),
        }
        message = SignedRequest(b"POST", self._path, headers, body)
        key = await self._key()
        timestamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers |= sign(message, key, timestamp, self.endpoint.region, self._service)
        return {name.decode(): value.decode() for name, value in headers.items()}

    async def _key(self) -> Key:
        if not self._credentials.needs_waiting():
            return self._credentials.key()
        # Providers of credentials raise anything, of requests and programs.
        outcome = await asyncio.to_thread(outcome_of, self._credentials.key)
        error = outcome.failure
        if error is None:
            key: Key = outcome.value
            return key
        if isinstance(error, ClientError):
            raise error
        raise ConnectionFailed(f"no credentials: {described(error)}") from error


def _has_port(url: SplitResult) -> bool:
    """Whether the URL's port is a possible one, or absent."""
    try:
        return url.port is None or url.port > 0
    except ValueError:
        return False


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """An answer's body. aiohttp keeps pieces as they come, and a piece of two bytes costs as forty."""
    gathered = bytearray()
    async for piece in response.content.iter_any():
        gathered += piece
    return bytes(gathered)


def _error_of(response: aiohttp.ClientResponse, body: bytes) -> ServiceError:
    """The error that an answer carries; a proxy's page is one too, by its status."""
    try:
        members = _decode_object(body)
    except msgspec.DecodeError:
        members = {}
    named = members.get("__type") or response.headers.get("x-amzn-ErrorType", "").partition(":")[0]
    code = str(named).rpartition("#")[2] or f"HTTP {response.status}"
    text = members.get("message") or members.get("Message") or ""
    return ServiceError(code, str(text), response.status, members)
