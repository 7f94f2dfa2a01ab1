"""What all connections hold together: those that have been waited for longest are closed first."""

from __future__ import annotations

import pytest

from headwater.model.clock import ManualClock
from headwater.server.http import connections
from headwater.server.http.connections import Buffered, OpenConnections

NOW_S = 100.0


class Waiting:
    """A connection that holds so much for its client since then."""

    def __init__(self, since_s: float, size: int) -> None:
        self._held = Buffered(since_s, size)
        self.is_open = True

    def sweep(self, now_s: float) -> None:
        pass

    def shut_down(self) -> None:
        pass

    def abort(self) -> None:
        self.is_open = False

    def buffered(self) -> Buffered:
        return self._held


def left_of(*waiting: Waiting) -> list[bool]:
    """Which are open after a sweep."""
    opened = OpenConnections(ManualClock())
    for connection in waiting:
        opened.add(connection)
    opened.sweep(NOW_S)
    return [connection.is_open for connection in waiting]


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUFFERED_BYTES_MAX", 100)


def test_nobody_is_closed_while_there_is_room() -> None:
    assert left_of(Waiting(0, 50), Waiting(1, 50), Waiting(2, 0)) == [True, True, True]


def test_the_longest_waited_for_go_until_there_is_room() -> None:
    assert left_of(Waiting(3, 60), Waiting(1, 30), Waiting(0, 0), Waiting(2, 60)) == [
        True,
        False,
        True,
        False,
    ]


def test_whoever_has_had_little_time_is_left_alone() -> None:
    recent = NOW_S - connections.BUFFERED_S / 2
    assert left_of(Waiting(recent, 500), Waiting(recent, 500)) == [True, True]
    assert left_of(Waiting(recent, 500), Waiting(0, 10)) == [True, False]
