"""A stream, event source mappings and functions, on the test's own loop and clock, without a server.

A function here is a coroutine function from an event to its answer; one that raises fails.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from time import perf_counter
from typing import Any, cast

from headwater.api.operation import OPERATIONS
from headwater.api.validation.constraints import accept
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.lambda_.api.in_step import in_step
from headwater.lambda_.functions.destination import DestinationFailed, DestinationMessage
from headwater.lambda_.functions.invocation import (
    FunctionNotFound,
    FunctionReference,
    InvocationRefused,
    InvocationResult,
    always,
)
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.mappings.mappings import EventSourceMappings
from headwater.lambda_.mappings.operations import mapping_operations
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Post
from headwater.storage.memory_store import MemoryStore
from headwater.wire.json_format import encode

CALLER = Caller("123456789012", "eu-central-1")
STREAM = "clicks"
STREAM_ARN = f"arn:aws:kinesis:eu-central-1:123456789012:stream/{STREAM}"
FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:count"
ROLE_ARN = "arn:aws:iam::123456789012:role/counter"

Event = dict[str, Any]
Function = Callable[[Event], Awaitable[Any]]


def data_of(event: Event) -> list[str]:
    """The data of an event's records."""
    return [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]


class Functions:
    """An `Invoker` of functions that are given as coroutines, by name; keeps what they were invoked with."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}
        self.events: list[Event] = []
        self.payloads: list[bytes] = []
        self.refuse_with: list[Exception] = []
        self.starting: asyncio.Event | None = None
        """What a function's process waits for before it can be given an event."""
        self._requests = count(1)

    def resolve(self, caller: Caller, reference: str) -> FunctionReference:
        name, _, qualifier = reference.rpartition("function:")[2].partition(":")
        if name not in self.functions:
            raise FunctionNotFound(reference)
        arn = f"arn:aws:lambda:{caller.region}:{caller.account_id}:function:{name}"
        return FunctionReference(
            f"{arn}:{qualifier}" if qualifier else arn, name, qualifier or None, ROLE_ARN
        )

    async def invoke(
        self, function: FunctionReference, payload: bytes, may_begin: Callable[[], bool] = always
    ) -> InvocationResult:
        if self.refuse_with:
            raise self.refuse_with.pop(0)
        starting, self.starting = self.starting, None
        if starting is not None:
            await starting.wait()
        if not may_begin():
            raise InvocationRefused("it may not begin any more")
        event = json.loads(payload)
        self.events.append(event)
        self.payloads.append(payload)
        request_id = f"request-{next(self._requests)}"
        try:
            answer = await self.functions[function.name](event)
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its error
            described = json.dumps({"errorMessage": str(error)}).encode()
            return InvocationResult(described, "Unhandled", "$LATEST", request_id, b"")
        return InvocationResult(json.dumps(answer).encode(), None, "$LATEST", request_id, b"")

    @property
    def batches(self) -> list[list[str]]:
        """The data of the records of each invocation."""
        return [data_of(event) for event in self.events]


class Destinations:
    """A `Sender` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[DestinationMessage] = []
        self.failures = 0

    async def send(self, message: DestinationMessage) -> None:
        if self.failures:
            self.failures -= 1
            raise DestinationFailed("nobody is there")
        self.messages.append(message)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(message.body) for message in self.messages]


@dataclass
class MappedStream:
    """What a test works with."""

    enforce_limits: bool = False
    transition_ms: int = 0
    retry_delay_ms: int = 1_000
    clock: ManualClock = field(default_factory=ManualClock)
    functions: Functions = field(default_factory=Functions)
    destinations: Destinations = field(default_factory=Destinations)
    notes: list[str] = field(default_factory=list)
    seed: int = 7

    def open(self, store: MemoryStore | None = None) -> None:
        self._random = Random(self.seed)
        self.store = store or MemoryStore(post())
        self.open_engine()

    def open_engine(self) -> None:
        settings = Settings(transition_ms=self.transition_ms, enforce_limits=self.enforce_limits)
        self.engine = Engine(self.store, self.clock, settings, self._random.randbytes, perf_counter)
        self.engine.open()
        self.mappings = EventSourceMappings(
            self.engine,
            self.functions,
            self.destinations,
            self.note,
            FunctionMetrics(self.engine.now_ms),
            self._new_uuid,
            self.retry_delay_ms,
        )
        self.mappings.open()
        self._operations = in_step(self.engine, mapping_operations(self.mappings))

    def note(self, level: str, text: str) -> None:
        self.notes.append(f"{level}: {text}")

    def _new_uuid(self) -> str:
        text = self._random.randbytes(16).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer of an operation of Kinesis."""
        handler = OPERATIONS[operation].handler
        assert handler is not None
        answer = await finished(handler(self.engine, CALLER, accept(operation, encode(members))))
        await self.settle()
        assert answer is None or isinstance(answer, dict)
        return answer or {}

    async def lambda_call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer of an operation of Lambda."""
        answer = await self._operations[operation](CALLER, members)
        await self.settle()
        assert isinstance(answer, dict)
        return answer

    async def map(self, function: Function | None = None, **members: Any) -> str:
        """Map the stream to a function, from its beginning on unless told otherwise; the mapping's id."""
        self.functions.functions["count"] = function or succeed
        request = {
            "EventSourceArn": STREAM_ARN,
            "FunctionName": "count",
            "StartingPosition": "TRIM_HORIZON",
            **members,
        }
        answer = await self.lambda_call("CreateEventSourceMapping", **request)
        uuid: str = answer["UUID"]
        await self.tick()
        return uuid

    async def put(self, *data: str, key: str = "key") -> None:
        """Put records, each in an arrival of its own commit."""
        for item in data:
            await self.call(
                "PutRecord",
                StreamName=STREAM,
                PartitionKey=key,
                Data=base64.b64encode(item.encode()).decode(),
            )

    async def put_together(self, *pairs: tuple[str, str]) -> None:
        """Put records, key and data, in one request."""
        records = [
            {"PartitionKey": key, "Data": base64.b64encode(data.encode()).decode()} for key, data in pairs
        ]
        await self.call("PutRecords", StreamName=STREAM, Records=records)

    async def settle(self) -> None:
        """Let everything run that can run without more time passing."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def tick(self, advance_ms: int = 0) -> None:
        """Let time pass."""
        self.clock.advance_ms(advance_ms)
        self.engine.tick()
        await self.settle()

    async def state(self, uuid: str) -> dict[str, Any]:
        return await self.lambda_call("GetEventSourceMapping", UUID=uuid)

    async def status(self) -> list[dict[str, Any]]:
        """How far each mapping is."""
        return await finished(self.mappings.status())

    async def restart(self) -> None:
        """End the mappings and the engine, and begin anew with what the store has."""
        await self.mappings.close(5)
        await self.settle()
        self.open_engine()
        await self.tick()


def in_loop(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine function."""

    @functools.wraps(scenario)
    def test(*arguments: Any, **named: Any) -> None:
        asyncio.run(scenario(*arguments, **named))

    return test


async def succeed(_event: Event) -> None:
    """A function that is always content."""


def post() -> Post:
    """The running loop's, for a store."""
    return cast("Post", asyncio.get_running_loop().call_soon)  # nobody looks at its result


@asynccontextmanager
async def mapped_stream(shards: int = 1, **settings: Any) -> AsyncIterator[MappedStream]:
    """A stream with so many shards, on a clock that stands still."""
    mapped = MappedStream(**settings)
    mapped.open()
    await mapped.call("CreateStream", StreamName=STREAM, ShardCount=shards)
    await mapped.tick()
    try:
        yield mapped
    finally:
        await mapped.mappings.close(5)
        mapped.engine.close()
        await mapped.settle()
