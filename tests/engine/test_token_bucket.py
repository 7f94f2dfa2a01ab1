from __future__ import annotations

from headwater.engine.token_bucket import TokenBucket


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
