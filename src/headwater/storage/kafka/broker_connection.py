"""A connection to a broker: aiokafka's until the client is accepted, then requests and their answers.

aiokafka reads by a task that wakes up for each piece that arrives, and copies an answer four times. Here a
long answer is received where it stays, and its reader cuts what it wants out of it.

Rules:
- answers come in the order of the requests;
- a request that is not answered in time ends the connection, so that nothing follows it there;
- whoever waits when the connection ends is told so, and nobody is heard afterwards.

Refuses to know which requests there are, but for how their bytes are made and read.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import CorrelationIdError, KafkaConnectionError

from headwater.storage.kafka.broker_request import BrokerRequest

SMALL_BYTES = 16 * 1024
"""What is received at once while no long answer is under way."""
ANSWER_BYTES_MAX = 1024 * 1024 * 1024
"""No broker answers with more; this is something else."""

_NEVER = float("inf")
_LENGTH = _NUMBER = struct.Struct(">i")


class _Answers(asyncio.BufferedProtocol):
    """Cuts what arrives into answers."""

    def __init__(self, take: Callable[[memoryview], None], lost: Callable[[Exception | None], None]) -> None:
        self._take = take
        self._lost = lost
        self._small = memoryview(bytearray(SMALL_BYTES))
        self._kept = 0
        """So much of `_small` is the beginning of an answer's length."""
        self._long: memoryview | None = None
        """An answer of which a part is there."""
        self._filled = 0

    def get_buffer(self, _size_hint: int) -> memoryview:
        """Where the next bytes go."""
        return self._small[self._kept :] if self._long is None else self._long[self._filled :]

    def buffer_updated(self, count: int) -> None:
        """So many bytes have come."""
        if self._long is None:
            self._cut(self._kept + count)
            return
        self._filled += count
        if self._filled == len(self._long):
            answer, self._long = self._long, None
            self._take(answer)

    def _cut(self, end: int) -> None:
        """Give what is whole in the small buffer, and begin what is not."""
        small, at = self._small, 0
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(small, at)
            if not _LENGTH.size <= length <= ANSWER_BYTES_MAX:
                self._lost(KafkaConnectionError(f"an answer of {length} bytes"))
                return
            at += _LENGTH.size
            answer = memoryview(bytearray(length))
            there = min(length, end - at)
            answer[:there] = small[at : at + there]
            at += there
            if there < length:
                self._long, self._filled = answer, there
            else:
                self._take(answer)
        self._kept = end - at
        small[: self._kept] = bytes(small[at:end])

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self._lost(error)


class _Unanswered(NamedTuple):
    """A request that waits for its answer."""

    number: int
    request: Any
    answer: asyncio.Future[Any]
    due_s: float


class BrokerConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """One connection; `connect` makes it."""

    _transport: asyncio.WriteTransport | None = None
    """Once it is made, until it ends."""

    async def connect(self) -> None:
        """Make it. Raises aiokafka's errors, `OSError`."""
        self._waiting: deque[_Unanswered] = deque()
        self._looks_s = _NEVER
        """When it is seen next whether an answer is due, in the loop's time."""
        self._looking: asyncio.TimerHandle | None = None
        await super().connect()
        self._read_task.cancel()
        self._transport = self._writer.transport
        self._transport.set_protocol(_Answers(self._answered, self._lost))

    def ask(self, request: Any, timeout_s: float) -> asyncio.Future[Any]:
        """The answer to a request. Raises aiokafka's errors; `KafkaConnectionError` is one."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise KafkaConnectionError(f"the connection to {self.host}:{self.port} has ended")
        prepared = request.prepare(self._versions)
        number = self._next_correlation_id()
        if isinstance(prepared, BrokerRequest):
            transport.write(b"".join(prepared.pieces(number)))
        else:
            head = prepared.build_request_header(correlation_id=number, client_id=self._client_id)
            message = head.encode() + prepared.encode()
            transport.write(_LENGTH.pack(len(message)) + message)
        due_s = self._loop.time() + timeout_s
        asked = _Unanswered(number, prepared, self._loop.create_future(), due_s)
        self._waiting.append(asked)
        if due_s < self._looks_s:
            self._look_at(due_s)
        return asked.answer

    def connected(self) -> bool:
        """Whether it can be used."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self, reason: object = None, exc: BaseException | None = None) -> Any:
        """End it at once: with TLS, a broker that hangs would keep it open for half a minute."""
        ended = super().close(reason, exc)
        if self._transport is not None:
            self._transport.abort()
            self._ended(exc)
        return ended

    def _answered(self, text: memoryview) -> None:
        try:
            number, request, answer, _ = self._waiting[0]
            (answered,) = _NUMBER.unpack_from(text)
            if answered != number:
                raise CorrelationIdError(f"an answer to request {answered} in place of {number}")
            if isinstance(request, BrokerRequest):
                found = request.read(text[_NUMBER.size :])
            else:
                stream = BytesIO(text)
                request.parse_response_header(stream)
                found = request.RESPONSE_TYPE.decode(stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, what follows cannot be understood
            self.close(exc=error)
            return
        self._waiting.popleft()
        if not answer.done():
            answer.set_result(found)

    def _look_at(self, when_s: float) -> None:
        """See at that time whether an answer is due: one timer for all requests, as nearly none is late."""
        if self._looking is not None:
            self._looking.cancel()
        self._looks_s = when_s
        self._looking = self._loop.call_at(when_s, self._look)

    def _look(self) -> None:
        self._looks_s, self._looking = _NEVER, None
        due_s = min((asked.due_s for asked in self._waiting), default=_NEVER)
        if due_s <= self._loop.time():
            self.close(exc=TimeoutError("a request was not answered in time"))
        elif due_s < _NEVER:
            self._look_at(due_s)

    def _lost(self, error: Exception | None) -> None:
        self.close(exc=error)

    def _ended(self, error: BaseException | None) -> None:
        """Tell all who wait."""
        if self._looking is not None:
            self._looking.cancel()
        waiting, self._waiting = self._waiting, deque()
        for asked in waiting:
            if not asked.answer.done():
                ended = KafkaConnectionError(f"the connection to {self.host}:{self.port} has ended: {error}")
                ended.__cause__ = error
                asked.answer.set_exception(ended)
