"""What a client says of itself on HTTP/2, at once or byte by byte."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.server.http.exchange import HEADERS_READ
from headwater.server.http.frame_meter import CAPACITY, COSTS, Flood
from headwater.server.http.http2_events import ConnectionFault, Happening
from headwater.server.http.http2_frames import (
    ACK,
    FRAME_BYTES_MAX,
    FRAME_SENT_BYTES_MAX,
    WINDOW_BYTES,
    ErrorCode,
    Kind,
    SettingId,
    frame,
)
from headwater.server.http.http2_protocol import Http2Protocol
from headwater.server.http.http2_settings import (
    OPENING_BYTES_MAX,
    OPENINGS_MAX,
    SAID_ALONE,
    ClientSettings,
    Openings,
    next_settings,
)
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.protocol_detector import HTTP2_PREFACE

SETTINGS = st.builds(
    lambda pairs: b"".join(pack(">HI", *pair) for pair in pairs),
    st.lists(
        st.tuples(
            st.sampled_from([*SettingId, 9]),
            st.sampled_from([0, 1, 2, 4096, 16_384, 65_536, 1 << 24, (1 << 31) - 1, 1 << 31]),
        ),
        max_size=3,
    ),
)
FRAMES = st.one_of(
    st.builds(lambda payload: frame(Kind.SETTINGS, 0, 0, payload), SETTINGS),
    st.sampled_from(
        [
            frame(Kind.SETTINGS, ACK, 0, b""),
            frame(Kind.SETTINGS, 0, 1, b""),
            frame(Kind.SETTINGS, 0, 0, b"odd"),
            frame(Kind.PING, 0, 0, b"12345678"),
            frame(Kind.SETTINGS, 0, 0, pack(">HI", 9, 1) * OPENING_BYTES_MAX),
        ]
    ),
)


def protocol_of() -> Http2Protocol:
    return Http2Protocol(ConnectionLimits(), HEADERS_READ, 0)


def heard(protocol: Http2Protocol, pieces: list[bytes]) -> tuple[object, ...]:
    told: list[object] = []
    fault = ""
    try:
        for piece in pieces:
            told += protocol.receive(piece)
    except (ConnectionFault, Flood) as error:
        fault = repr(error)
        told.clear()
    return told, fault, protocol.take(), protocol.meter._left, protocol.frame_bytes, protocol._settings


@given(st.lists(FRAMES, max_size=4), st.integers(0, 40))
def test_a_connection_begins_alike_however_its_first_bytes_are_cut(said: list[bytes], cut: int) -> None:
    whole = HTTP2_PREFACE + b"".join(said)
    expected = heard(protocol_of(), [whole[at : at + 1] for at in range(len(whole))])
    for _ in range(2):  # as it is met and as it is known
        assert heard(protocol_of(), [whole]) == expected
        assert heard(protocol_of(), [whole[: 24 + cut], whole[24 + cut :]]) == expected


@pytest.mark.parametrize("said", SAID_ALONE, ids=bytes.hex)
def test_what_is_known_beforehand_means_the_same_byte_by_byte(said: bytes) -> None:
    at_once, in_pieces = protocol_of(), protocol_of()
    for protocol in (at_once, in_pieces):
        protocol.receive(HTTP2_PREFACE + frame(Kind.SETTINGS, 0, 0, b""))
    assert heard(at_once, [said]) == heard(in_pieces, [said[:1], said[1:]])


def test_what_is_known_beforehand_is_paid_for() -> None:
    protocol = protocol_of()
    protocol.receive(HTTP2_PREFACE + frame(Kind.SETTINGS, 0, 0, b""))
    acknowledgement = frame(Kind.SETTINGS, ACK, 0, b"")
    for _ in range(CAPACITY // COSTS[Kind.SETTINGS] - 1):
        protocol.receive(acknowledgement)
    with pytest.raises(Flood):
        protocol.receive(acknowledgement)


def test_what_is_known_beforehand_may_be_the_rest_of_a_frame_or_come_too_early() -> None:
    acknowledgement = frame(Kind.SETTINGS, ACK, 0, b"")
    with pytest.raises(ConnectionFault):
        protocol_of().receive(HTTP2_PREFACE + acknowledgement)
    protocol = protocol_of()
    protocol.receive(HTTP2_PREFACE + frame(Kind.SETTINGS, 0, 0, b""))
    protocol.take()
    debug = frame(Kind.GOAWAY, 0, 0, bytes(8) + acknowledgement)
    assert protocol.receive(debug[: -len(acknowledgement)]) == []
    (event,) = protocol.receive(acknowledgement)
    assert event.happening is Happening.LEAVING
    assert protocol.take() == b""


def test_settings_follow_one_another() -> None:
    small = next_settings(ClientSettings(), pack(">HI", SettingId.HEADER_TABLE_SIZE, 0))
    assert small == (FRAME_BYTES_MAX, WINDOW_BYTES, True)
    later = next_settings(
        small, pack(">HIHI", SettingId.MAX_FRAME_SIZE, 1 << 20, SettingId.INITIAL_WINDOW_SIZE, 7)
    )
    assert later == (FRAME_SENT_BYTES_MAX, 7, True)
    with pytest.raises(ConnectionFault) as raised:
        next_settings(later, b"12345")
    assert raised.value.code == ErrorCode.FRAME_SIZE_ERROR


def test_what_is_remembered_is_bounded() -> None:
    openings = Openings()
    for number in range(100):
        said = HTTP2_PREFACE + frame(Kind.SETTINGS, 0, 0, pack(">HI", SettingId.INITIAL_WINDOW_SIZE, number))
        opening = openings.of(said + b"further")
        assert opening is not None
        assert (opening.said, opening.settings.stream_window, opening.frames) == (said, number, 1)
        assert len(openings._known) <= OPENINGS_MAX
