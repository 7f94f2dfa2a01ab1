"""An HTTP/2 client that does exactly what a test tells it to."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.settings import SettingCodes

from tests.waiting import RETRY_FOR_S


class StateMachine(H2ConnectionStateMachine):
    """A client that goes on reading after a GOAWAY, from whichever side."""

    _transitions = H2ConnectionStateMachine._transitions | {
        (ConnectionState.CLIENT_OPEN, input_): (None, ConnectionState.CLIENT_OPEN)
        for input_ in (ConnectionInputs.SEND_GOAWAY, ConnectionInputs.RECV_GOAWAY)
    }


@dataclass
class Heard:
    """What the server has said on a stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    informed: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def is_over(self) -> bool:
        return self.ended or self.reset is not None


class Http2Peer:
    """One connection. With `opens_windows` false, what it was sent is never acknowledged."""

    def __init__(
        self, connected: socket.socket, *, opens_windows: bool = True, settings: dict[int, int] | None = None
    ) -> None:
        self.socket = connected
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(RETRY_FOR_S)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.h2.state_machine = StateMachine()
        if settings:
            self.h2.local_settings.update(settings)
            self.h2.local_settings.acknowledge()
        self.opens_windows = opens_windows
        self.streams: dict[int, Heard] = {}
        self.goaway: events.ConnectionTerminated | None = None
        self.pongs: list[bytes] = []
        self.is_closed = False
        self.h2.initiate_connection()
        self.flush()

    # Saying.

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def open(
        self,
        path: str = "/",
        method: str = "POST",
        headers: tuple[tuple[str, str], ...] = (),
        *,
        ends: bool = False,
    ) -> int:
        """The head of a request; the number of its stream."""
        stream_id = self.h2.get_next_available_stream_id()
        head = ((":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path))
        self.h2.send_headers(stream_id, [*head, *headers], end_stream=ends)
        self.streams[stream_id] = Heard()
        self.flush()
        return stream_id

    def ask(
        self, path: str = "/", body: bytes = b"", method: str = "POST", headers: tuple[Any, ...] = ()
    ) -> int:
        """A whole request; the number of its stream."""
        stream_id = self.open(path, method, headers, ends=not body)
        if body:
            self.send_body(stream_id, body)
        return stream_id

    def send_body(self, stream_id: int, body: bytes, *, ends: bool = True) -> None:
        """Send a body as the windows allow."""
        rest = memoryview(body)
        while rest:
            self.hear_until(lambda: self.h2.local_flow_control_window(stream_id) > 0)
            size = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            part, rest = rest[:size], rest[size:]
            self.h2.send_data(stream_id, part.tobytes(), end_stream=ends and not rest)
            self.flush()

    def open_window(self, size: int, stream_id: int | None = None) -> None:
        self.h2.increment_flow_control_window(size, stream_id)
        self.flush()

    def reset(self, stream_id: int) -> None:
        self.h2.reset_stream(stream_id, 8)
        self.flush()

    # Hearing.

    def answer(self, stream_id: int) -> Heard:
        """The answer on a stream, whole or broken off."""
        self.hear_until(lambda: self.streams[stream_id].is_over or self.is_closed)
        return self.streams[stream_id]

    def hear_until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + RETRY_FOR_S
        while not condition():
            assert time.monotonic() < deadline, "the server said too little"
            assert not self.is_closed, "the server closed the connection"
            self.hear()

    def wait_until_read(self) -> None:
        """Until the server has read all that was said: it answers in the order of what it reads."""
        pongs = len(self.pongs)
        self.h2.ping(b"untilnow")
        self.flush()
        self.hear_until(lambda: len(self.pongs) > pongs)

    def hear_to_the_end(self) -> None:
        """Until the server closes the connection."""
        deadline = time.monotonic() + RETRY_FOR_S
        while not self.is_closed:
            assert time.monotonic() < deadline, "the server did not close the connection"
            self.hear()

    def hear_what_is_there(self) -> None:
        """Take in what has come by now."""
        self.socket.setblocking(False)
        try:
            self.hear()
        finally:
            self.socket.settimeout(RETRY_FOR_S)

    def hear(self) -> None:
        """Take in what comes next, if it comes in time."""
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, BlockingIOError):
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_closed = True
            return
        for event in self.h2.receive_data(data):
            self._take(event)
        with suppress(OSError):  # the server may have gone
            self.flush()

    def _take(self, event: events.Event) -> None:
        match event:
            case events.ResponseReceived():
                heard = self.streams[event.stream_id]
                heard.headers = {str(name): str(value) for name, value in event.headers}
                heard.status = int(heard.headers[":status"])
            case events.InformationalResponseReceived():
                told = dict(event.headers)
                self.streams[event.stream_id].informed.append(int(told[":status"]))  # type: ignore[index]
            case events.DataReceived():
                self.streams[event.stream_id].body += event.data
                if self.opens_windows:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case events.StreamEnded():
                self.streams[event.stream_id].ended = True
            case events.StreamReset():
                self.streams[event.stream_id].reset = int(event.error_code)
            case events.ConnectionTerminated():
                self.goaway = event
            case events.PingAckReceived():
                self.pongs.append(event.ping_data)

    def close(self) -> None:
        self.socket.close()


INITIAL_WINDOW_SIZE = SettingCodes.INITIAL_WINDOW_SIZE
HEADER_TABLE_SIZE = SettingCodes.HEADER_TABLE_SIZE
