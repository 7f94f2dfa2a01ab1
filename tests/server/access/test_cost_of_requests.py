"""What a request costs, in memory and in work, against its size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from sys import setprofile
from time import process_time
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from headwater.model.errors import KinesisError
from headwater.neighbours.requests import changing_action, operation_of, service_for
from headwater.server.access.authentication import Authentication
from headwater.server.access.credentials import KnownKey
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.access.verification import Verification
from headwater.server.http.exchange import HttpRequest
from headwater.server.http.http1_requests import RequestReader
from headwater.server.http.http2_heads import ABSENT, RequestHead
from headwater.server.http.http2_stream import Http2Stream
from headwater.server.http.limits import ConnectionLimits
from headwater.server.neighbour import service_of
from headwater.wire.signature_v4 import ChunkForm
from headwater.wire.signed_chunks import read_chunks

BODY_BYTES = 512 * 1024
FRAMES_BYTES = 128 * 1024
TIMES_ITS_SIZE = 5
MARKERS = (
    "Credential=",
    "X-Amz-Credential=",
    "Credential=/",
    "Credential=a/s3/",
    "Signature=",
    "SignedHeaders=host,",
    "Credential=/%2F",
    "%2F",
    "/",
    ",",
    " ",
    "a=b&",
    "&",
    "=",
    ";",
    "%",
    "host;",
    "x;",
    ":",
    ".",
    "a.",
    "http://",
    "+",
    "\t",
    "Action=",
)
"""What parsers of headers and queries look for."""
PARTS: dict[str, Callable[[str], HttpRequest]] = {
    "authorization": lambda text: asked({b"authorization": text.encode()}),
    "algorithm and authorization": lambda text: asked(
        {b"authorization": b"AWS4-HMAC-SHA256 " + text.encode(), b"x-amz-date": b"20261120T000000Z"}
    ),
    "query": lambda text: asked({}, f"/?{text}"),
    "presigned query": lambda text: asked({}, f"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&{text}"),
    "path": lambda text: asked({}, f"/{text}"),
    "signed headers": lambda text: asked(signed_over(text)),
    "date": lambda text: asked(signed_over("host") | {b"x-amz-date": text.encode()}),
    "host": lambda text: asked({b"host": text.encode()}),
    "origin": lambda text: asked({b"origin": text.encode()}),
    "referer": lambda text: asked({b"referer": text.encode()}),
    "target": lambda text: asked({b"x-amz-target": text.encode()}),
    "form": lambda text: asked({b"content-type": b"application/x-www-form-urlencoded"}, body=text.encode()),
}


def asked(headers: dict[bytes, bytes], target: str = "/", body: bytes = b"") -> HttpRequest:
    return HttpRequest(b"GET", target.encode(), {b"host": b"localhost", **headers}, body)


def signed_over(names: str) -> dict[bytes, bytes]:
    """Headers of a signature that is right but for what it is: every check comes before that."""
    credential = "AKID/20261120/us-east-1/kinesis/aws4_request"
    header = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date;{names}, Signature=0a"
    return {
        b"authorization": header.encode(),
        b"x-amz-date": b"20261120T000000Z",
        b"x": b"v" * len(names),
    }


def read_as_server(request: HttpRequest) -> None:
    """Everything that is looked at in a request's head, as far as errors let it."""
    clock = ManualClock(1_795_132_800_000)
    verification = Verification("000000000000", "us-east-1", {"AKID": KnownKey("AKID", "secret")}, clock)
    HostPolicy((), ()).admits(request.headers.get(b"host"))
    OriginPolicy(()).trust_in(request.headers)
    service = service_of(request)
    for call in (
        Authentication("000000000000", "us-east-1").caller,
        verification.caller,
        lambda each: service_for(each, service),
        lambda each: changing_action(each, service),
        operation_of,
    ):
        try:
            call(request)
        except KinesisError as error:
            assert error.message is None or len(error.message) < 40 * 32_000  # noqa: PT017 - any of them


TRIES = 5


def cpu_s(work: Callable[[], Any]) -> float:
    began_s = process_time()
    work()
    return process_time() - began_s


def is_in_proportion(little: Callable[[], Any], eight_times_as_much: Callable[[], Any]) -> bool:
    """Whether much takes about eight times the work of little, once of several times: others use the machine.

    Squares would be 64 times the work; below two milliseconds all is well.
    """
    return any(cpu_s(eight_times_as_much) < max(24 * cpu_s(little), 0.002) for _ in range(TRIES))


@pytest.mark.parametrize("part", PARTS)
def test_reading_a_head_takes_work_in_proportion_to_its_size(part: str) -> None:
    for marker in MARKERS:
        short, long = (PARTS[part](marker * (size // len(marker))) for size in (3_800, 30_400))
        read_short, read_long = partial(read_as_server, short), partial(read_as_server, long)
        assert is_in_proportion(read_short, read_long), f"{marker!r} in the {part}"


def chunked(body_bytes: int) -> Iterator[bytes]:
    """A request whose body comes in chunks of two bytes, many in one read."""
    yield b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(body_bytes // 2 // 4096):
        yield b"2\r\nab\r\n" * 4096


def peak_bytes(work: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read_pieces(pieces: Iterator[bytes]) -> RequestReader:
    reader = RequestReader(ConnectionLimits())
    for piece in pieces:
        reader.feed(piece)
    return reader


def test_a_body_in_chunks_of_two_bytes_costs_little_more_than_its_size() -> None:
    read: list[RequestReader] = []
    assert peak_bytes(lambda: read.append(read_pieces(chunked(BODY_BYTES)))) < TIMES_ITS_SIZE * BODY_BYTES
    assert read[0].unfinished_bytes() == BODY_BYTES
    read[0].feed(b"0\r\n\r\n")
    request, _ = read[0].ready.popleft()
    assert request.body == b"ab" * (BODY_BYTES // 2)
    assert read[0].unfinished_bytes() == 0


@pytest.mark.long  # everyday: in several reads, above
def test_a_body_that_is_given_to_the_reader_at_once_costs_no_more() -> None:
    size = 2 * 1024 * 1024  # beside which the parts that the reader keeps before it joins them are little
    whole = b"".join(chunked(size))
    assert peak_bytes(lambda: read_pieces(iter((whole,)))) < TIMES_ITS_SIZE * size


def test_a_body_byte_by_byte_costs_little_more_than_its_size() -> None:
    size = 100_000
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (size + 2)
    assert (
        peak_bytes(lambda: read_pieces(iter((head, *[b"ab"] * (size // 2)))))
        < TIMES_ITS_SIZE * size + 900_000
    )


def test_reading_a_body_byte_by_byte_takes_work_in_proportion_to_its_size() -> None:
    def read(size: int) -> None:
        read_pieces(iter((b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (size + 1), *[b"a"] * size)))

    assert is_in_proportion(lambda: read(5_000), lambda: read(40_000))


def test_a_target_byte_by_byte_is_kept_in_one_piece() -> None:
    target = b"/" + b"ab" * 15_000
    pieces = [b"GET ", *(target[at : at + 2] for at in range(0, len(target), 2)), b" HTTP/1.1\r\n\r\n"]
    reader = RequestReader(ConnectionLimits())
    for piece in pieces[:-1]:
        reader.feed(piece)
    assert peak_bytes(lambda: reader.feed(pieces[-1])) < 200_000
    assert reader.ready[0][0].target == target


def test_a_stream_in_frames_of_two_bytes_costs_little_more_than_its_size() -> None:
    def arrive() -> None:
        stream = Http2Stream(1, RequestHead(b"POST", b"/", {}, ABSENT, 0, False), 0, 0)
        for _ in range(FRAMES_BYTES // 2):
            stream.add_to_body(bytes(bytearray(b"ab")))
        assert len(stream.request().body) == FRAMES_BYTES

    assert peak_bytes(arrive) < TIMES_ITS_SIZE * FRAMES_BYTES


@pytest.mark.parametrize("is_signed", [True, False])
def test_an_upload_in_chunks_of_two_bytes_costs_little_more_than_its_size(is_signed: bool) -> None:
    form = ChunkForm(is_signed=is_signed, has_trailer=not is_signed)
    signed = b";chunk-signature=" + b"0" * 64 if is_signed else b""
    end = b"\r\n" if is_signed else b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    body = b"2%b\r\nab\r\n" % signed * 10_000 + b"0%b\r\n" % signed + end
    found: list[bytes] = []
    assert peak_bytes(lambda: found.append(read_chunks(body, form).data)) < TIMES_ITS_SIZE * len(body)
    assert found == [b"ab" * 10_000]


def test_naming_a_form_looks_at_nothing_but_its_action() -> None:
    form = {b"content-type": b"application/x-www-form-urlencoded"}
    request = asked(form, body=b"a=b&" * 250_000 + b"Action=CreateQueue")
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    setprofile(count)
    try:
        name = operation_of(request)
    finally:
        setprofile(None)
    assert name == "CreateQueue"
    assert calls < 50
    assert peak_bytes(lambda: operation_of(request)) < 100_000
