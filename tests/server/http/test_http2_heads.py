from __future__ import annotations

import pytest
from hpack import Decoder

from headwater.server.http.exchange import HEADERS_READ, HttpResponse
from headwater.server.http.http2_heads import (
    ABSENT,
    HeadReader,
    MalformedHead,
    RequestHead,
    answer_block,
    check_trailers,
)
from tests.tables import each

Pairs = list[tuple[bytes, bytes]]

POST: Pairs = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/x?y"),
    (b":authority", b"localhost"),
]


def read(fields: Pairs, kept: frozenset[bytes] | None = HEADERS_READ) -> RequestHead:
    return HeadReader(kept).read(tuple(name for name, _ in fields), [value for _, value in fields])


def test_a_head_has_its_method_target_and_the_headers_that_are_kept() -> None:
    head = read([*POST, (b"x-amz-target", b"t"), (b"user-agent", b"u"), (b"content-length", b"7")])
    assert (head.method, head.target, head.announced_bytes, head.field_count) == (b"POST", b"/x?y", 7, 7)
    assert head.headers == {b"host": b"localhost", b"x-amz-target": b"t", b"content-length": b"7"}


def test_of_a_name_that_comes_twice_the_last_is_kept() -> None:
    assert read([*POST, (b"date", b"1"), (b"date", b"2")]).headers[b"date"] == b"2"


def test_where_all_headers_are_kept_those_of_one_name_are_joined() -> None:
    head = read([*POST, (b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")], kept=None)
    assert head.headers == {
        b"host": b"localhost",
        b":authority": b"localhost",
        b"x-a": b"1,3",
        b"x-b": b"2",
    }


def test_a_host_header_serves_as_the_authority_and_may_repeat_it() -> None:
    assert read([*POST[:3], (b"host", b"here")]).headers[b"host"] == b"here"
    assert read([*POST, (b"host", b"localhost")]).headers[b"host"] == b"localhost"


def test_connect_has_an_authority_and_nothing_else() -> None:
    head = read([(b":method", b"CONNECT"), (b":authority", b"x:1")])
    assert (head.method, head.target) == (b"CONNECT", b"")


def test_lengths_that_say_the_same_are_one() -> None:
    assert read([*POST, (b"content-length", b"3"), (b"content-length", b"3")]).announced_bytes == 3
    assert read(POST).announced_bytes == ABSENT


MALFORMED: dict[str, Pairs] = {
    "a capital letter": [*POST, (b"X-a", b"1")],
    "a space in a name": [*POST, (b"x a", b"1")],
    "a colon in a name": [*POST, (b"x:a", b"1")],
    "a letter beyond ASCII": [*POST, (b"x\xe9", b"1")],
    "no name": [*POST, (b"", b"1")],
    "a line's end in a value": [*POST, (b"x", b"1\n2")],
    "a carriage return in a value": [*POST, (b"x", b"1\r2")],
    "a NUL in a value": [*POST, (b"x", b"1\x002")],
    "a space before a value": [*POST, (b"x", b" 1")],
    "a space after a value": [*POST, (b"x", b"1 ")],
    "a tab before a value": [*POST, (b"x", b"\t1")],
    "a tab after the last value": [*POST, (b"x", b"1\t")],
    "connection": [*POST, (b"connection", b"close")],
    "transfer-encoding": [*POST, (b"transfer-encoding", b"chunked")],
    "upgrade": [*POST, (b"upgrade", b"h2c")],
    "keep-alive": [*POST, (b"keep-alive", b"1")],
    "te of more than trailers": [*POST, (b"te", b"gzip")],
    "a pseudo-header after a header": [*POST[:3], (b"x", b"1"), POST[3]],
    "a pseudo-header twice": [*POST, (b":path", b"/")],
    "a pseudo-header of answers": [*POST, (b":status", b"200")],
    "an extended CONNECT, which nobody offered": [*POST, (b":protocol", b"websocket")],
    "no method": POST[1:],
    "no scheme": [POST[0], *POST[2:]],
    "no path": [*POST[:2], POST[3]],
    "an empty path": [*POST[:2], (b":path", b""), POST[3]],
    "no host": POST[:3],
    "two hosts": [*POST[:3], (b"host", b"a"), (b"host", b"a")],
    "another host": [*POST, (b"host", b"elsewhere")],
    "CONNECT with a path": [(b":method", b"CONNECT"), *POST[1:]],
    "a length that is no number": [*POST, (b"content-length", b"-1")],
    "a length of too many digits": [*POST, (b"content-length", b"1" * 5000)],
    "two lengths": [*POST, (b"content-length", b"1"), (b"content-length", b"2")],
}


@each("kept", [HEADERS_READ, None])
@each("what", MALFORMED)
def test_a_head_is_malformed_by(what: str, kept: frozenset[bytes] | None) -> None:
    reader = HeadReader(kept)
    names, values = tuple(name for name, _ in MALFORMED[what]), [value for _, value in MALFORMED[what]]
    for _ in range(2):  # what is remembered of the names changes nothing
        with pytest.raises(MalformedHead):
            reader.read(names, values)


def test_trailers_are_fields_without_pseudo_headers() -> None:
    check_trailers((b"x",), [b"1"])
    for name, value in ((b":path", b"/"), (b"X", b"1"), (b"x", b"1\n")):
        with pytest.raises(MalformedHead):
            check_trailers((name,), [value])


def test_what_is_remembered_of_names_is_bounded() -> None:
    reader = HeadReader(HEADERS_READ)
    for number in range(1000):
        names = (*(name for name, _ in POST), b"x-%d" % number)
        reader.read(names, [*(value for _, value in POST), b""])
    assert len(reader._layouts) < 1000


@pytest.mark.parametrize("status", [200, 204, 404, 503])
def test_an_answers_fields_are_in_its_block(status: int) -> None:
    response = HttpResponse(status, (("Content-Type", "text/x"),), b"body", "id", "extended")
    fields = Decoder().decode(answer_block(response, "now"))
    assert {str(name): str(value) for name, value in fields} == {
        ":status": str(status),
        "content-type": "text/x",
        "x-amzn-requestid": "id",
        "x-amz-id-2": "extended",
        "date": "now",
        "content-length": "4",
    }
