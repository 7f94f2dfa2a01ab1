from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from headwater.model.cut_payloads import (
    COPIED_BYTES,
    CutPayloads,
    ReadBlock,
    joined,
    lengths_of,
    size_in_all,
)

pieces_of_all_sizes = st.lists(st.binary(max_size=5), max_size=20)


def cut(pieces: list[bytes], before: bytes = b"") -> CutPayloads:
    return CutPayloads(ReadBlock(before + b"".join(pieces) + b"after"), len(before), tuple(map(len, pieces)))


@given(pieces_of_all_sizes, st.binary(max_size=3))
def test_payloads_in_one_piece_are_a_list_of_them(pieces: list[bytes], before: bytes) -> None:
    payloads = cut(pieces, before)
    assert list(payloads) == pieces
    assert len(payloads) == len(pieces)
    assert [bytes(payloads[at]) for at in range(len(pieces))] == pieces
    assert joined(payloads) == joined(pieces) == b"".join(pieces)
    assert list(lengths_of(payloads)) == list(lengths_of(pieces))
    assert size_in_all(payloads) == size_in_all(pieces) == sum(map(len, pieces))


@given(pieces_of_all_sizes, st.integers(-5, 25), st.integers(-5, 25), st.sampled_from([1, 2, -1]))
def test_a_part_of_them_is_what_it_is_of_a_list(pieces: list[bytes], begin: int, end: int, step: int) -> None:
    assert list(cut(pieces)[begin:end:step]) == pieces[begin:end:step]


@pytest.mark.parametrize("size", [COPIED_BYTES, COPIED_BYTES + 1])
def test_large_ones_are_views_of_the_whole(size: int) -> None:
    pieces = [b"x" * size, b"y" * size]
    found = list(cut(pieces))
    assert found == pieces
    assert [type(piece) for piece in found] == [bytes if size == COPIED_BYTES else memoryview] * 2


def test_a_place_behind_the_last_is_an_error() -> None:
    with pytest.raises(IndexError):
        cut([b"a"])[1]
