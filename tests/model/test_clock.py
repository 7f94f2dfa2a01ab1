from __future__ import annotations

import time

from headwater.model.clock import AdjustableClock, ManualClock, SystemClock


def test_the_system_clock_shows_the_machines_time() -> None:
    before_ms = int(time.time() * 1000)
    assert before_ms <= SystemClock().now_ms() <= time.time() * 1000


def test_an_adjustable_clock_goes_on_from_where_it_was_set() -> None:
    base = ManualClock(1_000)
    clock = AdjustableClock(base)
    assert clock.now_ms() == 1_000
    clock.set_ms(50_000)
    base.advance_ms(7)
    assert clock.now_ms() == 50_007
    clock.set_ms(10)
    assert clock.now_ms() == 10


def test_it_stands_still_when_told_to_and_goes_on_from_there() -> None:
    base = ManualClock(1_000)
    clock = AdjustableClock(base)
    clock.stop()
    base.advance_ms(500)
    assert (clock.now_ms(), clock.is_running) == (1_000, False)
    clock.set_ms(3_000)
    base.advance_ms(500)
    assert clock.now_ms() == 3_000
    clock.go_on()
    base.advance_ms(1)
    assert (clock.now_ms(), clock.is_running) == (3_001, True)
