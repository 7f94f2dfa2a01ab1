from __future__ import annotations

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from headwater.server.http import huffman

TEXTS = st.one_of(st.binary(max_size=300), st.text("abcdef0123456789/=, ", max_size=300).map(str.encode))
encode = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode


@given(TEXTS)
def test_every_text_is_read_as_it_was_written(text: bytes) -> None:
    coded = encode(text)
    assert huffman.decode(coded) == text
    assert huffman.remembered.get(coded, text) == text


def test_each_letter_has_the_code_that_the_standard_gives_it() -> None:
    assert list(huffman.CODE_BITS) == list(REQUEST_CODES_LENGTH)
    for letter in range(256):
        assert huffman.decode(encode(bytes((letter,)))) == bytes((letter,))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xff\xff\xff", id="the symbol that ends a text"),
        pytest.param(encode(b"a") + b"\xff", id="filling of a byte or more"),
        pytest.param(b"\x18", id="filling of zeros"),
        pytest.param(encode(b"\x00" * 20)[:-1], id="the middle of a letter"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(huffman.HuffmanError):
        huffman.decode(data)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huffman, "TEXTS_REMEMBERED", 10)
    for number in range(100):
        text = b"%050d" % number
        assert huffman.decode(encode(text)) == text
        assert len(huffman.remembered) <= 10 or number == 0


def test_a_text_that_is_refused_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(huffman.HuffmanError):
            huffman.decode(b"\x18")


def test_long_texts_are_not_remembered_whole() -> None:
    long = encode(b"x" * 1000)
    assert huffman.decode(long) == b"x" * 1000
    assert long not in huffman.remembered
