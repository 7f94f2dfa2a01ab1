"""HTTP/2's frames and states, by the h2 library, set up for a server that wants to end with grace.

Rules:
- a GOAWAY from either side ends nothing but the opening of streams: those that are open
  finish (by itself h2 would neither send nor accept anything after one);
- header blocks are written plainly: no Huffman code and no table, because an answer's
  headers hardly repeat and compressing them costs more than all the rest of it.

Refuses to know sockets, requests and answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.settings import SettingCodes, Settings
from hpack import Encoder

from headwater.server.http.limits import HEADER_COUNT_LIMIT, ConnectionLimits

CONCURRENT_STREAMS = 1000
"""Hundreds of subscriptions may share a connection with the other calls of a program."""
STREAM_WINDOW_BYTES = 128 * 1024
CONNECTION_WINDOW_BYTES = 1 << 30
"""As good as none: bodies are limited stream by stream."""
FIELD_OVERHEAD_BYTES = 32
"""What HTTP/2 counts for a header on top of its name and value."""

STATUS_200 = b"\x88"
STATUS_NAME = b"\x08"
"""A literal value for `:status`, whose name is in the static table."""


class PlainEncoder(Encoder):
    """Writes header blocks without compression, which every client understands."""

    def encode(self, headers: Iterable[Any], huffman: bool = True) -> bytes:
        """Encode fields of bytes; the first is `:status`."""
        if self.table_size_changes:  # the client must be told that its wish was heard
            return super().encode(headers, huffman)
        block = bytearray()
        for name, value in headers:
            if name == b":status":
                block += STATUS_200 if value == b"200" else STATUS_NAME + _text(value)
            else:
                block += b"\0" + _text(name) + _text(value)
        return bytes(block)


def _text(text: bytes) -> bytes:
    """A string of a header block: its length, seven bits at a time, and itself."""
    length = len(text)
    if length < 0x7F:
        return length.to_bytes() + text
    length -= 0x7F
    digits = bytearray(b"\x7f")
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits) + text


class GracefulStateMachine(H2ConnectionStateMachine):
    """A connection whose open streams outlive a GOAWAY."""

    _transitions = H2ConnectionStateMachine._transitions | {  # noqa: SLF001 - there is no public table
        (state, input_): (None, state)
        for state in (ConnectionState.IDLE, ConnectionState.SERVER_OPEN)
        for input_ in (ConnectionInputs.SEND_GOAWAY, ConnectionInputs.RECV_GOAWAY)
    }


def start_protocol(limits: ConnectionLimits) -> H2Connection:
    """A server's side of a connection; its first bytes are ready to be sent."""
    config = H2Configuration(
        client_side=False,
        header_encoding=None,
        normalize_outbound_headers=False,
        validate_outbound_headers=False,
    )
    header_list_bytes = limits.header_bytes + HEADER_COUNT_LIMIT * FIELD_OVERHEAD_BYTES
    protocol = H2Connection(config)
    protocol.state_machine = GracefulStateMachine()
    protocol.encoder = PlainEncoder()
    protocol.local_settings = Settings(
        client=False,
        initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: CONCURRENT_STREAMS,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
            SettingCodes.MAX_HEADER_LIST_SIZE: header_list_bytes,
        },
    )
    protocol.decoder.max_header_list_size = header_list_bytes
    protocol.initiate_connection()
    protocol.increment_flow_control_window(CONNECTION_WINDOW_BYTES)
    return protocol
