"""A shard gets so many records and bytes in a second, and what is too much waits in line."""

from __future__ import annotations

import pytest

from headwater.client.producer.put_arguments import new_put
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.shard_rates import ShardRates

UNLIMITED = float("inf")


def puts(count: int, size_bytes: int = 10) -> list[PutFuture]:
    return [new_put(b"x" * (size_bytes - 1), "k", None, 0.0) for _ in range(count)]


def test_a_seconds_worth_goes_at_once_and_the_rest_as_time_passes() -> None:
    rates = ShardRates(10, UNLIMITED)
    all_puts = puts(25)
    assert [rates.admit(put, "one", 100.0) for put in all_puts] == [True] * 10 + [False] * 15
    assert rates.due(100.05) == []
    assert rates.next_s() == pytest.approx(0.05)
    assert rates.due(100.5) == all_puts[10:15]
    assert rates.waiting() == all_puts[15:]
    assert rates.due(200.0) == all_puts[15:]
    assert rates.next_s() is None


def test_shards_do_not_wait_for_each_other() -> None:
    rates = ShardRates(1, UNLIMITED)
    first, second, other = puts(3)
    assert rates.admit(first, "one", 0.0)
    assert not rates.admit(second, "one", 0.0)
    assert rates.admit(other, "two", 0.0)


def test_bytes_count_and_what_came_later_does_not_overtake() -> None:
    rates = ShardRates(UNLIMITED, 100)
    large, larger, small = puts(1, 60) + puts(1, 60) + puts(1, 10)
    assert rates.admit(large, "one", 0.0)
    assert not rates.admit(larger, "one", 0.0)
    assert not rates.admit(small, "one", 0.0)
    assert rates.due(0.25) == [larger]
    assert rates.due(1.0) == [small]


def test_a_record_of_more_than_a_second_goes_when_nothing_else_did_and_is_paid_for_later() -> None:
    rates = ShardRates(UNLIMITED, 100)
    huge, small = puts(1, 250) + puts(1, 10)
    assert rates.admit(huge, "one", 0.0)
    assert not rates.admit(small, "one", 0.0)
    assert rates.due(1.5) == []
    assert rates.due(1.7) == [small]
