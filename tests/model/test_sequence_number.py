"""Sequence numbers."""

from __future__ import annotations

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from headwater.api.validation.api_model import api_model
from headwater.model.sequence_number import (
    ENDING_INDEX,
    MANY,
    SequenceNumber,
    common_beginning,
    format_sequence_number,
    number_texts,
    parse_sequence_number,
    sequence_base,
)
from tests.tables import each

EPOCH_S = 1_700_000_000


def number(epoch_s: int = EPOCH_S, shard: int = 0, index: int = 1, time_s: int = EPOCH_S + 10) -> str:
    return format_sequence_number(sequence_base(epoch_s, shard), index, time_s)


def test_the_layout_shows_in_hexadecimal() -> None:
    text = number(shard=0x1234_567A, index=0xABC, time_s=EPOCH_S + 1)
    epoch, time = f"{EPOCH_S:09x}", f"{EPOCH_S + 1:09x}"
    assert f"{int(text):x}" == f"2{epoch}a{0xABC:016x}00{time}1234567a2"


@each("shard", [0, 1, 15, 16, 9_999, 2**31 - 1])
@each("index", [0, 1, 2**40, ENDING_INDEX])
@each("time_s", [EPOCH_S, 2_500_000_000])
def test_every_part_can_be_read_back(shard: int, index: int, time_s: int) -> None:
    text = number(shard=shard, index=index, time_s=time_s)
    assert parse_sequence_number(text) == SequenceNumber(EPOCH_S, shard, index, time_s)


@pytest.mark.parametrize("epoch_s", [0, EPOCH_S, 4_000_000_000])
@pytest.mark.parametrize("index", [0, ENDING_INDEX])
def test_the_width_is_fixed_and_the_models_pattern_is_met(epoch_s: int, index: int) -> None:
    text = number(epoch_s=epoch_s, index=index)
    assert len(text) == 56
    assert re.fullmatch(api_model().shapes["SequenceNumber"].pattern or "", text)


def test_numbers_grow_as_numbers_and_as_text() -> None:
    ordered = [
        number(index=0, time_s=EPOCH_S),
        number(index=1),
        number(index=2),
        number(index=2, time_s=EPOCH_S + 11),
        number(index=10, time_s=EPOCH_S + 11),
        number(index=ENDING_INDEX, time_s=EPOCH_S + 11),
        number(epoch_s=EPOCH_S + 1, index=0),
        number(epoch_s=EPOCH_S + 1, shard=1, index=0),
    ]
    assert ordered == sorted(ordered) == sorted(ordered, key=int)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "first",
        number()[:-1],
        number() + "0",
        "9" * 56,
        "1" * 56,
        number().replace("4", "٤", 1),  # a digit, but not ASCII's
        f"-{number()[1:]}",
        str(int(number()) + 1),  # the last hexadecimal digit is the layout: 2, or 1 once
        str(int(number()) + (1 << 143)),  # an index beyond the last one
        number(epoch_s=16_025_175_000),  # created later than AWS takes
    ],
)
def test_other_text_is_no_sequence_number(text: str) -> None:
    assert parse_sequence_number(text) is None


@pytest.mark.parametrize("version", [0, 1])
def test_the_older_layouts_are_told_apart(version: int) -> None:
    older = {0: str((1_400_000_000 << 88) + 7), 1: str(int(number(shard=7)) - 1)}[version]
    parsed = parse_sequence_number(older)
    assert parsed is not None
    assert (parsed.version, parsed.shard_index) == (version, 7)


@given(st.integers(1, 10**60), st.integers(1, 2**90), st.integers(1, 3 * MANY))
def test_a_common_beginning_and_the_rests_are_the_numbers(first: int, step: int, count: int) -> None:
    numbers = range(first, first + count * step, step)
    beginning, rests = common_beginning(numbers)
    assert [b"%b%d" % (beginning, rest) for rest in rests] == [b"%d" % number for number in numbers]
    assert number_texts(numbers) == [str(number) for number in numbers]
