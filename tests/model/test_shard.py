"""Shards."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.model.sequence_number import ENDING_INDEX, SequenceNumber, parse_sequence_number
from headwater.model.shard import Shard, parse_shard_id, shard_id_of

EPOCH_S = 1_700_000_000


def shard(**changes: Any) -> Shard:
    facts: dict[str, Any] = {
        "index": 7,
        "log_id": 1,
        "starting_hash_key": "0",
        "ending_hash_key": "99",
        "epoch_s": EPOCH_S,
        "opened_ms": EPOCH_S * 1000,
    }
    return Shard(**(facts | changes))


@pytest.mark.parametrize(
    ("index", "shard_id"),
    [(0, "shardId-000000000000"), (12, "shardId-000000000012"), (2**31 - 1, "shardId-002147483647")],
)
def test_an_id_has_twelve_digits(index: int, shard_id: str) -> None:
    assert shard_id_of(index) == shard(index=index).shard_id == shard_id
    assert parse_shard_id(shard_id) == index


@pytest.mark.parametrize(
    ("text", "index"), [("0", 0), ("shardId-0", 0), ("shardId-000000000003", 3), ("shard-12", 12)]
)
def test_short_forms_of_an_id_are_understood(text: str, index: int) -> None:
    assert parse_shard_id(text) == index


@pytest.mark.parametrize("text", ["", "shardId-", "orders", "shardId-2147483648", "shardId-x", "shardId-١"])  # noqa: RUF001
def test_other_text_is_no_id(text: str) -> None:
    assert parse_shard_id(text) is None


def test_an_open_shard_has_no_ending_number() -> None:
    present = shard()
    assert present.is_open
    assert present.ending_sequence_number is None
    assert parse_sequence_number(present.starting_sequence_number) == SequenceNumber(EPOCH_S, 7, 0, EPOCH_S)


def test_a_closed_shards_ending_number_is_above_all_its_records() -> None:
    closed = shard(closed_ms=(EPOCH_S + 60) * 1000)
    assert not closed.is_open
    ending = closed.ending_sequence_number
    assert ending is not None
    assert parse_sequence_number(ending) == SequenceNumber(EPOCH_S, 7, ENDING_INDEX, EPOCH_S + 60)
    assert ending > closed.starting_sequence_number


def test_a_shard_that_was_closed_before_its_epoch_ends_with_its_epoch() -> None:
    ending = shard(closed_ms=(EPOCH_S - 5) * 1000).ending_sequence_number
    assert ending is not None
    parts = parse_sequence_number(ending)
    assert parts is not None
    assert parts.time_s == EPOCH_S


def test_a_shard_comes_from_none_one_or_two_others() -> None:
    assert shard().parent_indexes == ()
    assert shard(parent_index=0).parent_indexes == (0,)
    assert shard(parent_index=0, adjacent_parent_index=3).parent_indexes == (0, 3)
