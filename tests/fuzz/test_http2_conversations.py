"""Clients of HTTP/2 that make use of all that it has: each gets the answers to its own requests, whole.

The h2 library is the client, and the front end is alone, in memory. Windows may be a byte wide, bodies
padded, streams reset in the middle, and what either side says arrives in parts of any size.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from headwater.model.clock import SystemClock
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import HttpRequest, HttpResponse, Refusal, Respond
from headwater.server.http.http2 import Http2Connection
from headwater.server.http.limits import ConnectionLimits
from headwater.wire.long_body import LongBody
from tests.fuzz.test_http_fuzz import ByHand, Memory

SEED = 9113
STEPS_MAX = 50_000
WINDOWS = (1, 100, 16_384, 65_535, 70_000)
BODY_SIZES = (0, 1, 60, 16_383, 16_384, 16_385, 65_536, 131_073)
ANSWER_SIZES = (0, 1, 10, 16_300, 16_384, 65_536)
STREAM_PARTS = 3


class Asked(NamedTuple):
    """A request."""

    method: bytes
    target: bytes
    """`/KIND/SIZE`: how it is answered, and how much is added to the answer."""
    body: bytes

    def answer(self) -> bytes:
        """The body of its answer."""
        size = int(self.target.rpartition(b"/")[2])
        if self.method == b"HEAD":
            return b""
        if self.target.startswith(b"/stream"):
            return part_of_stream(size) * STREAM_PARTS
        return b"%d %d " % (len(self.body), sum(self.body)) + b"z" * size


def part_of_stream(size: int) -> bytes:
    return b"part " + b"s" * size


class Parts:
    """A streamed body, a part in each turn of the loop."""

    def __init__(self, loop: ByHand, size: int) -> None:
        self._loop = loop
        self._part = part_of_stream(size)
        self._left = STREAM_PARTS
        self._is_paused = self._is_over = False
        self._writer: Any = None

    def start(self, writer: Any) -> None:
        self._writer = writer
        self._go_on()

    def _go_on(self) -> None:
        if self._is_over or self._is_paused:
            return
        if self._left:
            self._left -= 1
            self._writer.write(self._part)
            self._loop.call_soon(self._go_on)
        else:
            self._is_over = True
            self._writer.end()

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        self._loop.call_soon(self._go_on)

    def stop(self) -> None:
        assert not self._is_over
        self._is_over = True


class Answerer:
    """Answers a request at once, later, or while another one is handed over."""

    def __init__(self, loop: ByHand, chance: Random) -> None:
        self._loop = loop
        self._chance = chance
        self._later: list[tuple[Respond, HttpResponse]] = []

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        asked = Asked(request.method, request.target, request.body)
        body = asked._replace(method=b"GET").answer()
        response = HttpResponse(200, (), body, "id", None)
        if request.target.startswith(b"/stream"):
            size = int(request.target.rpartition(b"/")[2])
            response = response._replace(body=b"", source=Parts(self._loop, size))
        elif request.target.startswith(b"/long"):
            response = response._replace(body=LongBody([body[:5], b"", body[5:]]))
        if b"later" in request.target:
            self._later.append((respond, response))
        else:
            respond.answer(response)
            self.answer_one()

    def answer_one(self) -> None:
        if self._later and self._chance.random() < 0.3:
            respond, response = self._later.pop(self._chance.randrange(len(self._later)))
            respond.answer(response)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        raise AssertionError(refusal)


class Conversation:
    """A client and the front end of a server."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(seed)
        self.loop = ByHand()
        self.answerer = Answerer(self.loop, chance)
        some_loop: Any = self.loop
        self.connections = OpenConnections(SystemClock())
        self.server = Http2Connection(self.answerer, ConnectionLimits(), self.connections, some_loop)
        self.transport = Memory(chance)
        self.transport.protocol = self.server
        self.server.connection_made(self.transport)
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        initial = {SettingCodes.INITIAL_WINDOW_SIZE: chance.choice(WINDOWS)}
        self.client.local_settings = Settings(client=True, initial_values=initial)
        self.client.initiate_connection()
        self.said = bytearray()
        self.to_ask = chance.randrange(1, 10)
        self.asked: dict[int, Asked] = {}
        self.unsent: dict[int, bytes] = {}
        self.heard: dict[int, bytes] = {}
        self.open: set[int] = set()
        """Streams whose answers are not whole yet."""
        self.may_change_windows = False
        """What was said of them is acknowledged: the library confuses several changes."""

    def run(self) -> int:
        """Talk until all is answered; how many requests that were."""
        chance = self.chance
        for _ in range(STEPS_MAX):
            if self.to_ask and chance.random() < 0.4:
                self.ask()
            for stream_id in tuple(self.unsent):
                self.send_body(stream_id)
            if self.open and chance.random() < 0.05:
                self.reset(chance.choice(sorted(self.open)))
            if self.may_change_windows and chance.random() < 0.02:
                self.may_change_windows = False
                self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: chance.choice(WINDOWS)})
            self.exchange()
            if not (self.to_ask or self.open or self.said or self.transport.written):
                break
        else:
            raise AssertionError("the conversation does not come to an end")
        for stream_id, body in self.heard.items():
            assert body == self.asked[stream_id].answer()
        assert self.server.buffered().size == 0
        self.server.connection_lost(None)
        assert not len(self.connections)
        return len(self.asked)

    def ask(self) -> None:
        chance = self.chance
        self.to_ask -= 1
        kind = chance.choice((b"", b"later", b"stream", b"streamlater", b"long"))
        body = chance.randbytes(chance.choice(BODY_SIZES))
        method = b"POST" if body else chance.choice((b"GET", b"HEAD", b"POST"))
        asked = Asked(method, b"/%b/%d" % (kind, chance.choice(ANSWER_SIZES)), body)
        head = [(b":method", method), (b":scheme", b"http"), (b":authority", b"h"), (b":path", asked.target)]
        if chance.random() < 0.5:
            head.append((b"content-length", b"%d" % len(body)))
        stream_id = self.client.get_next_available_stream_id()
        self.client.send_headers(stream_id, head, end_stream=not body)
        self.asked[stream_id] = asked
        self.heard[stream_id] = b""
        self.open.add(stream_id)
        if body:
            self.unsent[stream_id] = body

    def send_body(self, stream_id: int) -> None:
        """As much of a body as one frame takes now, or less."""
        rest, pad = self.unsent[stream_id], self.chance.choice((None, None, None, 0, 255))
        room = self.client.local_flow_control_window(stream_id) - (0 if pad is None else pad + 1)
        size = min(len(rest), room, 16_000 if self.chance.random() < 0.9 else 100)
        if size > 0:
            part, rest = rest[:size], rest[size:]
            self.client.send_data(stream_id, part, end_stream=not rest, pad_length=pad)
            self.unsent[stream_id] = rest
            if not rest:
                del self.unsent[stream_id]

    def reset(self, stream_id: int) -> None:
        self.client.reset_stream(stream_id, error_code=8)
        self.open.discard(stream_id)
        self.unsent.pop(stream_id, None)
        del self.heard[stream_id]

    def exchange(self) -> None:
        """Let some of what was said arrive, on both sides."""
        chance = self.chance
        self.said += self.client.data_to_send()
        size = chance.choice((1, 9, 50, 1000, len(self.said), len(self.said)))
        if self.said and not self.transport.paused:
            part = bytes(self.said[:size])
            del self.said[:size]
            self.server.data_received(part)
        self.answerer.answer_one()
        self.loop.run()
        if chance.random() < 0.5:
            self.transport.drain()
            self.loop.run()
        size = chance.choice((1, 9, 1000, len(self.transport.written)))
        part, self.transport.written = self.transport.written[:size], self.transport.written[size:]
        for event in self.client.receive_data(part):
            self.hear(event)

    def hear(self, event: events.Event) -> None:
        match event:
            case events.DataReceived():
                if event.stream_id in self.heard:
                    self.heard[event.stream_id] += event.data
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case events.StreamEnded():
                self.open.discard(event.stream_id)
            case events.SettingsAcknowledged():
                self.may_change_windows = True
            case events.StreamReset() | events.ConnectionTerminated():
                raise AssertionError(event)


def converse(seed: int, count: int) -> int:
    """Hold so many conversations; how many requests there were."""
    return sum(Conversation(seed + number).run() for number in range(count))


def test_every_answer_arrives_whole_on_its_own_stream() -> None:
    assert converse(SEED, 150) > 500


@pytest.mark.long
def test_every_answer_of_many_arrives_whole_on_its_own_stream() -> None:
    assert converse(SEED + 1000, 1_500) > 5_000
