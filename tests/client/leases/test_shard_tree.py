"""Which shards are read, and with what their leases begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.client.leases.checkpoint import SHARD_END, Checkpoint, StartingPosition
from headwater.client.leases.lease import Lease
from headwater.client.leases.shard_tree import ShardNode, may_start, missing_leases, outlived_leases

TRIM_HORIZON = StartingPosition("TRIM_HORIZON")
LATEST = StartingPosition("LATEST")
AT_TIMESTAMP = StartingPosition("AT_TIMESTAMP", 1.0)

SPLIT = [ShardNode("0", (), False), ShardNode("1", ("0",)), ShardNode("2", ("0",))]
"""0 was split into 1 and 2."""
MERGED = [
    *SPLIT[:1],
    ShardNode("1", ("0",), False),
    ShardNode("2", ("0",), False),
    ShardNode("3", ("1", "2")),
]
"""And these were merged into 3."""


def lease(key: str, *parents: str, word: str = "TRIM_HORIZON") -> Lease:
    return Lease(key, Checkpoint(word), parent_ids=parents)


def begun(shards: list[ShardNode], leased: list[str], start: StartingPosition) -> dict[str, str]:
    return {made.key: made.checkpoint.sequence_number for made in missing_leases(shards, leased, start)}


@pytest.mark.parametrize(
    ("start", "leases"),
    [
        (TRIM_HORIZON, {"0": "TRIM_HORIZON", "1": "TRIM_HORIZON", "2": "TRIM_HORIZON"}),
        (LATEST, {"1": "LATEST", "2": "LATEST"}),
        (AT_TIMESTAMP, {"0": "AT_TIMESTAMP", "1": "AT_TIMESTAMP", "2": "AT_TIMESTAMP"}),
    ],
)
def test_a_first_start_leases_what_there_is(start: StartingPosition, leases: dict[str, str]) -> None:
    assert begun(SPLIT, [], start) == leases


def test_leases_are_made_parents_first() -> None:
    assert [made.key for made in missing_leases(MERGED[::-1], [], TRIM_HORIZON)] == ["0", "1", "2", "3"]


def test_with_latest_a_shard_that_comes_later_is_read_from_its_beginning() -> None:
    assert begun(MERGED, ["1", "2"], LATEST) == {"3": "TRIM_HORIZON"}


def test_with_latest_it_does_not_matter_how_many_generations_were_missed() -> None:
    assert begun(MERGED, ["0"], LATEST) == dict.fromkeys("123", "TRIM_HORIZON")


def test_another_worker_that_died_while_it_made_the_first_leases_left_some_open_shards() -> None:
    shards = [ShardNode("0"), ShardNode("1"), ShardNode("2", (), False)]
    assert begun(shards, ["0"], LATEST) == {"1": "LATEST"}


def test_a_shard_whose_child_has_a_lease_has_been_read() -> None:
    assert begun(MERGED, ["3"], TRIM_HORIZON) == {}
    assert begun(MERGED, ["1"], TRIM_HORIZON) == {"2": "TRIM_HORIZON", "3": "TRIM_HORIZON"}


def test_it_begins_behind_checkpoints_that_are_given() -> None:
    start = StartingPosition.of({"1": "500", "2": ("600", 3)})
    made = {lease.key: lease.checkpoint for lease in missing_leases(MERGED, [], start)}
    assert made == {"1": Checkpoint("500"), "2": Checkpoint("600", 3), "3": Checkpoint("TRIM_HORIZON")}


def test_a_lease_knows_its_parents_and_hash_keys() -> None:
    (made,) = missing_leases([ShardNode("3", ("1", "2"), True, "0", "9")], [], TRIM_HORIZON)
    assert (made.parent_ids, made.starting_hash_key, made.ending_hash_key) == (("1", "2"), "0", "9")


def test_a_shard_starts_when_all_its_parents_are_done() -> None:
    child, done = lease("3", "1", "2"), SHARD_END
    assert not may_start(child, {"1": lease("1"), "2": lease("2")})
    assert not may_start(child, {"1": lease("1", word=done), "2": lease("2")})
    assert may_start(child, {"1": lease("1", word=done), "2": lease("2", word=done)})


def test_a_parent_without_a_lease_holds_nothing_up() -> None:
    assert may_start(lease("3", "1", "2"), {"2": lease("2", word=SHARD_END)})


def test_what_is_done_does_not_start_again() -> None:
    assert not may_start(lease("0", word=SHARD_END), {})


def test_a_lease_goes_when_its_shard_is_gone_and_its_children_are_leased() -> None:
    done = replace(lease("0", word=SHARD_END), child_ids=("1", "2"))
    gone = SPLIT[1:]
    assert outlived_leases(SPLIT, [done, lease("1"), lease("2")]) == []
    assert outlived_leases(gone, [done, lease("1")]) == []
    assert outlived_leases(gone, [done, lease("1"), lease("2")]) == [done]
    assert outlived_leases([], [done]) == [done]
    assert outlived_leases(gone, [lease("0"), lease("1"), lease("2")]) == []
