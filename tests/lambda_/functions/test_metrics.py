"""What is counted of functions: in which minute, and of what."""

from __future__ import annotations

import pytest

from headwater.engine.metrics import kept_minutes
from headwater.engine.metrics.kept_minutes import KEPT_MS, MINUTE_MS
from headwater.lambda_.functions.function import FunctionId, function_id_of
from headwater.lambda_.functions.metrics import FunctionMetrics, MetricTarget
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock

CALLER = Caller("123456789012", "eu-central-1")
ORDERS = FunctionId(*CALLER, "orders")
OF_ORDERS = (("FunctionName", "orders"),)
START_MS = 1_700_000_040_000
"""The beginning of a minute."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture
def metrics(clock: ManualClock) -> FunctionMetrics:
    return FunctionMetrics(clock.now_ms)


def sums(metrics: FunctionMetrics, metric: str = "Invocations") -> list[tuple[int, float]]:
    """In which minute of the test, and how many."""
    found = metrics.statistics(CALLER, metric, OF_ORDERS, 0, 1 << 62)
    return [((point.timestamp_ms - START_MS) // MINUTE_MS, point.values.total) for point in found]


def invoke(metrics: FunctionMetrics, clock: ManualClock) -> None:
    metrics.invoked(MetricTarget(ORDERS), clock.now_ms(), 12.5, is_error=False)


def test_an_invocation_counts_in_the_minute_in_which_it_began(
    metrics: FunctionMetrics, clock: ManualClock
) -> None:
    began_ms = clock.now_ms()
    clock.advance_ms(2 * MINUTE_MS)
    metrics.invoked(MetricTarget(ORDERS), began_ms, 120_000.0, is_error=True)
    invoke(metrics, clock)
    assert sums(metrics) == [(0, 1), (2, 1)]
    assert sums(metrics, "Errors") == [(0, 1), (2, 0)]


def test_what_ends_after_the_time_was_set_back_counts_then(
    metrics: FunctionMetrics, clock: ManualClock
) -> None:
    clock.advance_ms(5 * MINUTE_MS)
    invoke(metrics, clock)
    began_ms = clock.now_ms()
    clock.advance_ms(-3 * MINUTE_MS)
    metrics.invoked(MetricTarget(ORDERS), began_ms, 1.0, is_error=False)
    assert sums(metrics) == [(2, 1)]  # and what was later is forgotten


def test_minutes_are_kept_for_three_hours_and_not_without_bounds(
    metrics: FunctionMetrics, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(metrics, clock)
    clock.advance_ms(KEPT_MS - MINUTE_MS)
    assert sums(metrics) == [(0, 1)]
    clock.advance_ms(MINUTE_MS)
    assert sums(metrics) == []
    assert metrics.series(CALLER) == []
    monkeypatch.setattr(kept_minutes, "DATAPOINTS_MAX", 30)
    for _ in range(5):
        invoke(metrics, clock)  # 12 values
        clock.advance_ms(MINUTE_MS)
    assert [minute for minute, _ in sums(metrics)] == [183, 184]


def test_accounts_and_regions_are_apart(metrics: FunctionMetrics, clock: ManualClock) -> None:
    invoke(metrics, clock)
    metrics.began(ORDERS._replace(region="us-east-1"), 2, 3)
    assert {series.metric for series in metrics.series(CALLER)} == {
        "Duration",
        "Errors",
        "Invocations",
        "Throttles",
    }
    there = metrics.series(CALLER._replace(region="us-east-1"), "ConcurrentExecutions")
    totals = [metrics.statistics(*series, 0, 1 << 62)[0].values.total for series in there]
    assert totals == [3, 2]  # of all, and of the function


def test_a_functions_arn_tells_which_it_is() -> None:
    assert function_id_of(ORDERS.arn) == function_id_of(f"{ORDERS.arn}:live") == ORDERS
