"""Hash keys: the 128-bit numbers that decide which shard a record goes to.

A range is inclusive at both ends; the ranges of a stream's open shards always
partition [0, 2^128-1].
"""

from __future__ import annotations

from hashlib import md5

HASH_KEY_MAX = 2**128 - 1


def hash_key_of(partition_key: bytes) -> int:
    """MD5 of the partition key's UTF-8 text, as a big-endian number."""
    return int.from_bytes(md5(partition_key, usedforsecurity=False).digest(), "big")


def even_boundaries(shard_count: int) -> list[int]:
    """The first hash key of each of `shard_count` ranges of equal size; the last one takes the rest."""
    size = (HASH_KEY_MAX + 1) // shard_count
    return [size * index for index in range(shard_count)]


def even_ranges(shard_count: int) -> list[tuple[int, int]]:
    """`shard_count` ranges of equal size that partition all hash keys, ends inclusive."""
    starts = even_boundaries(shard_count)
    return list(zip(starts, [start - 1 for start in starts[1:]] + [HASH_KEY_MAX], strict=True))
