"""How fast records may be put into a delivery stream directly, where the limits of AWS are enforced.

Rules, of the developer guide ("quota"): requests, records and bytes of each delivery stream in a second, more
of each in three regions; of a batch, the records that are beyond the rate are refused one by one.

Refuses to know what is put.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.delivery.firehose.delivery_stream import DeliveryStream, DeliveryStreamId
from headwater.engine.limits.token_bucket import TokenBucket

MIB = 1024 * 1024
LARGE_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


class PutQuota(NamedTuple):
    """What a delivery stream takes in a second."""

    requests: int
    records: int
    size: int


LARGE = PutQuota(2_000, 500_000, 5 * MIB)
USUAL = PutQuota(1_000, 100_000, 1 * MIB)


class _Rates:
    def __init__(self, quota: PutQuota, now_ms: int) -> None:
        self.requests, self.records, self.size = (TokenBucket(rate, now_ms) for rate in quota)


class PutRates:
    """The rates of all delivery streams."""

    def __init__(self) -> None:
        self._rates: dict[DeliveryStreamId, _Rates] = {}

    def taken(self, stream: DeliveryStream, sizes: Sequence[int], now_ms: int) -> list[bool]:
        """Which records of a request are taken, given the size of each."""
        quota = LARGE if stream.region in LARGE_REGIONS else USUAL
        rates = self._rates.setdefault(stream.id, _Rates(quota, now_ms))
        if not rates.requests.has(1, now_ms):
            return [False] * len(sizes)
        rates.requests.use(1)
        return [_takes(rates, size, now_ms) for size in sizes]


def _takes(rates: _Rates, size: int, now_ms: int) -> bool:
    if not (rates.records.has(1, now_ms) and rates.size.has(size, now_ms)):
        return False
    rates.records.use(1)
    rates.size.use(size)
    return True
