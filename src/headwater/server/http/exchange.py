"""One request and its answer, whatever version of HTTP carried them.

This is the seam between the front ends (`http1`, later others), which know how
bytes travel, and `Dispatch`, which knows what is asked for.

Rules:
- a front end hands over a request once it has arrived whole, with a `Respond` of which exactly one
  of `answer` and `cut` is called: at once or later, on the same thread;
- a client that has gone is no error: what comes for it is dropped, and its sources and holds are
  told;
- headers of a head that came before, byte for byte, may be `RecurringHeaders`: one value for many
  requests, whose method and target are the same, too;
- header names are lower-case bytes, and only those in `HEADERS_READ` are kept, unless there are
  neighbours, which may read any (`EVERY_HEADER`), or signatures are verified: then all are, values
  of one name joined by commas;
- an answer to HEAD may say in its fields how long the body would be; to all else the front end
  says it;
- what cannot be read as a request at all is handed over as a `Refusal`, so that
  its answer has ids and a log line like every other; the front end then closes.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from headwater.wire.long_body import Body

HEADERS_READ = frozenset(
    {
        b"accept-encoding",
        b"access-control-request-headers",
        b"access-control-request-method",
        b"authorization",
        b"content-length",
        b"content-type",
        b"date",
        b"expect",
        b"host",
        b"if-none-match",
        b"origin",
        b"referer",
        b"sec-fetch-site",
        b"transfer-encoding",
        b"x-amz-client-context",
        b"x-amz-date",
        b"x-amz-invocation-type",
        b"x-amz-log-type",
        b"x-amz-target",
    }
)
"""Every request header that the server looks at."""


class _EveryName(frozenset[bytes]):
    def __contains__(self, name: object) -> bool:
        return True


EVERY_HEADER: frozenset[bytes] = _EveryName()
"""To keep all of a request's headers, the last of those that have one name."""

Fields = tuple[tuple[str, str], ...]
"""Headers of an answer. Constant tuples where possible: front ends remember their bytes."""


class RecurringHeaders(dict[bytes, bytes]):
    """Headers of a head that a front end has remembered. They are only read.

    What a handler has found out from such a head alone it may note, to find it at the next request.
    """

    __slots__ = ("found",)

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        super().__init__(headers)
        self.found: object = None
        """The handler's own."""


class HttpRequest(NamedTuple):
    """A request that has arrived whole."""

    method: bytes
    target: bytes
    """Path and query, as sent."""
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]


class Answer(NamedTuple):
    """What is said, before it has ids."""

    status: int
    fields: Fields
    body: bytes


class BodyWriter(Protocol):
    """The open body of a streamed answer; a front end gives it to the source."""

    def write(self, data: bytes) -> None:
        """Send `data` as the next part of the body."""

    def end(self) -> None:
        """The body is whole; nothing may follow."""

    def break_off(self) -> None:
        """End in the middle, as if the network had failed; nothing may follow."""


class BodySource(Protocol):
    """What produces the body of a streamed answer. All calls on the loop's thread."""

    def start(self, writer: BodyWriter) -> None:
        """The head has been sent: write, now or later."""

    def pause(self) -> None:
        """The client is slow: write no more for now."""

    def resume(self) -> None:
        """The client has caught up."""

    def stop(self) -> None:
        """The client has gone, or the connection closes: never write again.

        Called at most once, and not after `BodyWriter.end`; without a `start` when there
        was nobody left to send a head to.
        """


class HttpResponse(NamedTuple):
    """An answer ready to be sent."""

    status: int
    fields: Fields
    body: Body
    request_id: str
    extended_id: str | None
    source: BodySource | None = None
    """What goes on producing the body; `body` is then empty."""


class Refusal(NamedTuple):
    """Why the bytes of a connection are not, or not fast enough, an acceptable request."""

    status: int
    code: str
    message: str


class Respond(Protocol):
    """What can be done about one request. All calls on the loop's thread."""

    def answer(self, response: HttpResponse) -> None:
        """Send an answer; nothing may follow."""

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back on purpose; more than once, if one hold has ended before the next.

        `on_gone` is called if the client goes first; at once, if it has gone. What is returned
        ends the hold, and may be called too late. An answer or a cut ends it, too.
        """

    def cut(self) -> None:
        """Never answer: the connection ends as if the network had failed; nothing may follow.

        Where a connection carries many requests, only this one's stream is broken off.
        """


def says_length(fields: Fields) -> bool:
    """Whether an answer without a body says how long it would be."""
    return any(name.lower() == "content-length" for name, _ in fields)


class RequestHandler(Protocol):
    """What a front end needs from the rest of the server."""

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """Answer `request`, or cut it off, now or later."""

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        """Answer what could not be read as a request; the connection closes afterwards."""


LAST_DIGITS = [f"{number:02x}" for number in range(256)]


class RequestIds:
    """The two ids that AWS puts on every answer: unique here, in AWS's form, and cheap.

    A random beginning for the process and a count, so that no system call or hash
    is spent on a request. All but the last two digits are written once for 256 of them.
    """

    __slots__ = ("_begin", "_count", "_extended_begin", "_extended_start", "_last", "_start")

    def __init__(self) -> None:
        digits = os.urandom(9).hex()
        self._start = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-"
        self._extended_start = b64encode(os.urandom(63)).decode()
        self._count = int.from_bytes(os.urandom(4), "big")
        """Of the ids, by 256."""
        self._last = len(LAST_DIGITS)

    def next(self) -> tuple[str, str]:
        """A new request id (a UUID's form) and extended id (96 characters of base64)."""
        last = self._last
        if last == len(LAST_DIGITS):
            self._count += 1
            digits, last = f"{self._count:010x}", 0
            self._begin, self._extended_begin = self._start + digits, self._extended_start + digits
        self._last = last + 1
        digits = LAST_DIGITS[last]
        return self._begin + digits, self._extended_begin + digits
