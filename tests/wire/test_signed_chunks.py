from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.model.errors import SerializationException
from headwater.wire.signature_v4 import PAYLOAD_FORMS, ChunkForm, Scope, SignedRequest, signature_of
from headwater.wire.signed_chunks import ChunkedBody, read_chunks, verify_chunks

SIGNED = PAYLOAD_FORMS["STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]
WITH_TRAILER = PAYLOAD_FORMS["STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"]
UNSIGNED = PAYLOAD_FORMS["STREAMING-UNSIGNED-PAYLOAD-TRAILER"]

# The two examples that AWS publishes: 65 KiB of the letter a, in two chunks.
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TIMESTAMP = "20130524T000000Z"
SCOPE = Scope("20130524", "us-east-1", "s3")
DATA = b"a" * 66_560
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
CHUNKS = [
    (b"a" * 65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]
TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
TRAILER_CHUNKS = [
    (b"a" * 65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
    (b"a" * 1_024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
    (b"", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
]
TRAILER = b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
TRAILER_SIGNATURE = (
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
)


def sent(chunks: list[tuple[bytes, str]], end: bytes = b"\r\n") -> bytes:
    parts = [
        b"%x;chunk-signature=%s\r\n%s%s" % (len(data), signed.encode(), data, b"\r\n" if data else b"")
        for data, signed in chunks
    ]
    return b"".join(parts) + end


def read(body: bytes, form: ChunkForm | None) -> ChunkedBody:
    assert form is not None
    return read_chunks(body, form)


def verify(body: ChunkedBody, seed: str) -> bool:
    return verify_chunks(body, seed, SECRET, TIMESTAMP, SCOPE)


def test_the_seed_is_the_signature_of_the_request() -> None:
    headers = {
        b"content-encoding": b"aws-chunked",
        b"content-length": b"66824",
        b"host": b"s3.amazonaws.com",
        b"x-amz-content-sha256": b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        b"x-amz-date": TIMESTAMP.encode(),
        b"x-amz-decoded-content-length": b"66560",
        b"x-amz-storage-class": b"REDUCED_REDUNDANCY",
    }
    body = sent(CHUNKS)
    assert len(body) == 66_824
    message = SignedRequest(b"PUT", b"/examplebucket/chunkObject.txt", headers, body)
    assert signature_of(message, [name.decode() for name in headers], SECRET, TIMESTAMP, SCOPE) == SEED


def test_the_published_chunks_are_read_and_right() -> None:
    body = read(sent(CHUNKS), SIGNED)
    assert body.data == DATA
    assert verify(body, SEED)


def test_the_published_chunks_with_a_trailer_are_read_and_right() -> None:
    body = read(sent(TRAILER_CHUNKS, TRAILER + TRAILER_SIGNATURE + b"\r\n"), WITH_TRAILER)
    assert body.data == DATA
    assert verify(body, TRAILER_SEED)


def test_each_signature_follows_from_the_one_before() -> None:
    assert not verify(read(sent(CHUNKS), SIGNED), TRAILER_SEED)
    for at in range(2):
        data, signed = CHUNKS[at]
        changed = [*CHUNKS]
        changed[at] = (b"b" + data[1:], signed)
        assert not verify(read(sent(changed), SIGNED), SEED)
        assert not verify(read(sent([*CHUNKS[:at], *CHUNKS[at + 1 :]]), SIGNED), SEED)


def test_a_trailer_that_was_changed_is_not_right() -> None:
    end = TRAILER.replace(b"sOO8", b"xOO8") + TRAILER_SIGNATURE + b"\r\n"
    assert not verify(read(sent(TRAILER_CHUNKS, end), WITH_TRAILER), TRAILER_SEED)


def test_chunks_without_signatures_are_only_read() -> None:
    body = read(b"3\r\nabc\r\n2\r\nde\r\n0\r\n" + TRAILER + b"\r\n", UNSIGNED)
    assert body.data == b"abcde"
    assert verify(body, "")


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"", SIGNED),
        (sent(CHUNKS)[:-100], SIGNED),
        (sent(CHUNKS, b"more"), SIGNED),
        (sent(CHUNKS, TRAILER + b"\r\n"), SIGNED),
        (sent(CHUNKS).replace(b"\r\n", b"\n"), SIGNED),
        (b"3\r\nabc\r\n0\r\n\r\n", SIGNED),
        (b"-1;chunk-signature=" + b"0" * 64 + b"\r\n\r\n", SIGNED),
        (sent(TRAILER_CHUNKS), WITH_TRAILER),
        (sent(TRAILER_CHUNKS, TRAILER + b"\r\n"), WITH_TRAILER),
        (b"0\r\n\r\n", UNSIGNED),
        (b"0\r\n" + TRAILER + TRAILER_SIGNATURE + b"\r\n", UNSIGNED),
        (b"3\r\nabcd\r\n0\r\n" + TRAILER, UNSIGNED),
    ],
)
def test_what_is_not_of_the_form_is_refused(body: bytes, form: ChunkForm | None) -> None:
    with pytest.raises(SerializationException):
        read(body, form)


@given(st.binary(max_size=200), st.sampled_from([SIGNED, WITH_TRAILER, UNSIGNED]))
def test_nothing_else_is_ever_raised(body: bytes, form: ChunkForm | None) -> None:
    with suppress(SerializationException):
        read(body, form)
