"""Which web pages may talk to the server, and what their browsers are told.

AWS lets every page call it, because a page has no credentials of its own there. A
local server takes any signature, so a foreign page that a browser happens to show
could read and wipe it: such a page is refused, unless told to be trusted.

Rules:
- no `Origin` header: not a browser's cross-origin call, nothing to check;
- pages from this machine (loopback names, any port) are trusted, and those in
  `allow_origins`; `*` there trusts every page;
- what trusted pages are told is what AWS tells them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from headwater.server.http.exchange import Answer, Fields

LOOPBACK = re.compile(rb"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
PREFLIGHT_AGE_S = 172_800

ALLOW_ORIGIN = ("Access-Control-Allow-Origin", "*")
EXPOSED: Fields = (
    ALLOW_ORIGIN,
    (
        "Access-Control-Expose-Headers",
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
    ),
)
ECHOED = {
    b"access-control-request-headers": "Access-Control-Allow-Headers",
    b"access-control-request-method": "Access-Control-Allow-Methods",
}


class OriginPolicy:
    """The trusted origins of one server."""

    def __init__(self, allow_origins: tuple[str, ...]) -> None:
        self._all = "*" in allow_origins
        self._trusted = frozenset(origin.rstrip("/").encode() for origin in allow_origins)

    def trusts(self, origin: bytes) -> bool:
        """Whether a page of this origin may call the server."""
        return self._all or origin in self._trusted or LOOPBACK.fullmatch(origin) is not None


def preflight(headers: Mapping[bytes, bytes]) -> Answer:
    """The answer to a trusted browser that asks what it may send: whatever it asks for."""
    echoed = ((name, headers[asked].decode("latin-1")) for asked, name in ECHOED.items() if asked in headers)
    age = ("Access-Control-Max-Age", str(PREFLIGHT_AGE_S))
    return Answer(200, (ALLOW_ORIGIN, *echoed, age), b"")


def foreign(origin: bytes) -> Answer:
    """The answer to a page that is not trusted."""
    text = (
        f"The origin {origin.decode('latin-1')} is not trusted by this server. "
        "Start it with --allow-origin to let its pages call it.\n"
    )
    return Answer(403, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
