from __future__ import annotations

from contextlib import suppress

import pytest
from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from hpack.table import HeaderTable
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.server.http import hpack
from headwater.server.http.hpack import HeaderDecoder, HpackError

NAMES = st.sampled_from([b"x-amz-date", b"authorization", b":method", b"date", b"cookie"]) | st.binary(
    min_size=1, max_size=20
)
FIELDS = st.tuples(NAMES, st.binary(max_size=200) | st.sampled_from([b"", b"POST", b"gzip"]))
BLOCKS = st.lists(
    st.tuples(st.lists(FIELDS, max_size=12), st.booleans(), st.sampled_from([None, 0, 100, 4096])), max_size=8
)


def test_the_static_table_is_that_of_the_standard() -> None:
    assert HeaderTable.STATIC_TABLE == hpack.STATIC_TABLE


@given(BLOCKS)
def test_blocks_are_read_as_they_were_written(
    blocks: list[tuple[list[hpack.Field], bool, int | None]],
) -> None:
    encoder, decoder = Encoder(), HeaderDecoder()
    for fields, huffman, table_bytes in blocks:
        if table_bytes is not None:
            encoder.header_table_size = table_bytes
        names, values = decoder.decode(encoder.encode(fields, huffman=huffman))
        assert list(zip(names, values, strict=True)) == fields


@given(BLOCKS)
def test_a_field_is_where_its_place_says(blocks: list[tuple[list[hpack.Field], bool, int | None]]) -> None:
    for fields, huffman, _ in blocks:
        block = Encoder().encode(fields, huffman=huffman)
        places = hpack.field_places(block)
        if places is None:  # the same field twice is an entry of the table
            assert len(set(fields)) < len(fields) or len({name for name, _ in fields}) < len(fields)
            continue
        assert [place.end for place in places] == [place.begin for place in places[1:]] + [len(block)] * bool(
            fields
        )
        for (begin, value_at, end), (name, value) in zip(places, fields, strict=True):
            assert HeaderDecoder().decode(block[begin:end]) == ((name,), [value])
            assert value_at == end or hpack.text_at(block, value_at) == (value, end)


def test_what_depends_on_the_table_has_no_place() -> None:
    assert hpack.field_places(b"\x20\x82") is None
    assert hpack.field_places(b"\x40\x01a\x01b\xbe") is None
    assert hpack.field_places(b"\x40\x01a\x01b\x7e\x01c") is None


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6))
@settings(max_examples=150)
def test_what_is_no_block_to_the_library_is_none_here(blocks: list[bytes]) -> None:
    theirs, ours = Decoder(), HeaderDecoder()
    theirs.max_allowed_table_size = hpack.TABLE_BYTES
    for block in blocks:
        try:
            expected = [(bytes(name), bytes(value)) for name, value in theirs.decode(block, raw=True)]
        except (HPACKError, UnicodeDecodeError):
            with pytest.raises(HpackError):
                ours.decode(block)
            return
        names, values = ours.decode(block)
        assert list(zip(names, values, strict=True)) == expected


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="the index 0"),
        pytest.param(b"\xbe", id="an entry that is not there"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\x0f", id="a huge index"),
        pytest.param(b"\x00\x05abc", id="a text beyond the block"),
        pytest.param(b"\x00", id="a field without a name"),
        pytest.param(b"\x3f\xe2\x1f", id="a table of more than is offered"),
        pytest.param(b"\x82\x20", id="a new size after a field"),
    ],
)
def test_what_is_no_block_is_refused(block: bytes) -> None:
    with pytest.raises(HpackError):
        HeaderDecoder().decode(block)


def test_a_client_cannot_make_the_table_larger_than_it_may_be() -> None:
    decoder = HeaderDecoder()
    for number in range(1000):
        decoder.decode(b"\x40" + hpack.text_bytes(b"x-%d" % number) + hpack.text_bytes(b"y" * 100))
        assert decoder._dynamic_bytes <= hpack.TABLE_BYTES
    assert 0 < len(decoder._dynamic) < 40


def test_a_block_that_changes_the_table_is_counted_as_such() -> None:
    decoder = HeaderDecoder()
    decoder.decode(b"\x82\x86\x84\x00\x01a\x01b")
    assert decoder.changes == 0
    decoder.decode(b"\x40\x01a\x01b")
    assert decoder.changes == 1
    with suppress(HpackError):
        decoder.decode(b"\x20")
    assert decoder.changes == 2


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.binary(max_size=40_000)), max_size=5))
def test_fields_of_answers_are_understood(fields: list[hpack.Field]) -> None:
    block = b"".join(hpack.field_bytes(name, value) for name, value in fields)
    decoder = Decoder(max_header_list_size=1 << 20)
    assert [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)] == fields
