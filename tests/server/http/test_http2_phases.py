"""The phases of an HTTP/2 connection: the tables, and that the connection holds to them."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hyperframe.frame import GoAwayFrame, HeadersFrame, SettingsFrame

from headwater.model.clock import SystemClock
from headwater.server.http.connections import GOODBYE_S, OpenConnections
from headwater.server.http.exchange import HttpRequest, HttpResponse, Refusal, Respond
from headwater.server.http.http2 import LINGER_S, Http2Connection
from headwater.server.http.http2_phases import (
    AFTER_ANSWERS,
    ENDING,
    FLOWS,
    INTAKES,
    OUTPUTS,
    PATIENCE,
    PHASES,
    Flow,
    Intake,
    Output,
    Phase,
)
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.protocol_detector import HTTP2_PREFACE
from tests.fuzz.test_http_fuzz import ByHand, Memory
from tests.phase_tables import never_left, reached_from

IDLE_S = 1000.0
OK = HttpResponse(200, (), b"ok", "id", None)
BEGIN = HTTP2_PREFACE + SettingsFrame(0).serialize()
DATA_OF_NO_STREAM = b"\0\0\1\0\0\0\0\0\0x"
GOODBYE = GoAwayFrame(0).serialize()


def get(stream_id: int) -> bytes:
    head = b"\x82\x86\x84\x01\x01x"
    return HeadersFrame(stream_id, data=head, flags=["END_HEADERS", "END_STREAM"]).serialize()


@pytest.mark.parametrize(
    ("table", "kind", "first"),
    [
        (PHASES, Phase, "open"),
        (INTAKES, Intake, "open"),
        (FLOWS, Flow, "free"),
        (OUTPUTS, Output, "written"),
    ],
)
def test_every_phase_is_reached(table: dict[str, dict[str, str]], kind: Any, first: str) -> None:
    assert reached_from(first, table) == set(get_args(kind))


def test_only_who_is_gone_goes_nowhere() -> None:
    assert never_left(PHASES) == {"gone"}


def test_every_phase_can_be_lost() -> None:
    assert set(PHASES["lose"]) == set(get_args(Phase)) - {"gone"}


def test_an_end_is_followed_by_nothing_but_the_loss() -> None:
    assert reached_from("open", PHASES) - ENDING == {"open", "parting"}
    for event, leads in PHASES.items():
        assert event == "lose" or not ENDING & set(leads)


def test_an_intake_is_never_opened_again() -> None:
    assert all(after != "open" for leads in INTAKES.values() for after in leads.values())


def test_every_intake_says_what_follows_the_last_answer() -> None:
    assert set(AFTER_ANSWERS) == set(get_args(Intake))


def test_every_phase_but_the_last_has_its_patience() -> None:
    assert set(PATIENCE) == set(get_args(Phase)) - {"gone"}


class Keeping:
    """A handler that leaves it to the test to answer."""

    def __init__(self) -> None:
        self.responds: list[Respond] = []

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        self.responds.append(respond)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        respond.cut()


class Calm:
    """Never slow."""

    def random(self) -> float:
        return 1.0


class Transport(Memory):
    """Remembers how it was ended."""

    def __init__(self) -> None:
        calm: Any = Calm()
        super().__init__(calm)
        self.ends: list[str] = []

    def write_eof(self) -> None:
        self.ends.append("end of file")

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")


class Running:
    """A connection that has begun, on a loop whose time the test moves."""

    def __init__(self) -> None:
        loop: Any = ByHand()
        self.loop = loop
        self.handler = Keeping()
        limits = ConnectionLimits(idle_timeout_s=IDLE_S, request_timeout_s=IDLE_S)
        self.connection = Http2Connection(self.handler, limits, OpenConnections(SystemClock()), self.loop)
        self.transport = Transport()
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)
        self.hear(BEGIN)

    @property
    def ends(self) -> list[str]:
        return self.transport.ends

    def hear(self, data: bytes) -> None:
        self.connection.data_received(data)
        self.loop.run()

    def answer(self) -> None:
        self.handler.responds.pop().answer(OK)
        self.loop.run()

    def wait(self, seconds: float) -> None:
        self.loop.now_s += seconds
        self.connection.sweep(self.loop.now_s)


@pytest.fixture
def running() -> Running:
    return Running()


def test_a_server_that_goes_closes_after_the_last_answer(running: Running) -> None:
    running.hear(get(1) + get(3))
    running.connection.shut_down()
    running.answer()
    assert running.ends == []
    running.answer()
    assert running.ends == ["close"]


def test_an_idle_connection_that_is_shut_down_has_time_for_a_goodbye_only(running: Running) -> None:
    running.connection.shut_down()
    assert running.ends == ["close"]
    running.wait(GOODBYE_S + 1)
    assert running.ends == ["close", "abort"]


def test_what_closes_after_an_answer_may_take_as_long_as_a_client_that_is_idle(running: Running) -> None:
    running.hear(get(1))
    running.connection.shut_down()
    running.answer()
    running.wait(IDLE_S - 1)
    assert running.ends == ["close"]
    running.wait(2)
    assert running.ends == ["close", "abort"]


def test_a_client_that_has_said_that_it_goes_is_left_to_close(running: Running) -> None:
    running.hear(get(1) + GOODBYE)
    running.answer()
    running.wait(LINGER_S / 2)
    assert running.ends == []


def test_a_client_that_does_not_go_as_it_said_is_closed_and_then_cut_off(running: Running) -> None:
    running.hear(get(1) + GOODBYE)
    running.answer()
    running.wait(LINGER_S + 1)
    assert running.ends == ["close"]
    running.wait(LINGER_S + 1)
    assert running.ends == ["close", "abort"]


def test_a_server_that_goes_waits_for_no_client_that_has_all_its_answers(running: Running) -> None:
    running.hear(get(1) + GOODBYE)
    running.answer()
    running.connection.shut_down()
    assert running.ends == ["close"]


@pytest.mark.parametrize("order", [("goes", "eof"), ("eof",)])
def test_a_client_that_has_ended_its_side_is_closed_after_its_answer(
    running: Running, order: tuple[str, ...]
) -> None:
    running.hear(get(1))
    if "goes" in order:
        running.hear(GOODBYE)
    assert running.connection.eof_received()
    running.answer()
    assert running.ends == ["close"]


def test_what_breaks_http_2_ends_the_connection_for_writing_first(running: Running) -> None:
    running.hear(get(1) + DATA_OF_NO_STREAM)
    assert running.ends == ["end of file"]
    running.hear(get(3))
    assert running.handler.responds == []
    running.wait(LINGER_S + 1)
    assert running.ends == ["end of file", "abort"]


def test_nothing_is_handed_over_while_the_client_does_not_take_its_answers(running: Running) -> None:
    running.connection.pause_writing()
    running.hear(get(1))
    assert running.handler.responds == []
    running.connection.resume_writing()
    assert len(running.handler.responds) == 1


def test_what_comes_for_a_client_that_has_gone_is_dropped(running: Running) -> None:
    running.hear(get(1))
    running.connection.connection_lost(None)
    written = running.transport.written
    running.answer()
    running.connection.sweep(2 * IDLE_S)
    running.connection.shut_down()
    running.connection.abort()
    assert (running.ends, running.transport.written) == ([], written)
