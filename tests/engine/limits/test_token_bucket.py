from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.engine.limits.token_bucket import TokenBucket


def take(bucket: TokenBucket, amount: int, now_ms: int) -> bool:
    has = bucket.has(amount, now_ms)
    if has:
        bucket.use(amount)
    return has


def test_a_second_may_be_used_at_once_and_then_steadily() -> None:
    bucket = TokenBucket(1000, 0)
    assert all(take(bucket, 1, 0) for _ in range(1000))
    assert not take(bucket, 1, 0)
    assert take(bucket, 1, 1)
    assert not take(bucket, 1, 1)
    assert sum(take(bucket, 1, 501) for _ in range(600)) == 500


def test_it_holds_no_more_than_a_second() -> None:
    bucket = TokenBucket(5, 0)
    assert sum(take(bucket, 1, 3_600_000) for _ in range(100)) == 5


def test_slow_rates_lose_nothing_between_small_steps() -> None:
    bucket = TokenBucket(5, 0)
    bucket.use(5)
    assert [now_ms for now_ms in range(1, 1001) if take(bucket, 1, now_ms)] == [200, 400, 600, 800, 1000]


def test_more_than_it_can_hold_takes_a_full_one_and_is_owed() -> None:
    bucket = TokenBucket(100, 0)
    assert take(bucket, 1000, 0)
    assert not take(bucket, 1, 9_000)
    assert take(bucket, 1, 9_010)


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    bucket = TokenBucket(10, 5_000)
    bucket.use(10)
    assert not take(bucket, 1, 1_000)
    assert take(bucket, 10, 2_000)


@pytest.mark.parametrize(
    ("rate", "spent", "full_after_ms"), [(1000, 1, 1), (5, 1, 200), (3, 1, 334), (7, 7, 1000)]
)
def test_what_was_used_is_back_to_the_millisecond(rate: int, spent: int, full_after_ms: int) -> None:
    bucket = TokenBucket(rate, 0)
    bucket.use(spent)
    assert not bucket.has(rate, full_after_ms - 1)
    assert bucket.has(rate, full_after_ms)


@given(
    rate=st.integers(1, 5_000),
    asked=st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 5_000)), max_size=60),
)
def test_no_window_is_granted_more_than_the_rate_and_one_burst(
    rate: int, asked: list[tuple[int, int]]
) -> None:
    bucket, now_ms = TokenBucket(rate, 0), 0
    grants: list[tuple[int, int]] = []
    for delta_ms, amount in asked:
        now_ms += delta_ms
        if amount <= rate and take(bucket, amount, now_ms):
            grants.append((now_ms, amount))
    for first, (from_ms, _) in enumerate(grants):
        granted = 0
        for to_ms, amount in grants[first:]:
            granted += amount
            assert 1000 * granted <= 1000 * rate + rate * (to_ms - from_ms)


@given(rate=st.integers(1, 2_000), deltas_ms=st.lists(st.integers(0, 50), max_size=80))
def test_nothing_that_the_rate_allows_is_refused(rate: int, deltas_ms: list[int]) -> None:
    """One who takes all that there is gets, in the end, the burst and all that has come since."""
    bucket, now_ms, granted = TokenBucket(rate, 0), 0, 0
    for delta_ms in [0, *deltas_ms]:
        now_ms += delta_ms
        while take(bucket, 1, now_ms):
            granted += 1
    assert granted == rate + rate * now_ms // 1000
