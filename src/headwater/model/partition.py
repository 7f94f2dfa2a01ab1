"""The partition of AWS that a region is in: what its ARNs begin with and its host names end with.

The facts are AWS's own (`partition_table`). A region that AWS has not named yet belongs where its
name's pattern says, any other name to `aws`, as in the SDKs.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from headwater.model.partition_table import PARTITIONS as _ROWS

REMEMBERED_REGIONS_MAX = 1024
"""A region is whatever a request names, so there can be any number."""


class Partition(msgspec.Struct, frozen=True):
    """A part of AWS with accounts and names of its own."""

    id: str
    """The second part of an ARN."""
    url_suffix: str
    """Without a leading point: `amazonaws.com.cn`."""
    regions: tuple[str, ...]
    """Those that AWS has named, and the names that stand for all."""


PARTITIONS = tuple(Partition(identifier, suffix, regions) for identifier, suffix, _, regions in _ROWS)
_PATTERNS = tuple(pattern for _, _, pattern, _ in _ROWS)


@lru_cache(maxsize=REMEMBERED_REGIONS_MAX)
def partition_of(region: str) -> str:
    """The id of a region's partition, such as `aws-cn`."""
    return _found(region).id


@lru_cache(maxsize=REMEMBERED_REGIONS_MAX)
def url_suffix_of(region: str) -> str:
    """The suffix of the host names of a region's services."""
    return _found(region).url_suffix


def _found(region: str) -> Partition:
    for partition in PARTITIONS:
        if region in partition.regions:
            return partition
    for partition, pattern in zip(PARTITIONS, _PATTERNS, strict=True):
        if re.fullmatch(pattern, region, re.ASCII):
            return partition
    return PARTITIONS[0]
