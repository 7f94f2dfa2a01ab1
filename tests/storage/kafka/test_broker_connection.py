"""Requests and answers on one connection, and what becomes of them when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest, ApiVersionResponse_v0

from headwater.storage.kafka.broker_connection import (
    ANSWER_BYTES_MAX,
    SMALL_BYTES,
    BrokerConnection,
    _Answers,
)
from headwater.storage.kafka.broker_request import BrokerRequest

VERSIONS = ApiVersionResponse_v0(0, [(18, 0, 0), (500, 0, 3)]).encode()


class Question(BrokerRequest):
    """Its answer is what it asks for."""

    API_KEY, API_VERSION = 500, 2

    def __init__(self, text: bytes = b"") -> None:
        self.text = text

    def body(self) -> list[bytes]:
        return [self.text[:3], self.text[3:]]

    def read(self, answer: memoryview) -> bytes:
        if bytes(answer) == b"nonsense":
            raise ValueError("no answer at all")
        return bytes(answer)


Broker = Callable[[int, bytes], bytes]
"""What it says to a question of a number."""


def framed(number: int, answer: bytes) -> bytes:
    message = number.to_bytes(4, "big") + answer
    return len(message).to_bytes(4, "big") + message


async def serve(
    broker: Broker, ended: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            request = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
            number, name_bytes = int.from_bytes(request[4:8], "big"), int.from_bytes(request[8:10], "big")
            said = framed(1, VERSIONS) if number == 1 else broker(number, request[10 + name_bytes :])
            if not said:
                break
            writer.write(said)
    writer.close()
    ended.set()


def connected(broker: Broker, talk: Callable[[BrokerConnection], Awaitable[Any]]) -> None:
    async def run() -> None:
        ended = asyncio.Event()
        server = await asyncio.start_server(partial(serve, broker, ended), "127.0.0.1", 0)
        connection = BrokerConnection(*server.sockets[0].getsockname())
        await connection.connect()
        await talk(connection)
        connection.close()
        assert not connection.connected()
        await ended.wait()
        server.close()
        await server.wait_closed()

    asyncio.run(run())


def never(what: object) -> None:
    raise AssertionError(what)


@pytest.mark.parametrize("seed", range(20))
def test_answers_are_cut_out_of_whatever_arrives_together(seed: int) -> None:
    chance = Random(seed)
    sizes = [chance.choice([4, 5, 100, SMALL_BYTES, 3 * SMALL_BYTES]) for _ in range(20)]
    sent = [chance.randbytes(size) for size in sizes]
    arriving = b"".join(len(answer).to_bytes(4, "big") + answer for answer in sent)
    taken: list[bytes] = []
    answers = _Answers(lambda answer: taken.append(bytes(answer)), never)
    while arriving:
        buffer = answers.get_buffer(-1)
        count = min(len(buffer), len(arriving), chance.choice([1, 3, 7, 1_000, 10**6]))
        buffer[:count] = arriving[:count]
        arriving = arriving[count:]
        answers.buffer_updated(count)
    assert taken == sent


@pytest.mark.parametrize("length", [-1, 0, 3, ANSWER_BYTES_MAX + 1])
def test_what_no_answer_begins_with_ends_the_connection(length: int) -> None:
    lost: list[Exception | None] = []
    answers = _Answers(never, lost.append)
    answers.get_buffer(-1)[:4] = length.to_bytes(4, "big", signed=True)
    answers.buffer_updated(4)
    assert isinstance(lost[0], KafkaConnectionError)


def test_each_request_has_its_answer() -> None:
    async def talk(connection: BrokerConnection) -> None:
        questions = [Question(b"abc"), Question(b"x" * 100_000), Question()]
        asked = [connection.ask(question, 10) for question in questions]
        assert await asyncio.gather(*asked) == [question.text for question in questions]
        versions = await connection.ask(ApiVersionRequest(), 10)
        assert versions.api_versions == [(18, 0, 0), (500, 0, 3)]

    connected(lambda number, text: framed(number, text or VERSIONS if number == 5 else text), talk)


@pytest.mark.parametrize(
    "broker",
    [
        lambda _number, _text: b"",
        lambda number, text: framed(number + 1, text),
        lambda number, _text: framed(number, b"nonsense"),
    ],
    ids=["it hangs up", "another number", "nonsense"],
)
def test_all_who_wait_are_told_when_there_will_be_no_answer(broker: Broker) -> None:
    async def talk(connection: BrokerConnection) -> None:
        for answer in [connection.ask(Question(b"abc"), 10), connection.ask(Question(b"def"), 10)]:
            with pytest.raises(KafkaConnectionError):
                await answer
        assert not connection.connected()
        with pytest.raises(KafkaConnectionError):
            connection.ask(Question(), 10)

    connected(broker, talk)


def test_a_request_that_is_not_answered_in_time_ends_the_connection_for_all() -> None:
    async def talk(connection: BrokerConnection) -> None:
        patient, hasty = connection.ask(Question(b"abc"), 3600), connection.ask(Question(b"def"), 0.01)
        for answer in (hasty, patient):
            with pytest.raises(KafkaConnectionError, match="in time"):
                await answer

    connected(lambda _number, _text: b"\0", talk)


def test_an_answer_in_time_leaves_the_connection_to_later_ones() -> None:
    async def talk(connection: BrokerConnection) -> None:
        assert await connection.ask(Question(b"abc"), 0.05) == b"abc"
        while connection._looking is not None:  # until it would have been due
            await asyncio.sleep(0.01)
        assert await connection.ask(Question(b"def"), 10) == b"def"

    connected(framed, talk)
