"""Services wait for themselves only, and whoever takes all turns has them all."""

from __future__ import annotations

import asyncio

import pytest

from headwater.neighbours.keeping import turns as turns_module
from headwater.neighbours.keeping.turns import Turns, TurnsBusy


def test_nobody_has_a_turn_while_one_has_all() -> None:
    asyncio.run(one_has_all())


async def one_has_all() -> None:
    turns = Turns()
    seen: list[str] = []

    async def work(service: str) -> None:
        async with turns.of(service):
            seen.append(service)

    await work("sqs")
    async with turns.of_all():
        waiting = [asyncio.create_task(work(service)) for service in ("sqs", "one that nobody used before")]
        await asyncio.sleep(0)
        seen.append("all")
    await asyncio.gather(*waiting)
    assert seen[:2] == ["sqs", "all"]
    assert len(seen) == 4


def test_who_cannot_have_all_turns_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TURN_TIMEOUT_S", 0.01)
    asyncio.run(all_but_one_are_free())


async def all_but_one_are_free() -> None:
    turns = Turns()
    async with turns.of("s3"):
        pass
    async with turns.of("cloudformation"):
        with pytest.raises(TurnsBusy):
            async with turns.of_all():
                pass
        async with turns.of("s3"):
            pass
