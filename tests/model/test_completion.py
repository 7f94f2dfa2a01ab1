from __future__ import annotations

from typing import Any, TypeVar

import pytest

from headwater.model.completion import Completion, drive

T = TypeVar("T")


def resolved(value: T) -> Completion[T]:
    completion: Completion[T] = Completion()
    completion.resolve(value)
    return completion


def driven(coroutine: Any) -> list[tuple[Any, BaseException | None]]:
    outcome: list[tuple[Any, BaseException | None]] = []
    drive(coroutine, lambda value, error: outcome.append((value, error)))
    return outcome


def test_a_waiter_runs_when_the_value_is_given() -> None:
    completion: Completion[int] = Completion()
    seen: list[int] = []
    completion.on_done(lambda: seen.append(completion.result()))
    assert seen == []
    completion.resolve(5)
    assert seen == [5]


def test_a_waiter_of_a_finished_completion_runs_at_once() -> None:
    seen: list[int] = []
    resolved(5).on_done(lambda: seen.append(1))
    assert seen == [1]


def test_an_unfinished_completion_has_no_result() -> None:
    with pytest.raises(RuntimeError, match="no result yet"):
        Completion[int]().result()


def test_a_failed_completion_raises_its_error() -> None:
    completion: Completion[int] = Completion()
    completion.fail(KeyError("lost"))
    with pytest.raises(KeyError, match="lost"):
        completion.result()


@pytest.mark.parametrize("finish", [lambda c: c.resolve(2), lambda c: c.fail(KeyError())])
def test_a_completion_is_finished_once(finish: Any) -> None:
    completion: Completion[int] = Completion()
    completion.resolve(1)
    with pytest.raises(RuntimeError, match="resolved once"):
        finish(completion)


def test_a_coroutine_that_need_not_wait_ends_within_drive() -> None:
    async def double() -> int:
        return 2 * await resolved(21)

    assert driven(double()) == [(42, None)]


def test_a_coroutine_goes_on_when_what_it_waits_for_arrives() -> None:
    first: Completion[int] = Completion()
    second: Completion[int] = Completion()

    async def total() -> int:
        return await first + await second

    outcome = driven(total())
    first.resolve(1)
    assert outcome == []
    second.resolve(2)
    assert outcome == [(3, None)]


def test_a_coroutine_sees_the_error_where_it_waits() -> None:
    completion: Completion[int] = Completion()

    async def guarded() -> str:
        try:
            await completion
        except KeyError:
            return "caught"
        return "missed"

    outcome = driven(guarded())
    completion.fail(KeyError())
    assert outcome == [("caught", None)]


def test_an_error_of_the_coroutine_is_its_outcome() -> None:
    async def broken() -> None:
        await resolved(None)
        raise KeyError("broken")

    ((value, error),) = driven(broken())
    assert value is None
    assert isinstance(error, KeyError)
