from __future__ import annotations

import pytest
from hyperframe.frame import DataFrame, Frame, HeadersFrame, PingFrame, RstStreamFrame

from headwater.server.http.frame_meter import (
    CAPACITY,
    COSTS,
    FRAME_BYTES_MAX,
    PING,
    REFILL_PER_S,
    Flood,
    FrameMeter,
    FrameTooLarge,
)
from headwater.server.http.protocol_detector import HTTP2_PREFACE

PING_FRAME = PingFrame(0, opaque_data=b"12345678").serialize()
PINGS_MAX = CAPACITY // COSTS[PING]


def begun() -> FrameMeter:
    meter = FrameMeter(0)
    meter.watch(HTTP2_PREFACE)
    return meter


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 17, 1000])
def test_frames_are_counted_however_they_are_cut(size: int) -> None:
    meter = FrameMeter(0)
    data = HTTP2_PREFACE + PING_FRAME * PINGS_MAX
    for start in range(0, len(data), size):
        meter.watch(data[start : start + size])
    with pytest.raises(Flood):
        meter.watch(PING_FRAME)


@pytest.mark.parametrize(
    "frame",
    [
        HeadersFrame(1, data=b"x" * 100, flags=["END_HEADERS"]),
        DataFrame(1, data=b"x" * FRAME_BYTES_MAX),
        DataFrame(1, data=b"", flags=["END_STREAM"]),
    ],
)
def test_what_requests_are_made_of_is_free(frame: Frame) -> None:
    meter = begun()
    for _ in range(100):
        meter.watch(frame.serialize() * 100)


def test_a_thousand_requests_may_be_taken_back_at_once() -> None:
    meter = begun()
    reset = RstStreamFrame(1, error_code=8).serialize()
    meter.watch(reset * 1000)
    with pytest.raises(Flood):
        meter.watch(reset)


def test_a_client_may_go_on_after_a_while() -> None:
    meter = begun()
    meter.watch(PING_FRAME * PINGS_MAX)
    meter.refill(1)
    meter.watch(PING_FRAME * (REFILL_PER_S // COSTS[PING]))
    with pytest.raises(Flood):
        meter.watch(PING_FRAME)


def test_resets_that_a_client_makes_the_server_send_are_its_own() -> None:
    meter = begun()
    for _ in range(1001):
        meter.spend_reset()
    with pytest.raises(Flood):
        meter.watch(PING_FRAME)


def test_what_was_sent_may_be_acknowledged() -> None:
    meter = begun()
    meter.watch(PING_FRAME * PINGS_MAX)
    meter.earn(1)
    meter.watch(PING_FRAME)


def test_a_frame_is_too_large_before_it_has_arrived() -> None:
    meter = begun()
    with pytest.raises(FrameTooLarge):
        meter.watch((FRAME_BYTES_MAX + 1).to_bytes(3, "big") + b"\x00\x00\x00\x00\x00\x01")
