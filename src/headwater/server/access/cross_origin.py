"""Which web pages may talk to the server, and what their browsers are told.

AWS lets every page call it, because a page has no credentials of its own there. A
local server takes any signature, so a foreign page that a browser happens to show
could read and wipe it, or have its code run: such a page is refused, unless told to be
trusted. What a browser says of a request's page stands in `Sec-Fetch-Site`, which pages
cannot write, in `Origin`, and where that is missing (images, links, scripts) in `Referer`.

Rules:
- none of these: no browser, or an address that its user has typed;
- the server's own pages and those in `allow_origins` may do everything; `*` there is every page;
- other pages of this machine (loopback names, any port) may call the operations of Kinesis, as
  an SDK in a page does, and nothing else: there is data behind those, but no code;
- what a page is does not outweigh what a browser says: a request that it calls cross-site is not
  the server's own page's, whoever is named, since it may have been led here by others;
- what trusted pages are told is what AWS tells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from headwater.model.late_pattern import late_pattern
from headwater.server.http.exchange import Answer, Fields

LOOPBACK = late_pattern(rb"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
PAGE_HEADERS = (b"origin", b"sec-fetch-site", b"referer")
"""What only browsers send. A server looks at nothing else to tell them from programs."""
UNASKED = (b"", b"none")
"""`Sec-Fetch-Site` where no page is behind a request: no browser, or its user alone."""
SAME_ORIGIN = b"same-origin"
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

_PAGE = late_pattern(rb"[a-z]+://[^/?#]*")


class Trust(Enum):
    """The trust in the page behind a request."""

    WHOLE = "everything: it is the server's own, or there is none"
    NAMED = "everything, from another origin"
    STREAMS = "call the operations of Kinesis"
    NONE = "nothing"


class OriginPolicy:
    """The trusted origins of one server."""

    def __init__(self, allow_origins: tuple[str, ...]) -> None:
        self._all = "*" in allow_origins
        self._trusted = frozenset(origin.rstrip("/").encode() for origin in allow_origins)

    def trust_in(self, headers: Mapping[bytes, bytes]) -> Trust:
        """How far the page is trusted that is behind a request with these headers."""
        page, site = page_of(headers), headers.get(b"sec-fetch-site", b"")
        if page is None and site in (*UNASKED, SAME_ORIGIN):
            return Trust.WHOLE
        if self._all or page in self._trusted:
            return Trust.NAMED
        if page is None:
            return Trust.NONE
        is_of_machine = LOOPBACK.fullmatch(page) is not None
        # To its browser of one origin with the server, but not to us: a proxy stands between.
        if site == SAME_ORIGIN and (is_of_machine or _is_own(page, headers)):
            return Trust.WHOLE
        if site in UNASKED and _is_own(page, headers):
            return Trust.WHOLE
        return Trust.STREAMS if is_of_machine and b"origin" in headers else Trust.NONE


def comes_from_browser(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request says what only browsers say."""
    return any(name in headers for name in PAGE_HEADERS)


def page_of(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The origin that is behind a request; `None` if it does not say. What is no origin equals none."""
    if b"origin" in headers:
        return headers[b"origin"]
    referer = headers.get(b"referer")
    if not referer:
        return None
    page = _PAGE.match(referer)
    return referer if page is None else page[0]


def preflight(headers: Mapping[bytes, bytes]) -> Answer:
    """The answer to a trusted browser that asks what it may send: whatever it asks for."""
    echoed = ((name, headers[asked].decode("latin-1")) for asked, name in ECHOED.items() if asked in headers)
    age = ("Access-Control-Max-Age", str(PREFLIGHT_AGE_S))
    return Answer(200, (ALLOW_ORIGIN, *echoed, age), b"")


def refusal_of_page(page: bytes | None) -> Answer:
    """The answer to a page that is not trusted, or not with that."""
    who = "The page behind this request" if page is None else f"The origin {page.decode('latin-1')}"
    text = (
        f"{who} is not trusted by this server. Start it with --allow-origin to let its pages call it, "
        "or type the address.\n"
    )
    return Answer(403, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())


def _is_own(page: bytes, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page is the server's, under the name by which it is asked."""
    host = headers.get(b"host", b"")
    return bool(host) and page in (b"http://%b" % host, b"https://%b" % host)
