"""Processes do not outlive whoever started them, however that ends."""

from __future__ import annotations

import subprocess

from headwater.lambda_.functions.process_keeper import ProcessKeeper


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"], start_new_session=True)


def test_the_groups_that_are_left_are_killed_at_the_end() -> None:
    keeper = ProcessKeeper()
    with sleeper() as first, sleeper() as second, sleeper() as third, sleeper() as other:
        for process in (first, second, third):
            keeper.add(process.pid)
        keeper.end(second.pid)
        keeper.close()
        assert (first.wait(), third.wait()) == (-9, -9)
        assert (second.poll(), other.poll()) == (None, None)
        second.kill()
        other.kill()


def test_a_keeper_that_was_killed_is_replaced() -> None:
    keeper = ProcessKeeper()
    with sleeper() as before, sleeper() as after:
        keeper.add(before.pid)
        assert keeper._process is not None
        keeper._process.kill()
        keeper._process.wait()
        keeper.add(after.pid)
        keeper.close()
        assert (before.wait(), after.wait()) == (-9, -9)


def test_without_a_process_there_is_nothing_to_end() -> None:
    keeper = ProcessKeeper()
    keeper.end(1)
    keeper.close()
