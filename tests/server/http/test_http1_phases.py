"""The phases of an HTTP/1.1 connection: the tables, and that the connection holds to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from headwater.model.clock import SystemClock
from headwater.model.transitions import IllegalTransition
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import HttpRequest, HttpResponse, Refusal, Respond
from headwater.server.http.http1 import Http1Connection
from headwater.server.http.http1_phases import (
    FLOWS,
    FOLLOWS_AN_ANSWER,
    INTAKES,
    PHASES,
    Flow,
    Intake,
    Phase,
    waits_for,
)
from headwater.server.http.limits import ConnectionLimits
from tests.fuzz.test_http_fuzz import ByHand, Memory
from tests.phase_tables import never_left, reached_from

GET = b"GET / HTTP/1.1\r\n\r\n"
OK = HttpResponse(200, (), b"ok", "id", None)


@pytest.mark.parametrize(
    ("table", "kind", "first"), [(PHASES, Phase, "ready"), (INTAKES, Intake, "open"), (FLOWS, Flow, "free")]
)
def test_every_phase_is_reached(table: dict[str, dict[str, str]], kind: Any, first: str) -> None:
    assert reached_from(first, table) == set(get_args(kind))


def test_only_who_is_gone_goes_nowhere() -> None:
    assert never_left(PHASES) == {"gone"}


def test_every_phase_can_be_lost() -> None:
    assert set(PHASES["lose"]) == set(get_args(Phase)) - {"gone"}


def test_every_intake_says_what_may_follow() -> None:
    assert set(FOLLOWS_AN_ANSWER) == set(get_args(Intake))


def test_a_client_that_does_not_read_is_waited_for_whatever_the_handler_does() -> None:
    for phase in get_args(Phase):
        expected = {"gone": "nothing", "leaving": "goodbye"}.get(phase, "client to read")
        assert waits_for(phase, "slow", is_reading=False) == expected


class Keeping:
    """A handler that leaves it to the test to answer."""

    def __init__(self) -> None:
        self.responds: list[Respond] = []

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        self.responds.append(respond)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        self.responds.append(respond)


@pytest.fixture
def handler() -> Keeping:
    return Keeping()


@pytest.fixture
def connection(handler: Keeping) -> Http1Connection:
    class Calm:
        """Never slow."""

        def random(self) -> float:
            return 1.0

    loop: Any = ByHand()
    calm: Any = Calm()
    connection = Http1Connection(handler, ConnectionLimits(), OpenConnections(SystemClock()), loop)
    transport = Memory(calm)
    transport.protocol = connection
    connection.connection_made(transport)
    return connection


def answer(respond: Respond) -> None:
    respond.answer(OK)


def cut(respond: Respond) -> None:
    respond.cut()


def hold(respond: Respond) -> None:
    respond.hold(lambda: None)


@pytest.mark.parametrize("first", [answer, cut])
@pytest.mark.parametrize("second", [answer, cut, hold])
@pytest.mark.parametrize("said", [GET, b"no HTTP\r\n\r\n"])
def test_nothing_follows_an_answer_or_a_cut(
    connection: Http1Connection,
    handler: Keeping,
    said: bytes,
    first: Callable[[Respond], None],
    second: Callable[[Respond], None],
) -> None:
    connection.data_received(said)
    (respond,) = handler.responds
    first(respond)
    with pytest.raises(IllegalTransition):
        second(respond)


@pytest.mark.parametrize("late", [answer, cut, hold])
def test_what_comes_for_a_client_that_has_gone_is_dropped(
    connection: Http1Connection, handler: Keeping, late: Callable[[Respond], None]
) -> None:
    connection.data_received(GET)
    connection.connection_lost(None)
    late(handler.responds[0])


def test_a_hold_on_a_client_that_has_gone_is_told_so_at_once(
    connection: Http1Connection, handler: Keeping
) -> None:
    gone: list[str] = []
    connection.data_received(GET)
    connection.connection_lost(None)
    handler.responds[0].hold(lambda: gone.append("gone"))
    assert gone == ["gone"]


def test_a_hold_that_has_ended_is_not_told_of_the_client(
    connection: Http1Connection, handler: Keeping
) -> None:
    gone: list[str] = []
    connection.data_received(GET)
    release = handler.responds[0].hold(lambda: gone.append("gone"))
    release()
    release()
    assert connection.eof_received()  # the answer is due again
    connection.connection_lost(None)
    assert gone == []
