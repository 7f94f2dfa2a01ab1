from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headwater import __version__
from headwater.model.clock import ManualClock
from headwater.server.authentication import Authentication
from headwater.server.cross_origin import OriginPolicy
from headwater.server.dispatch import Dispatch
from headwater.server.host_names import HostPolicy
from headwater.server.request_log import RequestLog
from headwater.storage.completion import Completion


class CountingEngine:
    """Its reset ends when told to."""

    def __init__(self) -> None:
        self.resets = 0
        self.gate: Completion[None] = Completion.of(None)

    def stream_count(self) -> int:
        return 7

    async def reset(self) -> None:
        await self.gate
        self.resets += 1


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def server(loopback: Any, engine: CountingEngine) -> Any:
    log = RequestLog(lambda text: None, ManualClock(), lambda flush: None)
    return loopback(
        Dispatch(
            engine,
            {},
            {},
            authentication=Authentication("000000000000", "us-east-1"),
            hosts=HostPolicy((), ()),
            origins=OriginPolicy(()),
            log=log,
        )
    )


def ask(server: Any, method: str, path: str) -> Any:
    return server.ask(f"{method} {path} HTTP/1.1\r\n\r\n".encode(), has_body=method != "HEAD")


def test_health_says_that_the_server_runs(server: Any) -> None:
    reply = ask(server, "GET", "/_headwater/health?now")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body) == {"status": "running", "version": __version__, "streams": 7}


def test_health_can_be_asked_for_by_its_head(server: Any) -> None:
    assert ask(server, "HEAD", "/_headwater/health").status == 200


def test_reset_is_answered_when_everything_is_gone(server: Any, engine: CountingEngine) -> None:
    engine.gate = Completion()
    peer = server.connect()
    peer.send(b"POST /_headwater/reset HTTP/1.1\r\n\r\n")
    assert peer.is_silent_for(0.05)
    server.call(lambda: engine.gate.resolve(None))
    assert peer.reply().status == 200
    assert engine.resets == 1


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
