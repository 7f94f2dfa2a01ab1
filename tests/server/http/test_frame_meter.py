from __future__ import annotations

import pytest

from headwater.server.http.frame_meter import CAPACITY, COSTS, REFILL_PER_S, Flood, FrameMeter
from headwater.server.http.http2_frames import Kind

PINGS_MAX = CAPACITY // COSTS[Kind.PING]


def emptied() -> FrameMeter:
    meter = FrameMeter(0)
    for _ in range(PINGS_MAX):
        meter.spend(Kind.PING)
    return meter


def test_more_than_a_client_has_is_a_flood() -> None:
    with pytest.raises(Flood):
        emptied().spend(Kind.PING)


def test_a_thousand_requests_may_be_taken_back_at_once() -> None:
    meter = FrameMeter(0)
    for _ in range(1000):
        meter.spend(Kind.RST_STREAM)
    with pytest.raises(Flood):
        meter.spend(Kind.RST_STREAM)


def test_a_client_may_go_on_after_a_while() -> None:
    meter = emptied()
    meter.refill(1)
    for _ in range(REFILL_PER_S // COSTS[Kind.PING]):
        meter.spend(Kind.PING)
    with pytest.raises(Flood):
        meter.spend(Kind.PING)


def test_what_was_sent_may_be_acknowledged() -> None:
    meter = emptied()
    meter.data_frames_sent += 1
    meter.spend(Kind.PING)
