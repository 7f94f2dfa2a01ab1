"""Hash keys."""

from __future__ import annotations

from itertools import pairwise

import pytest

from headwater.model.hash_key import HASH_KEY_MAX, even_boundaries, even_ranges, hash_key_of


@pytest.mark.parametrize(
    ("partition_key", "digest"),
    [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ],
)
def test_a_partition_key_hashes_to_its_md5(partition_key: str, digest: str) -> None:
    assert hash_key_of(partition_key) == int(digest, 16)


def test_a_hash_key_has_128_bits() -> None:
    assert HASH_KEY_MAX == 340282366920938463463374607431768211455


@pytest.mark.parametrize("shard_count", [1, 2, 3, 7, 10, 1000])
def test_even_ranges_partition_all_hash_keys(shard_count: int) -> None:
    ranges = even_ranges(shard_count)
    assert len(ranges) == shard_count
    assert (ranges[0][0], ranges[-1][1]) == (0, HASH_KEY_MAX)
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(ranges))
    assert [start for start, _ in ranges] == even_boundaries(shard_count)


@pytest.mark.parametrize("shard_count", [1, 2, 3, 7, 10, 1000])
def test_even_ranges_are_of_one_size_but_for_the_rest(shard_count: int) -> None:
    sizes = [end - start + 1 for start, end in even_ranges(shard_count)]
    assert set(sizes[:-1]) <= {sizes[0]}
    assert 0 <= sizes[-1] - sizes[0] < shard_count
