"""Neighbours of a server that shares its streams with others: none of its own, but those of one for all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from headwater.app.neighbours import Neighbourhood, ServerContext
from headwater.config import Config
from headwater.model.clock import ManualClock
from headwater.server.http.exchange import Answer, HttpRequest
from headwater.server.neighbour import service_of
from headwater.storage.interface import OpenedStore
from headwater.testing import Headwater
from tests.engine.running_engine import CALLER, RunningEngine
from tests.neighbours.conftest import clients_for
from tests.storage.shared_memory_store import SharedMemoryStore

STORE = {"store": "kafka://127.0.0.1:9092"}


@pytest.fixture
def engine() -> Iterator[RunningEngine]:
    running = RunningEngine(SharedMemoryStore, ManualClock())
    yield running
    running.close()


def asked(engine: RunningEngine, request: HttpRequest, **settings: str) -> Answer:
    """The answer of the neighbour that takes a request."""

    async def ask() -> Answer:
        context = ServerContext(
            Config.from_environment({}, {**STORE, **settings}),
            engine.engine,
            OpenedStore(engine.engine.store, Path("unused"), None),
            {},
            engine.clock,
            asyncio.get_running_loop(),
            cast("Any", None),
            lambda: "unused",
        )
        neighbours = Neighbourhood(context).neighbours
        taker = next(each for each in neighbours if each.takes(request, service_of(request)))
        assert taker.call_name(request).startswith("AWS ")
        answer = await taker.answer(request, CALLER)
        for each in neighbours:
            await each.reset()
            await each.close()
        return answer

    return asyncio.run(ask())


def signed(service: str, method: bytes, path: bytes, target: bytes = b"", body: bytes = b"") -> HttpRequest:
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    headers = {
        b"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode(),
        b"content-type": b"application/x-amz-json-1.0",
        b"host": b"localhost",
    }
    if target:
        headers[b"x-amz-target"] = target
    return HttpRequest(method, path, headers, body)


LIST_TABLES = signed("dynamodb", b"POST", b"/", b"DynamoDB_20120810.ListTables", b"{}")


def test_without_a_server_for_all_services_are_refused_with_the_reason(engine: RunningEngine) -> None:
    answer = asked(engine, LIST_TABLES)
    assert answer.status == 501
    assert b"with --store" in answer.body
    assert b"--forward-to names one" in answer.body


def test_services_are_those_of_the_server_that_is_named(engine: RunningEngine) -> None:
    with Headwater() as behind:
        clients_for(behind.endpoint_url)("dynamodb").create_table(
            TableName="leases",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        answer = asked(engine, LIST_TABLES, forward_to=behind.endpoint_url)
        assert (answer.status, b"leases" in answer.body) == (200, True)
