"""A server that waits for its brokers says what is in the way, and says it again when it gives up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest

from headwater.storage.interface import StoreUnavailable
from headwater.storage.kafka import back_end
from headwater.storage.kafka.back_end import open_kafka
from headwater.storage.kafka.security import BrokerSecurity

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _speaks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_end, "OPEN_WITHIN_S", 1.0)
    monkeypatch.setattr(back_end, "TELL_AFTER_S", 0.0)


async def _refusal(place: str, told: list[str], protocol: str = "PLAINTEXT") -> str:
    with pytest.raises(StoreUnavailable) as refused:
        await open_kafka(f"kafka://{place}", BrokerSecurity(protocol), print, log_wait=told.append)
    return str(refused.value)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


def test_where_nobody_listens_the_place_is_named() -> None:
    places = [f"127.0.0.1:{_free_port()}" for _ in range(2)]
    told: list[str] = []
    refusal = asyncio.run(_refusal(",".join(places), told))
    assert all(f"{place}: Connect" in refusal for place in places)
    assert refusal.endswith("(waited for 1 s)")
    assert told[0].startswith(f"Kafka: no broker answers: {places[0]}: Connect")
    assert told[0].endswith("; waiting")
    assert len(told) == 1


@pytest.mark.parametrize("peer", [_hangs_up, _speaks_http])
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_where_somebody_else_listens_it_is_asked_what_speaks_there(peer: Peer, protocol: str) -> None:
    async def history() -> None:
        server = await asyncio.start_server(peer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            refusal = await _refusal(f"127.0.0.1:{port}", [], protocol)
        assert f"127.0.0.1:{port}: " in refusal
        assert f"(does Kafka listen there, and for {protocol}?)" in refusal

    asyncio.run(history())
