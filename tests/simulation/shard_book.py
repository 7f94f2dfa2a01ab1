"""What is known of one stream's shards: facts that must never change, and a lineage that must be whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.sequence_number import parse_sequence_number
from tests.simulation.stream_rules import DAY_MS, Range


@dataclass
class KnownShard:
    """One shard as it was first listed, and what has become of it."""

    hash_range: Range
    parents: tuple[str, ...]
    starting_number: str
    last_open_ms: int
    """A time at which it was still open, or not there yet."""
    ending_number: str | None = None
    listed: bool = True


class ShardBook:
    """The shards of one stream, from its creation on."""

    def __init__(self, born_ms: int, after_s: int = -1) -> None:
        """All its numbers are of seconds after `after_s`."""
        self.shards: dict[str, KnownShard] = {}
        self._after_s = after_s
        self._looked_ms = born_ms

    def clock_moved(self, now_ms: int) -> None:
        """A shard that is open may be closed at this time."""
        self._looked_ms = min(self._looked_ms, now_ms)
        for known in self.shards.values():
            if known.ending_number is None:
                known.last_open_ms = min(known.last_open_ms, now_ms)

    @property
    def latest_s(self) -> int:
        """The latest second in a number that its shards, or those of streams before it, have shown."""
        numbers = [n for known in self.shards.values() for n in (known.starting_number, known.ending_number)]
        return max([self._after_s, *(second_in(number) for number in numbers if number)])

    def range_of(self, shard_id: str) -> Range | None:
        """The range of a shard that is not known to be closed."""
        known = self.shards.get(shard_id)
        return None if known is None or known.ending_number is not None else known.hash_range

    def open_shards(self) -> list[str]:
        """The shards that were open when they were listed last, in the order of their hash keys."""
        listed = [name for name, known in self.shards.items() if known.listed and known.ending_number is None]
        return sorted(listed, key=lambda name: self.shards[name].hash_range)

    def check_listing(self, shards: list[dict[str, Any]], now_ms: int, latest_ms: int) -> None:
        """Hold all shards of a stream, as listed now, against what is known of them."""
        ids = [shard["ShardId"] for shard in shards]
        assert ids == sorted(set(ids)), f"shards are not counted up: {ids}"
        for shard in shards:
            self._check_shard(shard)
        for name, known in self.shards.items():
            if name not in ids:
                assert latest_ms - known.last_open_ms >= DAY_MS, f"{name} is not listed any more"
                known.listed = False
            elif known.ending_number is None:
                known.last_open_ms = min(now_ms, latest_ms)
        check_partition([self.shards[name].hash_range for name in self.open_shards()])
        for name in ids:
            self._check_family(name)
        self._looked_ms = now_ms

    def _check_shard(self, shard: dict[str, Any]) -> None:
        name, hash_range, parents = shard["ShardId"], hash_range_of(shard), parents_of(shard)
        numbers = shard["SequenceNumberRange"]
        known = self.shards.get(name)
        if known is None:
            assert not self.shards or name > max(self.shards), f"{name} appears too late"
            known = KnownShard(hash_range, parents, numbers["StartingSequenceNumber"], self._looked_ms)
            self.shards[name] = known
            assert second_in(known.starting_number) > self._after_s, f"{name} has numbers of the last stream"
        assert known.listed, f"{name} is listed again"
        facts = (hash_range, parents, numbers["StartingSequenceNumber"])
        assert facts == (known.hash_range, known.parents, known.starting_number), f"{name} has changed"
        ending = numbers.get("EndingSequenceNumber")
        assert known.ending_number in {None, ending}, f"{name} has another end"
        known.ending_number = ending

    def _check_family(self, name: str) -> None:
        """A child begins after its parents have ended; a closed shard's children have all of its range."""
        known = self.shards[name]
        for parent_name in known.parents:
            parent = self.shards.get(parent_name)
            if parent is not None and parent.listed:
                assert parent.ending_number is not None, f"{name} is a child of the open {parent_name}"
                assert parent.ending_number < known.starting_number, (
                    f"{name} begins before {parent_name} ends"
                )
        if known.ending_number is None:
            return
        start, end = known.hash_range
        children = sorted(s.hash_range for s in self.shards.values() if name in s.parents)
        assert children, f"{name} is closed and has no child"
        assert children[0][0] <= start, f"the children of {name} begin too late"
        assert children[-1][1] >= end, f"the children of {name} end too early"
        assert all(a[1] + 1 == b[0] for a, b in pairwise(children)), f"gap in {name}"


def check_partition(ranges: list[Range]) -> None:
    """The ranges must be all hash keys, without a gap or an overlap."""
    assert ranges, "no shard is open"
    assert ranges[0][0] == 0
    assert ranges[-1][1] == HASH_KEY_MAX
    for before, after in pairwise(ranges):
        assert before[1] + 1 == after[0], f"{before} and {after} do not meet"


def second_in(number: str) -> int:
    """The latest second that a sequence number holds."""
    parsed = parse_sequence_number(number)
    assert parsed is not None, f"{number} is no sequence number"
    return max(parsed.epoch_s, parsed.time_s)


def hash_range_of(shard: dict[str, Any]) -> Range:
    """The range of a shard in a listing."""
    found = shard["HashKeyRange"]
    return int(found["StartingHashKey"]), int(found["EndingHashKey"])


def parents_of(shard: dict[str, Any]) -> tuple[str, ...]:
    """The parents of a shard in a listing."""
    return tuple(shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard)
