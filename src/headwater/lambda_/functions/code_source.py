"""Code from a bucket: an object of the neighbouring S3.

Refuses to know what an object is for.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlencode, urlsplit

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.functions.code import ZIP_BYTES_MAX
from headwater.model.clock import Clock
from headwater.wire.signature_v4 import CONTENT_HASH, Key, SignedRequest, sign

TIMEOUT_S = 30.0


class CodeSource:
    """Fetches objects. `endpoint_url` says where S3 is."""

    def __init__(self, clock: Clock, endpoint_url: Callable[[], str], key: Key) -> None:
        """`clock` is the machine's, by which requests are signed, with `key`."""
        self._clock = clock
        self._endpoint_url = endpoint_url
        self._key = key

    async def fetch(self, region: str, bucket: str, key: str, version: str | None) -> bytes:
        """An object's bytes. Raises InvalidParameterValueException."""
        path = f"/{quote(bucket)}/{quote(key)}"
        if version:
            path += "?" + urlencode({"versionId": version})
        return await asyncio.to_thread(self._get, region, path)

    def _get(self, region: str, path: str) -> bytes:
        """Runs in a thread of its own."""
        endpoint_url = self._endpoint_url()
        url = urlsplit(endpoint_url)
        headers = {b"host": url.netloc.encode(), CONTENT_HASH: sha256(b"").hexdigest().encode()}
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        message = SignedRequest(b"GET", path.encode(), headers, b"")
        headers |= sign(message, self._key, f"{now:%Y%m%dT%H%M%SZ}", region, "s3")
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(url.hostname or "", url.port, timeout=TIMEOUT_S)
            try:
                connection.request("GET", path, headers={k.decode(): v.decode() for k, v in headers.items()})
                response = connection.getresponse()
                status, body = response.status, response.read(ZIP_BYTES_MAX + 1)
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise InvalidParameterValueException(
                f"Error occurred while GetObject. There is no S3 at {endpoint_url}: {error}"
            ) from error
        if status != 200:
            raise InvalidParameterValueException(
                f"Error occurred while GetObject. S3 at {endpoint_url} answered {status}: {body[:200]!r}"
            )
        return body
