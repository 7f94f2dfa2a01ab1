"""The delays between attempts: they double, end at a limit, and differ from one client to another."""

from __future__ import annotations

import random

import pytest

from headwater.client.calls.backoff import RETRY_POLICIES, Backoff, RetryPolicy


@pytest.fixture
def backoff(monkeypatch: pytest.MonkeyPatch) -> Backoff:
    monkeypatch.setitem(RETRY_POLICIES, "call", RetryPolicy(1.0, 4.0))
    return Backoff("call", random.Random(1))


def test_delays_grow_up_to_a_limit_and_begin_again_after_a_success(backoff: Backoff) -> None:
    for most in (1, 2, 4, 4):
        assert most / 2 <= backoff.delay_s() <= most
    backoff.reset()
    assert backoff.delay_s() <= 1


def test_after_any_number_of_attempts_the_delay_is_at_the_limit() -> None:
    policy = RetryPolicy(0.05, 30.0)
    assert 15 <= policy.delay_s(10**9, random.Random(1)) <= 30


def test_two_clients_that_failed_together_do_not_return_together() -> None:
    assert Backoff("call").delay_s() != Backoff("call").delay_s()


@pytest.mark.parametrize("policy", RETRY_POLICIES.values(), ids=RETRY_POLICIES.keys())
def test_every_policy_begins_below_its_limit(policy: RetryPolicy) -> None:
    assert 0 < policy.first_s < policy.most_s
