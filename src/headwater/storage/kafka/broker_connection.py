"""A connection to a broker: aiokafka's until the client is accepted, then requests and their answers.

aiokafka reads by a task that wakes up for each piece that arrives, and copies an answer four times. Here a
long answer is received where it stays, and its reader cuts what it wants out of it.

Rules:
- answers come in the order of the requests;
- whoever waits when the connection ends is told so, and nobody is heard afterwards;
- a request writes itself as pieces that are sent without being joined, or is one of aiokafka's.

Refuses to know how long an answer may take.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from io import BytesIO
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import CorrelationIdError, KafkaConnectionError

from headwater.storage.kafka.broker_request import BrokerRequest

SMALL_BYTES = 16 * 1024
"""What is received at once while no long answer is under way."""
ANSWER_BYTES_MAX = 1024 * 1024 * 1024
"""No broker answers with more; this is something else."""

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


class BrokerConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """One connection; `connect` makes it."""

    _transport: asyncio.WriteTransport | None = None
    """Once it is made, until it ends."""

    async def connect(self) -> None:
        """Make it. Raises aiokafka's errors, `OSError`."""
        self._waiting: deque[tuple[int, Any, asyncio.Future[Any]]] = deque()
        await super().connect()
        self._read_task.cancel()
        self._transport = self._writer.transport
        self._transport.set_protocol(_Answers(self._answered, self._lost))

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """The answer to a request, to be awaited. Raises aiokafka's errors; `KafkaConnectionError` is one."""
        transport = self._transport
        if transport is None:
            return super().send(request, expect_response)
        if transport.is_closing():
            raise KafkaConnectionError(f"the connection to {self.host}:{self.port} has ended")
        prepared = request.prepare(self._versions)
        number = self._next_correlation_id()
        if isinstance(prepared, BrokerRequest):
            transport.writelines(prepared.pieces(number))
        else:
            head = prepared.build_request_header(correlation_id=number, client_id=self._client_id)
            message = head.encode() + prepared.encode()
            transport.write(_LENGTH.pack(len(message)) + message)
        answer = self._loop.create_future()
        self._waiting.append((number, prepared, answer))
        return answer

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

    def _answered(self, answer: memoryview) -> None:
        number, request, waiting = self._waiting.popleft()
        try:
            (answered,) = _NUMBER.unpack_from(answer)
            if answered != number:
                raise CorrelationIdError(f"an answer to request {answered} in place of {number}")
            if isinstance(request, BrokerRequest):
                found = request.read(answer[_NUMBER.size :])
            else:
                text = BytesIO(answer)
                request.parse_response_header(text)
                found = request.RESPONSE_TYPE.decode(text)
        except Exception as error:  # noqa: BLE001 - whatever it is, what follows cannot be understood
            self._waiting.appendleft((number, request, waiting))
            self.close(exc=error)
            return
        if not waiting.done():
            waiting.set_result(found)

    def _lost(self, error: Exception | None) -> None:
        self.close(exc=error)

    def _ended(self, error: BaseException | None) -> None:
        """Tell all who wait."""
        while self._waiting:
            _, _, waiting = self._waiting.popleft()
            if not waiting.done():
                ended = KafkaConnectionError(f"the connection to {self.host}:{self.port} has ended: {error}")
                ended.__cause__ = error
                waiting.set_exception(ended)
