"""Work on the loop that can wait: at full speed while nothing else is to do, and a small share otherwise."""

from __future__ import annotations

import asyncio

from headwater.followers.loop_share import LOOK_S, PIECE_S, SHARE, LoopShare


class Loop:
    """A loop's clocks, which go on as its tasks say.

    `load` is what others use of the time that is slept, `waits` what other processes take of it.
    """

    def __init__(self, load: float, waits: float = 0.0) -> None:
        self.load = load
        self.waits = waits
        self.cpu_s = self.now_s = self.slept_s = self.waited_s = 0.0

    def share(self) -> LoopShare:
        return LoopShare(lambda: self.cpu_s, lambda: self.now_s, lambda: self.waited_s, self.sleep)

    def work(self, seconds: float) -> None:
        self.cpu_s += seconds
        self.now_s += seconds

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept_s += seconds
        self.cpu_s += seconds * self.load
        self.waited_s += seconds * self.waits


def worked(loop: Loop, pieces: int, seconds: float) -> float:
    """How long so many pieces take."""

    async def work() -> None:
        share = loop.share()
        for _ in range(pieces):
            async with share:
                loop.work(seconds)

    asyncio.run(work())
    return loop.now_s


def test_on_a_busy_loop_pieces_have_their_share_of_the_time() -> None:
    assert 0.9 * SHARE < 100 * 0.002 / worked(Loop(1.0), 100, 0.002) <= SHARE + 1e-6


def test_on_a_machine_that_leaves_the_loop_little_time_others_have_theirs_all_the_same() -> None:
    loop = Loop(0.2, waits=0.8)
    worked(loop, 100, 0.002)
    assert 0.9 * SHARE < 100 * 0.002 / loop.cpu_s <= SHARE + 1e-6


def test_what_others_do_not_use_of_their_time_is_not_waited_for() -> None:
    assert 0.9 * SHARE < 100 * 0.002 / worked(Loop(0.2), 100, 0.002) <= SHARE + 1e-6


def test_on_an_idle_loop_they_follow_one_another() -> None:
    assert abs(worked(Loop(0.05), 100, 0.002) - 100 * (0.002 + LOOK_S)) < 1e-6


def test_small_pieces_are_not_followed_by_a_look_each() -> None:
    loop = Loop(1.0)
    worked(loop, 9, PIECE_S / 10)
    assert loop.slept_s == 0


def test_one_has_its_turn_after_the_other() -> None:
    share, seen = LoopShare(), list[str]()

    async def piece(name: str) -> None:
        async with share:
            seen.append(name)
            await asyncio.sleep(0)
            seen.append(name)

    async def both() -> None:
        await asyncio.gather(piece("a"), piece("b"))

    asyncio.run(both())
    assert seen == ["a", "a", "b", "b"]
