from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from math import inf
from typing import Any, cast

import pytest

from headwater import __version__
from headwater.engine.engine import Engine
from headwater.model.clock import AdjustableClock, ManualClock
from headwater.model.completion import Completion
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.admin import Admin, RouteSet
from headwater.server.dispatch import Dispatch
from headwater.server.http.exchange import Answer
from headwater.server.request_log import RequestLog


class CountingEngine:
    """Its reset ends when told to."""

    def __init__(self) -> None:
        self.resets = self.ticks = 0
        self.behind = 0.0
        self.clock = AdjustableClock(ManualClock(1_000))
        self.gate: Completion[None] = Completion()
        self.gate.resolve(None)

    def behind_s(self) -> float:
        return self.behind

    def lease_status(self) -> None:
        return None

    def stream_count(self) -> int:
        return 7

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def tick(self) -> None:
        self.ticks += 1

    async def reset(self) -> None:
        await self.gate
        self.resets += 1


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


def dispatch(
    engine: CountingEngine, clock: AdjustableClock | None, more: Sequence[RouteSet] = ()
) -> Dispatch:
    return Dispatch(
        cast("Engine", engine),
        {},
        {},
        authentication=Authentication("000000000000", "us-east-1"),
        hosts=HostPolicy((), ()),
        origins=OriginPolicy(()),
        log=RequestLog(lambda text: None, ManualClock(), lambda flush: None),
        admin=Admin(engine, clock, more),
    )


@pytest.fixture
def server(loopback: Any, engine: CountingEngine) -> Any:
    return loopback(dispatch(engine, engine.clock))


def change_clock(server: Any, body: str) -> tuple[int, dict[str, Any]]:
    head = f"POST /_headwater/clock HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = server.ask((head + body).encode())
    return reply.status, json.loads(reply.body)


def ask(server: Any, method: str, path: str) -> Any:
    return server.ask(f"{method} {path} HTTP/1.1\r\n\r\n".encode(), has_body=method != "HEAD")


def test_health_says_that_the_server_runs(server: Any) -> None:
    reply = ask(server, "GET", "/_headwater/health?now")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body) == {"status": "running", "version": __version__, "streams": 7}


def test_health_says_what_a_server_still_does_before_it_serves() -> None:
    reasons = ["files are applied", ""]
    admin = Admin(CountingEngine(), unready=lambda: reasons.pop(0))
    statuses = [asyncio.run(admin.answer(b"GET", b"/_headwater/health", b"")) for _ in range(2)]
    assert [answer.status for answer in statuses if isinstance(answer, Answer)] == [503, 200]


@pytest.mark.parametrize(("behind_s", "said"), [(31.0, "for 31 s"), (inf, "does not use it any more")])
def test_a_server_that_may_have_missed_what_others_changed_is_not_healthy(
    server: Any, engine: CountingEngine, behind_s: float, said: str
) -> None:
    engine.behind = behind_s
    reply = ask(server, "GET", "/_headwater/health")
    assert reply.status == 503
    assert said in reply.body.decode()


def test_health_can_be_asked_for_by_its_head(server: Any) -> None:
    assert ask(server, "HEAD", "/_headwater/health").status == 200


def test_reset_is_answered_when_everything_is_gone(server: Any, engine: CountingEngine) -> None:
    engine.gate = Completion()
    peer = server.connect()
    peer.send(b"POST /_headwater/reset HTTP/1.1\r\n\r\n")
    assert server.is_silent_to(peer)
    server.call(lambda: engine.gate.resolve(None))
    assert peer.reply().status == 200
    assert engine.resets == 1


def test_reset_waits_for_routes_that_take_their_time(loopback: Any, engine: CountingEngine) -> None:
    done: Completion[None] = Completion()
    whole = dispatch(engine, None, (RouteSet({}, reset=lambda: done),))
    server = loopback(whole)
    peer = server.connect()
    peer.send(b"POST /_headwater/reset HTTP/1.1\r\n\r\n")
    assert server.is_silent_to(peer)
    server.call(lambda: done.resolve(None))
    assert peer.reply().status == 200


def test_a_reset_that_fails_is_an_internal_failure(server: Any, engine: CountingEngine) -> None:
    engine.gate = Completion()
    server.run(asyncio.sleep(0))
    server.call(lambda: engine.gate.fail(OSError("disk")))
    assert ask(server, "POST", "/_headwater/reset").status == 500


@pytest.mark.parametrize(("method", "path"), [("POST", "health"), ("GET", "reset"), ("DELETE", "reset")])
def test_a_wrong_method_is_told_the_right_one(
    server: Any, engine: CountingEngine, method: str, path: str
) -> None:
    reply = ask(server, method, f"/_headwater/{path}")
    assert reply.status == 405
    assert reply.headers["Allow"] == ("GET" if path == "health" else "POST")
    assert engine.resets == 0


def test_other_paths_are_not_found(server: Any) -> None:
    for path in ("/_headwater/", "/_headwater/nothing", "/_headwater/health/"):
        reply = ask(server, "GET", path)
        assert reply.status == 404
        assert path in json.loads(reply.body)["message"]


def test_the_clock_is_shown_and_moved(server: Any, engine: CountingEngine) -> None:
    shown = json.loads(ask(server, "GET", "/_headwater/clock").body)
    assert shown == {"now_ms": 1_000, "running": True, "movable": True}
    assert change_clock(server, '{"advance_ms": 500}')[1]["now_ms"] == 1_500
    assert change_clock(server, '{"set_ms": 90, "advance_ms": 1}')[1]["now_ms"] == 91
    stopped = change_clock(server, '{"running": false}')[1]
    assert stopped == {"now_ms": 91, "running": False, "movable": True}
    assert engine.ticks == 3


@pytest.mark.parametrize(
    "body", ["", "no", "[]", '{"set_ms": "1"}', '{"set": 1}', '{"advance_ms": -2000}', '{"set_ms": 1e30}']
)
def test_a_wrong_change_of_the_clock_changes_nothing(server: Any, engine: CountingEngine, body: str) -> None:
    status, answer = change_clock(server, body)
    assert (status, list(answer)) == (400, ["message"])
    assert engine.clock.now_ms() == 1_000


def test_a_clock_that_was_not_started_as_a_test_clock_stays(loopback: Any, engine: CountingEngine) -> None:
    server = loopback(dispatch(engine, None))
    assert json.loads(ask(server, "GET", "/_headwater/clock").body)["movable"] is False
    status, answer = change_clock(server, '{"advance_ms": 500}')
    assert status == 409
    assert "--test-clock" in answer["message"]
