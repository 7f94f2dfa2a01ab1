"""What the fields of an HTTP/2 header block say: the head of a request; and the fields of an answer.

Rules:
- which names a client sends, in which order, is the same again and again: whether they are right
  and where what matters stands is found out once, as a `Layout`, and remembered by the names;
- a head that RFC 9113, section 8, calls malformed is an error of its stream;
- of an answer, all that does not change from one to the next is written once.

Refuses to know frames, streams, and how fields are packed into bytes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from headwater.server.http.exchange import Fields, HttpResponse, says_length
from headwater.server.http.hpack import STATIC_TABLE, field_bytes, text_bytes

LAYOUTS_REMEMBERED = 256
LAYOUT_BYTES_MAX = 2048
"""Of its names; the layout of longer ones is made each time."""
UNREAD = b""
"""Stands for the name of a header that nobody reads."""
ABSENT = -1

NAME = re.compile(rb":?[!-9;-@\[-`a-~]+")
"""No capitals, no spaces, a colon at the beginning only."""
PSEUDO_HEADERS = frozenset({b":method", b":scheme", b":authority", b":path"})
FORBIDDEN = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
"""What belongs to a connection, and would mean something else on the next one."""
DIGITS_MAX = 18
"""Of a length; nobody has more bytes."""


class MalformedHead(ValueError):
    """The fields are no head of a request."""


class RequestHead(NamedTuple):
    """What a request says before its body. One value may serve many requests: it is only read."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    announced_bytes: int
    """The body's length; `ABSENT` if the head does not say it."""
    field_count: int
    expects_continue: bool


class Layout(NamedTuple):
    """Where in a list of fields is what matters."""

    kept: list[bytes]
    """Under which name each value is kept; `UNREAD` for those that are not."""
    method: int
    scheme: int
    authority: int
    path: int
    hosts: tuple[int, ...]
    lengths: tuple[int, ...]
    te: tuple[int, ...]


NUL, TAB, CARRIAGE_RETURN, SPACE = b"\0\t\r "
"""As numbers: to look for a `bytes`, `in` first raises a TypeError within, which costs a microsecond."""

_new_head = tuple.__new__


class HeadReader:
    """Reads the heads of requests for all connections that keep the same headers."""

    def __init__(self, kept: frozenset[bytes] | None) -> None:
        """`kept` are the headers to keep; `None` is all of them, values of one name joined by commas."""
        self._kept = kept
        self._layouts: dict[tuple[bytes, ...], Layout] = {}

    def read(self, names: tuple[bytes, ...], values: list[bytes]) -> RequestHead:
        """The head that these fields are. Raises MalformedHead."""
        layout = self._layouts.get(names) or self._lay_out(names)
        kept, method_at, scheme_at, authority_at, path_at, hosts, lengths, te = layout
        check_values(values)
        method = values[method_at]
        authority = values[authority_at] if authority_at >= 0 else values[hosts[0]]
        if hosts and (len(hosts) > 1 or values[hosts[0]] != authority):
            raise MalformedHead("a request has two hosts")
        if te and any(values[at].lower() != b"trailers" for at in te):
            raise MalformedHead("te says more than trailers")
        if method == b"CONNECT":
            if path_at >= 0 or scheme_at >= 0 or authority_at < 0:
                raise MalformedHead("CONNECT has an authority, and neither scheme nor path")
            target = b""
        elif path_at < 0 or scheme_at < 0 or not values[path_at]:
            raise MalformedHead("a request has a scheme and a path")
        else:
            target = values[path_at]
        headers = (
            dict(zip(kept, values, strict=True))
            if self._kept is not None
            else _joined(names, values, authority)
        )
        headers.pop(UNREAD, None)
        announced = announced_length({values[at] for at in lengths}) if lengths else ABSENT
        expects = b"expect" in headers and headers[b"expect"].lower() == b"100-continue"
        return _new_head(RequestHead, (method, target, headers, announced, len(names), expects))

    def _lay_out(self, names: tuple[bytes, ...]) -> Layout:
        check_names(names)
        pseudo = [name for name in names if name[0] == 0x3A]
        if len(set(pseudo)) < len(pseudo) or not PSEUDO_HEADERS.issuperset(pseudo):
            raise MalformedHead("a pseudo-header stands twice, or is none of a request")
        if pseudo != list(names[: len(pseudo)]):
            raise MalformedHead("a pseudo-header stands after other fields")
        if b":method" not in pseudo or not (b":authority" in pseudo or b"host" in names):
            raise MalformedHead("a request has a method and a host")
        method, scheme, authority, path = (
            names.index(name) if name in pseudo else ABSENT
            for name in (b":method", b":scheme", b":authority", b":path")
        )
        layout = Layout(
            [self._kept_name(name) for name in names],
            method,
            scheme,
            authority,
            path,
            _places(names, b"host"),
            _places(names, b"content-length"),
            _places(names, b"te"),
        )
        if len(self._layouts) < LAYOUTS_REMEMBERED and sum(map(len, names)) < LAYOUT_BYTES_MAX:
            self._layouts[names] = layout
        return layout

    def _kept_name(self, name: bytes) -> bytes:
        if name == b":authority":  # a host header may stand beside it, if it says the same
            return b"host"
        return name if name[0] != 0x3A and (self._kept is None or name in self._kept) else UNREAD


@lru_cache
def head_reader(kept: frozenset[bytes] | None) -> HeadReader:
    """The reader of all connections that keep the same headers."""
    return HeadReader(kept)


def check_trailers(names: tuple[bytes, ...], values: list[bytes]) -> None:
    """Trailers say nothing here, but must be fields. Raises MalformedHead."""
    check_names(names)
    check_values(values)
    if any(name[0] == 0x3A for name in names):
        raise MalformedHead("a pseudo-header stands in trailers")


def check_names(names: tuple[bytes, ...]) -> None:
    """Raise MalformedHead for what no field may be called."""
    for name in names:
        if NAME.fullmatch(name) is None or name in FORBIDDEN:
            raise MalformedHead("no field has this name")


def check_values(values: list[bytes]) -> None:
    """Raise MalformedHead for a value with a line's end, a NUL, or spaces around it.

    All of them are looked at in one text of a line for each: to look at each costs more than
    everything else that is done with it.
    """
    text = b"\n%b\n" % b"\n".join(values)
    if (
        text.count(b"\n") != len(values) + 1
        or CARRIAGE_RETURN in text
        or NUL in text
        or (SPACE in text and (text.find(b"\n ") >= 0 or text.find(b" \n") >= 0))
        or (TAB in text and (text.find(b"\n\t") >= 0 or text.find(b"\t\n") >= 0))
    ):
        raise MalformedHead("a value has a line's end, a NUL, or spaces around it")


def _joined(names: tuple[bytes, ...], values: list[bytes], authority: bytes) -> dict[bytes, bytes]:
    """Every header, for who verifies signatures."""
    headers: dict[bytes, bytes] = {}
    for name, value in zip(names, values, strict=True):
        if name[0] == 0x3A:
            continue
        headers[name] = headers[name] + b"," + value if name in headers and name != b"host" else value
    headers[b"host"] = authority
    if b":authority" in names:  # some clients sign it by this name
        headers[b":authority"] = authority
    return headers


def _places(names: tuple[bytes, ...], wanted: bytes) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(names) if name == wanted)


def announced_length(said: set[bytes]) -> int:
    """The length that a request's head says its body has, in so many ways. Raises MalformedHead."""
    text = said.pop()
    if said or not (text.isdigit() and len(text) <= DIGITS_MAX):
        raise MalformedHead("a length is not a number, or another one too")
    return int(text)


# Answers.

STATUS_200 = b"\x88"
STATUS_NAME = b"\x08"
"""A value for `:status`, whose name is in the static table."""


def _static_name(name: bytes) -> bytes:
    """The beginning of a field, plainly written, whose name is in the static table."""
    index = next(index for index, field in enumerate(STATIC_TABLE, 1) if field[0] == name)
    return bytes((0x0F, index - 0x0F))


DATE, LENGTH = _static_name(b"date"), _static_name(b"content-length")
CONTINUE_BLOCK = STATUS_NAME + text_bytes(b"100")
REQUEST_ID, EXTENDED_ID, LENGTH_TEXT = (
    name.decode("latin-1")
    for name in (b"\0" + text_bytes(b"x-amzn-requestid"), b"\0" + text_bytes(b"x-amz-id-2"), LENGTH)
)
_LETTERS = "".join(map(chr, range(0x7F)))
"""By the byte that each is."""


def answer_block(response: HttpResponse, date: str) -> bytes:
    """The header block of an answer.

    It is written as a text of which each letter is a byte: that takes a fifth of the time that
    formatting bytes does. Ids and lengths are so short that one byte says how long they are.
    """
    status, fields, body, request_id, extended_id, source = response
    if extended_id:
        ids = f"{_LETTERS[len(request_id)]}{request_id}{EXTENDED_ID}{_LETTERS[len(extended_id)]}{extended_id}"
    else:
        ids = _LETTERS[len(request_id)] + request_id
    length = ""
    if source is None and (body or not says_length(fields)):
        digits = str(len(body))
        length = f"{LENGTH_TEXT}{_LETTERS[len(digits)]}{digits}"
    return f"{_fixed_block(status, fields, date)}{ids}{length}".encode("latin-1")


@lru_cache(maxsize=256)
def _fixed_block(status: int, fields: Fields, date: str) -> str:
    """The fields of answers of one kind in one second, and the name of the next one, which is their id."""
    block = STATUS_200 if status == 200 else STATUS_NAME + text_bytes(b"%d" % status)
    block += b"".join(
        field_bytes(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields
    )
    return (block + DATE + text_bytes(date.encode())).decode("latin-1") + REQUEST_ID
