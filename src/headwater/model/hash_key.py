"""Hash keys: the 128-bit numbers that decide which shard a record goes to.

A range is inclusive at both ends; the ranges of a stream's open shards always
partition [0, 2^128-1].
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

# The interpreter's own takes half the time of hashlib's, which asks OpenSSL; not every Python has it. OpenSSL
# must be told that this is not about safety, which takes the other one a tenth of its time.
_md5: Any = (
    import_module("_md5").md5
    if find_spec("_md5")
    else partial(import_module("hashlib").md5, usedforsecurity=False)
)

HASH_KEY_MAX = 2**128 - 1


def digest_of(partition_key: str) -> bytes:
    """The hash key of a partition key, in sixteen bytes: MD5 of its UTF-8 text."""
    digest: bytes = _md5(partition_key.encode()).digest()
    return digest


def digests_of(partition_keys: Iterable[str]) -> list[bytes]:
    """The same of many, without a call for each."""
    return [_md5(key.encode()).digest() for key in partition_keys]


def hash_key_bytes(hash_key: int) -> bytes:
    """A hash key in the form in which `digest_of` gives it."""
    return hash_key.to_bytes(16, "big")


def hash_key_of(partition_key: str) -> int:
    """The hash key of a partition key as a number."""
    return int.from_bytes(digest_of(partition_key), "big")


def even_boundaries(shard_count: int) -> list[int]:
    """The first hash key of each of `shard_count` ranges of equal size; the last one takes the rest."""
    size = (HASH_KEY_MAX + 1) // shard_count
    return [size * index for index in range(shard_count)]


def even_ranges(shard_count: int) -> list[tuple[int, int]]:
    """`shard_count` ranges of equal size that partition all hash keys, ends inclusive."""
    starts = even_boundaries(shard_count)
    return list(zip(starts, [start - 1 for start in starts[1:]] + [HASH_KEY_MAX], strict=True))
