"""Alarms go off at their time, in their order, and once."""

from __future__ import annotations

from functools import partial

from headwater.followers.alarms import Alarms


def test_alarms_go_off_when_they_are_due_in_the_order_of_their_times() -> None:
    alarms, rung = Alarms(), list[int]()
    for due_ms in (30, 10, 20, 10):
        alarms.set(due_ms, partial(rung.append, due_ms))
    alarms.ring(9)
    assert rung == []
    alarms.ring(20)
    assert rung == [10, 10, 20]
    alarms.ring(100)
    alarms.ring(100)
    assert rung == [10, 10, 20, 30]


def test_an_alarm_that_was_cancelled_does_not_go_off() -> None:
    alarms, rung = Alarms(), list[int]()
    cancel = alarms.set(10, partial(rung.append, 1))
    alarms.set(10, partial(rung.append, 2))
    cancel()
    alarms.ring(10)
    cancel()
    assert rung == [2]


def test_an_alarm_may_set_another() -> None:
    alarms, rung = Alarms(), list[int]()

    def again() -> None:
        rung.append(1)
        alarms.set(5, partial(rung.append, 2))

    alarms.set(10, again)
    alarms.ring(10)
    assert rung == [1, 2]


def test_alarms_that_were_cancelled_take_no_room() -> None:
    alarms, rung = Alarms(), list[int]()
    alarms.set(1_000_000, partial(rung.append, 1))
    for _ in range(10_000):
        alarms.set(1_000, partial(rung.append, 2))()
    assert len(alarms._due) < 200
    alarms.ring(1_000_000)
    assert rung == [1]
