"""Reading HTTP/1.1 (and 1.0): bytes to requests, without a socket. The parser itself is httptools.

Rules:
- what breaks HTTP or a limit is a `refusal`, and nothing after it is read; the requests that came
  before it are still in `ready`;
- a limit is held while a request arrives, not once it is whole: nothing too large is ever kept;
- a body's pieces are put together after every read; the rest of a long one goes past the parser, which
  would only copy it;
- a head that came twice within a few requests is remembered by its bytes: what it says is not parsed again
  when it comes with all of its body in one read, as from a client that sends the same few again and again;
- an offer of another protocol is not taken up.

Refuses to know connections, time and answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import httptools

from headwater.server.http.body_buffer import BodyBuffer
from headwater.server.http.exchange import HEADERS_READ, HttpRequest, RecurringHeaders, Refusal
from headwater.server.http.limits import HEADER_COUNT_LIMIT, MALFORMED, ConnectionLimits

NAMES_REMEMBERED = 256
NAMES_REMEMBERED_BYTES = 2048
FEED_BYTES = 256 * 1024  # so much is parsed at once; then the body's pieces are gathered
LONG_REST_BYTES = 64 * 1024
"""Of a body: so much costs more to be copied by a parser than another parser for what follows it."""
HEADS_REMEMBERED = 8
HEADS_COMPARED = 4
"""So many kinds of call may a client make in turn, as one that receives from a queue and acknowledges."""
HEAD_BYTES_MAX = 1024
"""A longer head is parsed each time."""
END_OF_HEAD = b"\r\n\r\n"
VERSION_1_1 = b" HTTP/1.1\r\n"
NO_VERSION = "0.0"
"""What a parser says that has read nothing."""
UNREAD = b""
"""Stands for the name of a header that nobody reads."""
UPGRADE_HEADERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""The offer of another protocol, which is not taken up."""

_new_request = tuple.__new__
"""A third of the time of `HttpRequest(...)`."""


class RememberedHead(NamedTuple):
    """What a head of HTTP/1.1 says, after which the connection stays open.

    One value serves many requests: it is only read.
    """

    head: bytes
    method: bytes
    target: bytes
    headers: Mapping[bytes, bytes]
    request_bytes: int
    """Of the head and the body that it announces."""


NO_HEAD = RememberedHead(b"", b"", b"", {}, -1)


class RequestReader:
    """Bytes in, whole requests out. After a `refusal` nothing more is read.

    What comes in many pieces (headers, target, body) is given by the parser straight to
    the methods of a dict and of lists: a Python function for each piece would cost as
    much as all the rest of reading a request.
    """

    def __init__(
        self, limits: ConnectionLimits, headers_kept: frozenset[bytes] | None = HEADERS_READ
    ) -> None:
        """`headers_kept` are the headers that a request comes with; `None` is all of them."""
        self.ready: deque[tuple[HttpRequest, bool]] = deque()
        """Whole requests, each with whether the connection may stay open after it."""
        self.refusal: Refusal | None = None
        self.reading = False
        """A request has begun and is not whole yet."""
        self.continue_wanted = False
        """The request being read waits for `100 Continue` before it sends its body."""
        self._limits = limits
        self._names = None if headers_kept is None else _kept_names(headers_kept)
        self._in_head = self._begins_head = False
        """The parser is in a head; and what it was given last has the head's beginning."""
        self._head_bytes_min = self._head_bytes_max = 0
        """Of the head that is being read: reads may have something else before it, and behind it."""
        self._headers: dict[bytes, bytes] = {}
        self._sent_headers: dict[bytes, bytes] = {}
        """As they come; after the head, those that follow the body."""
        self._target = bytearray()
        self._body = BodyBuffer()
        self._unparsed_bytes = 0
        """Of the body that is being read: so many come yet, and the parser gets none of them."""
        self.is_between_requests = True
        """The parser has nothing of a request, and takes another one."""
        self._heads: dict[bytes, RememberedHead] = {}
        self._likely = NO_HEAD
        """The remembered head that came last."""
        self._last_heads: tuple[int, ...] = ()
        """The hashes of the heads that were parsed last: one that is among them may come again."""
        # What the parser calls; it looks once, when it is made.
        self.on_url = self._target.extend
        self.on_header = self._sent_headers.__setitem__ if headers_kept is not None else self._join_header
        self.on_body = self._body.add
        self._parser: Any = httptools.HttpRequestParser(self)
        self._spoke_1_1 = False
        """The client did, when this parser took the place of another one."""

    def feed(self, data: bytes) -> None:
        """Read what has arrived; look at `ready`, `refusal` and `continue_wanted` afterwards."""
        body_at = data.find(END_OF_HEAD, 0, HEAD_BYTES_MAX) + len(END_OF_HEAD)
        if not self.is_between_requests or body_at < len(END_OF_HEAD):
            self._parse(data)
            return
        head = data[:body_at]
        waiting = len(self.ready)
        self._parse(data)
        head_hash = hash(head)
        if head_hash in self._last_heads and len(self.ready) == waiting + 1 and self.is_between_requests:
            self._remember(head, len(data) - body_at)
        self._last_heads = (head_hash, *self._last_heads[: HEADS_COMPARED - 1])

    def remembered(self, data: bytes) -> HttpRequest | None:
        """The request that has arrived, if its head is remembered and nothing but all of its body follows.

        Then the bytes are read, and the connection stays open after it. Else `feed` must have them.
        """
        head, method, target, headers, request_bytes = self._likely
        if len(data) != request_bytes or not data.startswith(head):
            known = self._heads.get(data[: data.find(END_OF_HEAD, 0, HEAD_BYTES_MAX) + len(END_OF_HEAD)])
            if known is None or len(data) != known.request_bytes:
                return None
            head, method, target, headers, _ = self._likely = known
        if not self.is_between_requests:
            return None
        return _new_request(HttpRequest, (method, target, headers, data[len(head) :]))

    def _parse(self, data: bytes) -> None:
        for start in range(0, len(data), FEED_BYTES):
            self._feed(data[start : start + FEED_BYTES])

    def _remember(self, head: bytes, body_bytes: int) -> None:
        """Remember a head, if it and so many bytes are the request that was read last, and nothing else.

        When the parser took as many bytes for the body, it saw the same head.
        """
        method, target, headers, body = self.ready[-1][0]
        announced = headers.get(b"content-length", b"0")
        if len(body) == body_bytes and announced == b"%d" % body_bytes and VERSION_1_1 in head:
            if len(self._heads) >= HEADS_REMEMBERED:
                self._heads.clear()
            known = RememberedHead(head, method, target, RecurringHeaders(headers), len(head) + body_bytes)
            self._heads[head] = self._likely = known

    def _feed(self, data: bytes) -> None:
        if self._unparsed_bytes:
            data = self._feed_past_parser(data)
        if self.refusal is None and data:
            self._feed_parser(data)

    def _feed_parser(self, data: bytes) -> None:
        self._begins_head = False
        self._head_bytes_max += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            self._feed(self._without_upgrade() + rest)
        except httptools.HttpParserError:
            # Also what a callback below raises; it has then left its own refusal.
            self.refusal = self.refusal or MALFORMED
        if self._in_head:
            if self._begins_head:
                self._head_bytes_min, self._head_bytes_max = 0, len(data)
            else:
                self._head_bytes_min += len(data)
            if self._head_bytes_min > self._limits.header_bytes:
                self.refusal = self.refusal or self._limits.header_too_large()
        else:
            self._head_bytes_max = 0
            if self.reading:
                body_bytes = self._body.gather()
                self.refusal = self.refusal or self._refusal_of_rest()
                self._unparsed_bytes = self._long_rest(body_bytes)
        if self.refusal is not None:
            self.give_up(self.refusal)

    def _long_rest(self, body_bytes: int) -> int:
        """How many bytes of the body the parser need not see, when it has seen so many."""
        if b"transfer-encoding" in self._headers or not self._parser.should_keep_alive():
            return 0
        rest_bytes = int(self._headers.get(b"content-length", b"0")) - body_bytes
        return rest_bytes if rest_bytes >= LONG_REST_BYTES else 0

    def _feed_past_parser(self, data: bytes) -> bytes:
        """Take what belongs to the body; what comes behind it is for another parser, and is returned."""
        piece = data[: self._unparsed_bytes]
        self._unparsed_bytes -= len(piece)
        self._body.add(piece)
        if self._unparsed_bytes:
            self._body.gather()
            return b""
        self._complete()
        self._spoke_1_1 = self.speaks_1_1()
        self._parser = httptools.HttpRequestParser(self)
        return data[len(piece) :]

    def give_up(self, refusal: Refusal) -> None:
        """Read nothing more."""
        self.refusal = refusal
        self._unparsed_bytes = 0
        self.reading = self.continue_wanted = self.is_between_requests = False

    def _without_upgrade(self) -> bytes:
        """The head of the request that offers another protocol, as if it did not.

        Java's own HTTP client makes the offer with every first request. httptools ends
        such a request before its body, so a new parser reads it again from its head.
        """
        version = self._parser.get_http_version().encode()
        self._parser = httptools.HttpRequestParser(self)
        request, stays_open = self.ready[-1]
        if request.method == b"CONNECT":  # the connection closes after it
            return b""
        self.ready.pop()
        kept = [header for header in request.headers.items() if header[0] not in UPGRADE_HEADERS]
        lines = [b": ".join(header) for header in kept]
        lines.append(b"connection: " + (b"keep-alive" if stays_open else b"close"))
        return b"\r\n".join([request.method + b" " + request.target + b" HTTP/" + version, *lines, b"", b""])

    # What httptools calls, in the order in which it calls it.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target.clear()
        self._sent_headers.clear()
        self._body.clear()
        self.reading = self._in_head = self._begins_head = True
        self.is_between_requests = False

    def on_headers_complete(self) -> None:
        """The head is whole: refuse what is too large before its body is read."""
        self._in_head = False
        sent, names = self._sent_headers, self._names
        if len(sent) > HEADER_COUNT_LIMIT or (
            self._head_bytes_max > self._limits.header_bytes
            and len(self._target) + sum(map(len, (*sent, *sent.values()))) > self._limits.header_bytes
        ):
            self._refuse(self._limits.header_too_large())
        headers = dict(sent if names is None else zip(names[tuple(sent)], sent.values(), strict=True))
        headers.pop(UNREAD, None)
        sent.clear()
        self._headers = headers
        if (
            b"content-length" in headers
            and (size := int(headers[b"content-length"])) > self._limits.body_bytes
            and size > self._body_limit_bytes()
        ):
            self._refuse(self._body_too_large())
        if b"expect" in headers:
            self.continue_wanted = (
                headers[b"expect"].lower() == b"100-continue" and self._parser.get_http_version() == "1.1"
            )

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._complete()

    def _complete(self) -> None:
        self.reading = self.continue_wanted = False
        parser = self._parser
        is_announced = b"content-length" in self._headers  # and was looked at, so one piece is that long
        if (self._body.is_in_pieces() or not is_announced) and not self._is_body_within_limit():
            self._refuse(self._body_too_large())
        method = parser.get_method()
        # After CONNECT a client believes itself in a tunnel.
        stays_open = self.is_between_requests = parser.should_keep_alive() and method != b"CONNECT"
        request = _new_request(HttpRequest, (method, bytes(self._target), self._headers, self._body.take()))
        self.ready.append((request, stays_open))

    def _join_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        present = self._sent_headers.get(name)
        self._sent_headers[name] = value if present is None else present + b"," + value

    def unfinished_bytes(self) -> int:
        """Of the body that is being read."""
        return self._body.size()

    def _is_body_within_limit(self) -> bool:
        size = self.unfinished_bytes()
        return size <= self._limits.body_bytes or size <= self._body_limit_bytes()

    def _body_limit_bytes(self) -> int:
        return self._limits.body_bytes_of(bytes(self._target), self._headers)

    def _body_too_large(self) -> Refusal:
        return self._limits.body_too_large(self._body_limit_bytes())

    def _refusal_of_rest(self) -> Refusal | None:
        """What is wrong with what came after the head so far."""
        if not self._is_body_within_limit():
            return self._body_too_large()
        trailers = self._sent_headers
        if len(trailers) > HEADER_COUNT_LIMIT or (
            trailers and sum(map(len, (*trailers, *trailers.values()))) > self._limits.header_bytes
        ):
            return self._limits.header_too_large()
        return None

    def _refuse(self, refusal: Refusal) -> None:
        self.refusal = refusal
        raise ValueError(refusal.code)  # the only way to stop the parser; `feed` catches it

    def speaks_1_1(self) -> bool:
        """Whether the client does; it does not change that from one request to the next."""
        version = self._parser.get_http_version()
        return version == "1.1" or (version == NO_VERSION and self._spoke_1_1)


class _KeptNames(dict[tuple[bytes, ...], list[bytes]]):
    """The headers' names in lower case by their names as sent, which are the same again and again."""

    def __init__(self, kept: frozenset[bytes]) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, sent: tuple[bytes, ...]) -> list[bytes]:
        names = [name if (name := key.lower()) in self._kept else UNREAD for key in sent]
        if len(self) < NAMES_REMEMBERED and sum(map(len, sent)) < NAMES_REMEMBERED_BYTES:
            self[sent] = names
        return names


@lru_cache
def _kept_names(kept: frozenset[bytes]) -> _KeptNames:
    return _KeptNames(kept)
