"""Tokens that cannot be forged."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from headwater.engine.tokens.sealed_token import KEY_BYTES, SEAL_BYTES, Sealer

KEY = bytes(range(KEY_BYTES))
sealer = Sealer(KEY, b"iterator")


@pytest.mark.parametrize("content", [b"", b"\x00", b"content", bytes(200)])
def test_a_token_gives_its_content_back(content: bytes) -> None:
    assert sealer.open(sealer.seal(content)) == content


def test_the_same_content_and_key_make_the_same_token() -> None:
    assert Sealer(KEY, b"iterator").seal(b"content") == sealer.seal(b"content")


def test_a_token_of_another_key_or_kind_is_refused() -> None:
    token = sealer.seal(b"content")
    assert Sealer(KEY[::-1], b"iterator").open(token) is None
    assert Sealer(KEY, b"page").open(token) is None


def test_a_token_is_garbage_outside_its_scope() -> None:
    token = sealer.within(b"one").seal(b"content")
    assert sealer.within(b"one").open(token) == b"content"
    assert sealer.within(b"two").open(token) is None
    assert sealer.open(token) is None
    assert sealer.within(b"one").open(sealer.seal(b"content")) is None


def test_a_token_with_any_bit_changed_is_refused() -> None:
    sealed = b64decode(sealer.seal(b"content"))
    for bit in range(len(sealed) * 8):
        forged = bytearray(sealed)
        forged[bit // 8] ^= 1 << bit % 8
        assert sealer.open(b64encode(forged).decode()) is None


def test_a_token_that_is_cut_or_grown_is_refused() -> None:
    token = sealer.seal(b"content")
    assert all(sealer.open(token[:length]) is None for length in range(len(token)))
    assert sealer.open(token + "AAAA") is None
    assert sealer.open(token * 2) is None


@pytest.mark.parametrize("text", ["", "garbage", "=", "ü", "☕" * 10, "A" * SEAL_BYTES, "A" * 512, "\ud800"])
def test_garbage_is_refused(text: str) -> None:
    assert sealer.open(text) is None


def test_only_one_spelling_of_a_token_is_taken() -> None:
    token = sealer.seal(b"")
    stem, last = token[:-3], token[-3]
    spellings = [f"{stem}{chr(ord(last) + step)}==" for step in range(1, 16)]
    assert b64decode(spellings[0]) == b64decode(token)
    assert [sealer.open(spelling) for spelling in spellings] == [None] * 15
