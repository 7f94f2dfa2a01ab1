"""Requests read from bytes, without a socket."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from headwater.server.http import limits
from headwater.server.http.exchange import HEADERS_READ
from headwater.server.http.http1_requests import RequestReader
from headwater.server.http.limits import ConnectionLimits

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, target: bytes = b"/", headers: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + target + b" HTTP/1.1\r\nHost: x\r\n" + headers + length + b"\r\n" + body


def test_a_request_may_arrive_byte_by_byte() -> None:
    reader = RequestReader(ConnectionLimits())
    for byte in post(b"hello", b"/a?b=c", b"X-Amz-Target: t\r\nUser-Agent: u\r\n"):
        assert not reader.ready
        reader.feed(bytes([byte]))
    request, stays_open = reader.ready[0]
    assert request.method == b"POST"
    assert request.target == b"/a?b=c"
    assert request.path == b"/a"
    assert request.body == b"hello"
    assert request.headers == {b"host": b"x", b"x-amz-target": b"t", b"content-length": b"5"}
    assert stays_open


def test_many_requests_may_arrive_in_one_read() -> None:
    reader = RequestReader(ConnectionLimits())
    reader.feed(GET + post(b"1") + post(b"2") + GET[:10])
    assert [request.body for request, _ in reader.ready] == [b"", b"1", b"2"]
    assert reader.reading
    assert reader.refusal is None


def test_a_chunked_body_is_joined_and_its_trailers_say_nothing() -> None:
    reader = RequestReader(ConnectionLimits())
    reader.feed(
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n3;note=1\r\ncde\r\n0\r\nAuthorization: later\r\n\r\n"
    )
    request, _ = reader.ready[0]
    assert request.body == b"abcde"
    assert b"authorization" not in request.headers


MANY_TRAILERS = [b"X-%d: 1\r\n" % n for n in range(103)]
LARGE_TRAILERS = [b"X: " + b"a" * 1000 + b"\r\n", b"Y: 1\r\n", b"Z: 1\r\n"]


@pytest.mark.parametrize("trailers", [MANY_TRAILERS, LARGE_TRAILERS])
def test_trailers_are_limited_as_headers_are(trailers: list[bytes]) -> None:
    reader = RequestReader(ConnectionLimits(header_bytes=1000))
    reader.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n")
    for trailer in trailers:
        reader.feed(trailer)
    assert reader.refusal is not None
    assert reader.refusal.status == 431


@pytest.mark.parametrize("body", [b"", b"ab", b"c" * 100_000])
def test_an_offer_to_change_the_protocol_is_ignored(body: bytes) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    reader = RequestReader(ConnectionLimits())
    reader.feed(post(body, headers=offer) + GET)
    assert [request.method for request, _ in reader.ready] == [b"POST", b"GET"]
    assert [request.body for request, _ in reader.ready] == [body, b""]
    assert [stays_open for _, stays_open in reader.ready] == [True, True]


@pytest.mark.parametrize(
    ("version", "options", "stays_open"),
    [(b"1.1", b"", True), (b"1.1", b"close, ", False), (b"1.0", b"", False), (b"1.0", b"keep-alive, ", True)],
)
def test_an_offer_changes_neither_the_version_nor_whether_the_connection_stays_open(
    version: bytes, options: bytes, stays_open: bool
) -> None:
    offer = b"GET / HTTP/%b\r\nHost: x\r\nConnection: %bUpgrade\r\nUpgrade: h2c\r\n\r\n"
    reader = RequestReader(ConnectionLimits(), None)
    reader.feed(offer % (version, options))
    ((request, may_stay_open),) = reader.ready
    assert request.headers[b"host"] == b"x"
    assert may_stay_open is stays_open
    assert reader.speaks_1_1() is (version == b"1.1")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET /\r\n\r\n" * 2,
        b"GET / HTTP/3.7\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_not_http_1_is_malformed(data: bytes) -> None:
    reader = RequestReader(ConnectionLimits())
    reader.feed(data)
    assert reader.refusal == limits.MALFORMED


def test_headers_are_limited_in_bytes_and_in_number() -> None:
    fits = RequestReader(ConnectionLimits(header_bytes=1000))
    fits.feed(b"GET / HTTP/1.1\r\nX: " + b"a" * 900 + b"\r\n\r\n")
    assert fits.ready
    for headers in (b"X: " + b"a" * 1000 + b"\r\n", b"".join(b"X-%d: 1\r\n" % n for n in range(101))):
        reader = RequestReader(ConnectionLimits(header_bytes=1000))
        reader.feed(b"GET / HTTP/1.1\r\n" + headers + b"\r\n")
        assert reader.refusal is not None
        assert reader.refusal.status == 431


@pytest.mark.parametrize("cuts", [(), (10,), (27,), (40,), (1500,), (40, 2026)])
@pytest.mark.parametrize("size", [2000, 500_000])
def test_headers_are_limited_wherever_reads_begin_and_end(cuts: tuple[int, ...], size: int) -> None:
    sent = GET + b"GET / HTTP/1.1\r\nX: " + b"a" * size + b"\r\n\r\n"
    reader = RequestReader(ConnectionLimits(header_bytes=1000))
    for begin, end in pairwise((0, *cuts, len(sent))):
        reader.feed(sent[begin:end])
    assert len(reader.ready) == 1
    assert reader.refusal is not None
    assert reader.refusal.status == 431


@pytest.mark.parametrize("step", [1, 70, 150, 10_000])
def test_a_head_may_be_short_whatever_stands_before_it(step: int) -> None:
    sent = (post(b"x" * 900) + b"GET / HTTP/1.1\r\nX: " + b"a" * 60 + b"\r\n\r\n") * 3
    reader = RequestReader(ConnectionLimits(header_bytes=150))
    for start in range(0, len(sent), step):
        reader.feed(sent[start : start + step])
    assert reader.refusal is None
    assert len(reader.ready) == 6


def test_a_header_without_an_end_is_refused_while_it_arrives() -> None:
    reader = RequestReader(ConnectionLimits(header_bytes=1000))
    reader.feed(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(11):
        reader.feed(b"a" * 100)
    assert reader.refusal is not None
    assert reader.refusal.status == 431


def test_a_body_is_refused_by_its_announced_length() -> None:
    reader = RequestReader(ConnectionLimits(body_bytes=10))
    reader.feed(post(b"0123456789"))
    reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n")
    assert reader.refusal is not None
    assert reader.refusal.status == 413
    assert len(reader.ready) == 1


def test_a_chunked_body_is_refused_when_it_has_grown_too_long() -> None:
    reader = RequestReader(ConnectionLimits(body_bytes=10))
    reader.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n")
    assert reader.refusal is None
    reader.feed(b"6\r\n012345\r\n")
    assert reader.refusal is not None
    assert reader.refusal.status == 413


def test_a_chunked_body_is_refused_though_it_arrives_in_one_piece() -> None:
    reader = RequestReader(ConnectionLimits(body_bytes=10))
    reader.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n")
    assert not reader.ready
    assert reader.refusal is not None
    assert reader.refusal.status == 413


@pytest.mark.parametrize("step", [1000, 65_536, 100_003, 262_144, 1_000_000])
@pytest.mark.parametrize("head", [b"", b"Connection: close\r\n", b"Expect: 100-continue\r\n"])
def test_a_long_body_is_read_whole_and_what_follows_it_is_the_next_request(head: bytes, step: int) -> None:
    body = bytes(range(256)) * 3000
    longer = b"POST /long HTTP/1.1\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    sent = longer + GET + longer + longer
    reader = RequestReader(ConnectionLimits())
    for start in range(0, len(sent), step):
        reader.feed(sent[start : start + step])
    read = [(request.method, request.target, request.body) for request, _ in reader.ready]
    if b"close" in head:
        assert read == [(b"POST", b"/long", body)]
        assert reader.refusal is not None
    else:
        assert read == [(b"POST", b"/long", body), (b"GET", b"/", b""), *[(b"POST", b"/long", body)] * 2]
        assert reader.refusal is None
        assert reader.is_between_requests
        assert reader.unfinished_bytes() == 0


def test_it_is_known_after_a_long_body_which_version_the_client_speaks() -> None:
    for version, speaks_1_1 in ((b"1.1", True), (b"1.0", False)):
        head = b"POST / HTTP/%b\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n"
        reader = RequestReader(ConnectionLimits())
        for _ in range(2):
            reader.feed(head % (version, 200_000) + b"x" * 1000)
            reader.feed(b"x" * 199_000)
            assert reader.ready.popleft()[1]
            assert reader.speaks_1_1() is speaks_1_1


def test_nothing_of_a_long_body_is_read_after_a_refusal() -> None:
    reader = RequestReader(ConnectionLimits())
    reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"x" * 1000)
    reader.give_up(limits.TOO_SLOW)
    reader.feed(b"x" * 199_000 + GET)
    assert not reader.ready


def test_a_body_may_be_larger_where_that_is_said() -> None:
    limits = ConnectionLimits(body_bytes=10, large_bodies=((b"/code", 20),))
    announced = b"POST /%b HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    chunked = (
        b"POST /%b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n" + b"8\r\n01234567\r\n"
    )
    for path, size, status in ((b"code/1", 20, None), (b"code/1", 21, 413), (b"other", 11, 413)):
        reader = RequestReader(limits)
        reader.feed(announced % (path, size))
        assert (reader.refusal and reader.refusal.status) == status
    for path, status in ((b"code", None), (b"other", 413)):
        reader = RequestReader(limits)
        reader.feed(chunked % path)
        assert (reader.refusal and reader.refusal.status) == status


HEADS = (
    b"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: B\r\nContent-Length: %d\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: %d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"POST / HTTP/1.0\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 0%d\r\n\r\n",
    b"POST / HTTP/1.1\r\nX-Long: %b\r\nContent-Length: %%d\r\n\r\n" % (b"x" * 2000),
    b"\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n",
)
BODIES = (b"", b"{}", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 99, b"x" * 999, b"x" * 9999)
OTHERS = (
    GET,
    b"\r\n\r\n",
    b"\r\n",
    b"POST / HTTP/1.1\nContent-Length: 6\n\n{}\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n{}",
    b"nonsense\r\n\r\n",
)
reads = st.builds(lambda head, body: head % len(body) + body, st.sampled_from(HEADS), st.sampled_from(BODIES))


def arrive(reader: RequestReader, data: bytes) -> None:
    """As on a connection."""
    request = reader.remembered(data)
    if request is None:
        reader.feed(data)
    else:
        reader.ready.append((request, True))


@given(
    st.lists(reads | st.sampled_from(OTHERS), min_size=1, max_size=4).flatmap(
        lambda pool: st.lists(st.sampled_from(pool), max_size=12)
    ),
    st.booleans(),
)
def test_a_remembered_head_says_what_the_parser_says(sent: list[bytes], keeps_all: bool) -> None:
    kept = None if keeps_all else HEADERS_READ
    limits = ConnectionLimits(body_bytes=5000, header_bytes=3000)
    remembering, parsing = RequestReader(limits, kept), RequestReader(limits, kept)
    for data in sent:
        arrive(remembering, data)
        parsing.feed(data[:1])
        parsing.feed(data[1:])  # what comes in pieces is parsed
        assert list(remembering.ready) == list(parsing.ready)
        assert remembering.refusal == parsing.refusal
        assert remembering.reading == parsing.reading


long_reads = st.builds(
    lambda head, size: head % size + b"y" * size,
    st.sampled_from(HEADS),
    st.sampled_from([65_536, 131_072, 262_144, 300_000, 400_000]),
)


@given(
    st.lists(reads | long_reads | st.sampled_from(OTHERS), min_size=1, max_size=5),
    st.lists(st.integers(0, 500_000) | st.integers(0, 500), max_size=8),
    st.sampled_from([1000, 350_000]),
)
def test_where_reads_begin_and_end_changes_nothing(sent: list[bytes], cuts: list[int], limit: int) -> None:
    whole = b"".join(sent)
    limits = ConnectionLimits(body_bytes=limit, header_bytes=1500)
    at_once, in_pieces = RequestReader(limits), RequestReader(limits)
    at_once.feed(whole)
    ends = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    for begin, end in pairwise(ends):
        arrive(in_pieces, whole[begin:end])
    assert list(at_once.ready) == list(in_pieces.ready)
    assert (at_once.refusal is None) == (in_pieces.refusal is None)
    assert at_once.reading == in_pieces.reading
    assert at_once.unfinished_bytes() == in_pieces.unfinished_bytes()


def test_a_head_that_comes_again_is_not_parsed_again() -> None:
    reader = RequestReader(ConnectionLimits())
    for body in (b"1", b"2", b"3", b"4"):
        arrive(reader, post(body))
    assert [request.body for request, _ in reader.ready] == [b"1", b"2", b"3", b"4"]
    heads = [request.headers for request, _ in reader.ready]
    assert heads[2] is heads[3]
    assert heads[0] == heads[3]


def test_heads_that_come_in_turn_are_not_parsed_again() -> None:
    reader = RequestReader(ConnectionLimits())
    assert [reader.remembered(post(b"1")), reader.remembered(post(b"22"))] == [None, None]
    for body in (b"1", b"22", b"3", b"44"):
        reader.feed(post(body))
    assert None not in [reader.remembered(post(b"5")), reader.remembered(post(b"66"))]
