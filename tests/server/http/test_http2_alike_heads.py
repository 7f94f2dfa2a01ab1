"""First header blocks of connections, which are filled in where others were like them."""

from __future__ import annotations

from typing import Any

import pytest
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from headwater.server.http import http2_alike_heads
from headwater.server.http.exchange import EVERY_HEADER, HEADERS_READ
from headwater.server.http.http2_alike_heads import AlikeHeads
from headwater.server.http.http2_blocks import HeaderBlocks
from headwater.server.http.http2_events import ConnectionFault
from headwater.server.http.http2_heads import MalformedHead, RequestHead

Pairs = list[tuple[bytes, bytes]]
KEPT = [HEADERS_READ, EVERY_HEADER, None]
BYTES_MAX = 4000

COMMON: Pairs = [
    (b":authority", b"a-server-of-some-name.example:4566"),
    (b":path", b"/"),
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b"x-amz-target", b"Kinesis_20131202.PutRecord"),
]


def encoded(fields: Pairs) -> bytes:
    return bytes(Encoder().encode(fields))


def blocks_with(forms: AlikeHeads, kept: frozenset[bytes] | None = HEADERS_READ) -> HeaderBlocks:
    blocks = HeaderBlocks(BYTES_MAX, kept)
    blocks._alike = forms
    return blocks


def outcome(blocks: HeaderBlocks, block: bytes) -> Any:
    try:
        return blocks.head(block)
    except (MalformedHead, ConnectionFault) as error:
        return type(error), getattr(error, "code", None)


def is_filled_in(forms: AlikeHeads, block: bytes) -> bool:
    return forms.head(block, BYTES_MAX) is not None


ODD_VALUES = [b"", b"7", b"12", b"a value", b" x", b"x ", b"a\nb", b"\0", b"z" * 400]
VALUES = st.sampled_from(ODD_VALUES) | st.binary(max_size=40)
CONNECTIONS = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.sampled_from(
                    [b"authorization", b"content-length", b"x-id", b"date", b"te", b"expect", b"x-id"]
                ),
                VALUES,
            ),
            max_size=4,
        ),
        st.integers(0, 200),
        st.integers(0, 255),
    ),
    min_size=2,
    max_size=12,
)


@pytest.mark.parametrize("kept", KEPT, ids=["those that are read", "every one", "joined"])
@given(connections=CONNECTIONS)
def test_what_is_filled_in_is_what_would_have_been_read(
    kept: frozenset[bytes] | None, connections: list[tuple[Pairs, int, int]]
) -> None:
    forms = AlikeHeads()
    for fields, at, byte in connections:
        block = encoded(COMMON + fields)
        damaged = bytearray(block)
        damaged[at % len(block)] = byte
        for first in (block, block, bytes(damaged), block[: at % len(block)]):
            ours, plain = blocks_with(forms, kept), blocks_with(AlikeHeads(), kept)
            found = outcome(ours, first)
            assert found == outcome(plain, first)
            if isinstance(found, RequestHead):  # the next block stands on what the first has left
                for further in (b"\xbe", b"\xc0\xbf", first):
                    assert outcome(ours, further) == outcome(plain, further)


def head_fields(number: int) -> Pairs:
    return [
        *COMMON,
        (b"content-length", b"%d" % (number + 1)),
        (b"x-id", b"an id that is %d" % number),
        (b"x-amz-date", b"20261130T093931Z"),
        (b"authorization", b"signed as %d" % number),
    ]


def test_a_block_is_filled_in_once_two_were_read() -> None:
    forms = AlikeHeads()
    blocks = [encoded(head_fields(number)) for number in range(4)]
    for block in blocks[:2]:
        assert not is_filled_in(forms, block)
        blocks_with(forms).head(block)
    for number in (2, 3):
        head = blocks_with(forms).head(blocks[number])
        assert is_filled_in(forms, blocks[number])
        assert head.announced_bytes == number + 1
        assert head.headers[b"authorization"] == b"signed as %d" % number
        assert b"x-id" not in head.headers


def test_what_differs_later_is_open_from_then_on() -> None:
    forms = AlikeHeads()
    for number in range(2):
        blocks_with(forms).head(encoded(head_fields(number)))
    later = [*head_fields(2)[:-2], (b"x-amz-date", b"20261130T093932Z"), head_fields(2)[-1]]
    assert not is_filled_in(forms, encoded(later))
    assert blocks_with(forms).head(encoded(later)).headers[b"x-amz-date"] == b"20261130T093932Z"
    assert is_filled_in(forms, encoded(later))
    assert is_filled_in(forms, encoded(head_fields(3)))


def test_of_other_paths_each_has_its_own_form() -> None:
    forms = AlikeHeads()
    fields = [head_fields(0), [*COMMON[:1], (b":path", b"/other"), *head_fields(1)[2:]]]
    for _ in range(2):
        for each in fields:
            blocks_with(forms).head(encoded(each))
    assert [blocks_with(forms).head(encoded(each)).target for each in fields] == [b"/", b"/other"]
    assert all(is_filled_in(forms, encoded(each)) for each in fields)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2_alike_heads, "FRAMES_REMEMBERED", 10)
    forms = AlikeHeads()
    for number in range(100):
        for _ in range(2):
            blocks_with(forms).head(encoded([*COMMON, (b"x-%d" % number, b"a value")]))
        assert len(forms._texts) <= 10
        assert sum(map(len, forms._forms.values())) <= http2_alike_heads.FORMS_MAX


def test_a_block_that_is_long_or_refers_to_the_table_or_says_a_name_twice_has_no_form() -> None:
    forms = AlikeHeads()
    for further in (
        [(b"x-a", b"y" * 3000)],
        [(b"x-a", b"1"), (b"x-a", b"2")],
        [(b"x-a", b"1"), (b"x-a", b"1")],
    ):
        for _ in range(3):
            blocks_with(forms).head(encoded(COMMON + further))
    assert not forms._forms
