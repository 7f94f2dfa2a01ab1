"""Shard iterators as tokens."""

from __future__ import annotations

from base64 import b64decode

import pytest

from headwater.engine.tokens.iterator_token import IteratorToken, issue_iterator, read_iterator
from headwater.engine.tokens.sealed_token import KEY_BYTES, Sealer
from headwater.model.arn import StreamName
from tests.tables import each

sealer = Sealer(bytes(KEY_BYTES), b"iterator")


def iterator(name: str = "orders", region: str = "eu-west-1", position: int = 42) -> IteratorToken:
    stream = StreamName("123456789012", region, name)
    return IteratorToken(1_700_000_000_123, stream, 1_600_000_000_456, 7, position)


@each("name", ["o", "orders", "x" * 128])
@each("region", ["eu-west-1", "us-gov-west-1"])
@each("position", [0, 42, 2**63 - 1])
def test_a_token_says_all_that_the_iterator_says(name: str, region: str, position: int) -> None:
    issued = iterator(name, region, position)
    assert read_iterator(sealer, issue_iterator(sealer, issued)) == issued


@pytest.mark.parametrize("name", ["o", "orders", "x" * 128])
def test_a_token_is_of_the_length_that_the_model_allows(name: str) -> None:
    assert 1 <= len(issue_iterator(sealer, iterator(name))) <= 512


def test_a_token_begins_as_those_of_aws_do() -> None:
    token = issue_iterator(sealer, iterator())
    assert b64decode(token)[:8] == bytes(7) + b"\x01"


def test_a_token_of_another_key_is_no_iterator() -> None:
    other = Sealer(bytes([1]) * KEY_BYTES, b"iterator")
    assert read_iterator(other, issue_iterator(sealer, iterator())) is None


@pytest.mark.parametrize("text", ["", "garbage", "A" * 224])
def test_garbage_is_no_iterator(text: str) -> None:
    assert read_iterator(sealer, text) is None
