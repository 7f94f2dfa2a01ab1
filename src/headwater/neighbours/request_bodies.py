"""Bodies that a client has compressed: some SDKs do, from 10 KiB on, for services that take much.

Rules:
- nothing is inflated beyond a bound: a small body can stand for a very large one;
- what S3 is given stays as it is: there the encoding is a property of the object.

Refuses to know what is in a body.
"""

from __future__ import annotations

import zlib

from headwater.neighbours.requests import S3
from headwater.server.http.exchange import HttpRequest

INFLATED_BYTES_MAX = 64 * 1024 * 1024
GZIP = b"gzip"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class BodyUnreadable(Exception):
    """A body is not gzip, or too large. The text says which."""


def inflated(request: HttpRequest, service: str) -> HttpRequest:
    """The request with its body as it was before it was compressed. Raises `BodyUnreadable`."""
    if service == S3 or request.headers.get(b"content-encoding", b"").lower() != GZIP:
        return request
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = inflater.decompress(request.body, INFLATED_BYTES_MAX)
    except zlib.error as error:
        raise BodyUnreadable(f"The body is not gzip: {error}") from error
    if inflater.unconsumed_tail:
        raise BodyUnreadable(f"The body is of more than {INFLATED_BYTES_MAX} bytes.")
    if not inflater.eof:
        raise BodyUnreadable("The body ends before its gzip does.")
    headers = {name: value for name, value in request.headers.items() if name != b"content-encoding"}
    return request._replace(headers=headers, body=body)
