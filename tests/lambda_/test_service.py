"""Lambda's REST API over mappings: statuses, documents, errors, and tags by their resource."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from headwater.engine.engine import Engine
from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.functions.log import FunctionLogs
from headwater.lambda_.functions.metrics import FunctionMetrics
from headwater.lambda_.lazy import LazyLambda
from headwater.lambda_.mappings.mappings import EventSourceMappings
from headwater.lambda_.service import LambdaService
from headwater.model.caller import Caller
from headwater.server.admin import RouteSet
from headwater.server.http.exchange import Answer, HttpRequest
from tests.lambda_.mapped_stream import (
    CALLER,
    FUNCTION_ARN,
    STREAM_ARN,
    Destinations,
    Functions,
    MappedStream,
    in_loop,
    mapped_stream,
    succeed,
)

PLACE = "/2015-03-31/event-source-mappings"


def _unheard(_level: str, _text: str) -> None:
    pass


class Part(Functions):
    """Functions whose operations say only that they were asked."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.metrics = FunctionMetrics(engine.now_ms)
        self.logs = FunctionLogs(_unheard, engine.now_ms)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.functions["count"] = succeed

    def operations(self) -> Mapping[str, Handler]:
        def said(name: str) -> Handler:
            async def handler(_caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
                self.heard.append((name, request))
                return {}

            return handler

        return {name: said(name) for name in ("ListTags", "TagResource", "UntagResource", "GetFunction")}

    def open(self) -> None:
        self.heard.append(("open", {}))

    async def reset(self) -> None:
        self.heard.append(("reset", {}))

    async def close(self) -> None:
        self.heard.append(("close", {}))


class Served:
    """A service over a stream, asked as HTTP asks it."""

    def __init__(self, mapped: MappedStream) -> None:
        self.mapped = mapped
        self.part = Part(mapped.engine)
        ids = iter(f"2b733dcc-8ac3-4df5-af3a-{number:012d}" for number in range(100))
        self.service = LambdaService(
            self.part,
            self.part.operations(),
            RouteSet({}),
            EventSourceMappings(
                mapped.engine,
                self.part,
                Destinations(),
                _unheard,
                self.part.metrics,
                lambda: next(ids),
                1_000,
            ),
            3.0,
        )

    async def ask(self, method: str, path: str, document: Any = None) -> Answer:
        body = b"" if document is None else json.dumps(document).encode()
        request = HttpRequest(method.encode(), path.encode(), {}, body)
        answer = await self.service.api.answer(request, CALLER)
        await self.mapped.settle()
        return answer

    async def create(self, **more: Any) -> dict[str, Any]:
        request = {"EventSourceArn": STREAM_ARN, "FunctionName": "count", "StartingPosition": "TRIM_HORIZON"}
        answer = await self.ask("POST", PLACE, request | more)
        assert answer.status == 202, answer.body
        document: dict[str, Any] = json.loads(answer.body)
        return document


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    async with mapped_stream() as mapped:
        service = Served(mapped)
        service.service.open()
        yield service
        await service.service.api.close()


@in_loop
async def test_a_mapping_is_created_read_changed_listed_and_deleted() -> None:
    async with served() as lambda_:
        created = await lambda_.create(BatchSize=7)
        uuid = created["UUID"]
        assert created["LastModified"] == lambda_.mapped.clock.now_ms() / 1000
        await lambda_.mapped.put("a")
        assert lambda_.part.batches == [["a"]]
        got = await lambda_.ask("GET", f"{PLACE}/{uuid}")
        assert (got.status, json.loads(got.body)["LastProcessingResult"]) == (200, "OK")
        changed = await lambda_.ask("PUT", f"{PLACE}/{uuid}", {"BatchSize": 8})
        assert (changed.status, json.loads(changed.body)["BatchSize"]) == (202, 8)
        await lambda_.mapped.tick()
        listed = await lambda_.ask("GET", f"{PLACE}/?FunctionName=count&MaxItems=1")
        assert [each["UUID"] for each in json.loads(listed.body)["EventSourceMappings"]] == [uuid]
        deleted = await lambda_.ask("DELETE", f"{PLACE}/{uuid}")
        assert (deleted.status, json.loads(deleted.body)["State"]) == (202, "Deleting")
        await lambda_.mapped.tick()
        gone = await lambda_.ask("GET", f"{PLACE}/{uuid}")
        assert gone.status == 404
        assert ("X-Amzn-ErrorType", "ResourceNotFoundException") in gone.fields
        assert json.loads(gone.body) == {
            "Type": "User",
            "Message": "The resource you requested does not exist.",
        }


@in_loop
async def test_a_starting_time_is_given_in_seconds() -> None:
    async with served() as lambda_:
        await lambda_.mapped.put("old")
        await lambda_.mapped.tick(10_000)
        now_s = lambda_.mapped.clock.now_ms() / 1000
        await lambda_.mapped.put("new")
        created = await lambda_.create(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=now_s - 1.5)
        assert created["StartingPositionTimestamp"] == now_s - 1.5
        assert lambda_.part.batches == [["new"]]


@in_loop
async def test_errors_have_their_status_and_name() -> None:
    async with served() as lambda_:
        await lambda_.create()
        for document, status, name in (
            ({}, 400, "ValidationException"),
            ({"FunctionName": "count"}, 400, "InvalidParameterValueException"),
            (
                {"FunctionName": "count", "EventSourceArn": STREAM_ARN, "StartingPosition": "LATEST"},
                409,
                "ResourceConflictException",
            ),
        ):
            answer = await lambda_.ask("POST", PLACE, document)
            assert (answer.status, ("X-Amzn-ErrorType", name) in answer.fields) == (status, True)


@in_loop
async def test_tags_are_those_of_the_resource_that_the_arn_names() -> None:
    async with served() as lambda_:
        arn = (await lambda_.create(Tags={"a": "1"}))["EventSourceMappingArn"]
        place = f"/2017-03-31/tags/{quote(arn, safe='')}"
        assert (await lambda_.ask("POST", place, {"Tags": {"b": "2"}})).status == 204
        assert json.loads((await lambda_.ask("GET", place)).body) == {"Tags": {"a": "1", "b": "2"}}
        assert (await lambda_.ask("DELETE", f"{place}?tagKeys=a")).status == 204
        assert json.loads((await lambda_.ask("GET", place)).body) == {"Tags": {"b": "2"}}
        assert lambda_.part.heard == [("open", {})]
        place = f"/2017-03-31/tags/{quote(FUNCTION_ARN, safe='')}"
        await lambda_.ask("GET", place)
        await lambda_.ask("POST", place, {"Tags": {"b": "2"}})
        await lambda_.ask("DELETE", f"{place}?tagKeys=a")
        assert [name for name, _ in lambda_.part.heard[1:]] == ["ListTags", "TagResource", "UntagResource"]


@in_loop
async def test_a_reset_and_the_end_reach_both_parts() -> None:
    async with served() as lambda_:
        await lambda_.create()
        await lambda_.service.api.reset()
        assert lambda_.part.heard[-1] == ("reset", {})
        answer = await lambda_.ask("GET", PLACE)
        assert json.loads(answer.body) == {"EventSourceMappings": []}
        await lambda_.service.api.close()
        assert lambda_.part.heard[-1] == ("close", {})


@in_loop
async def test_the_door_opens_at_the_first_request_for_lambda() -> None:
    async with mapped_stream() as mapped:
        built: list[Served] = []

        def build() -> LambdaService:
            built.append(Served(mapped))
            return built[0].service

        door = LazyLambda(mapped.engine, build)
        door.open_if_kept()
        get = HttpRequest(b"GET", PLACE.encode(), {}, b"")
        assert [door.takes(get, service) for service in ("", "lambda", "s3")] == [True, True, False]
        assert not door.takes(HttpRequest(b"GET", b"/bucket/key", {}, b""), "")
        show = door.routes.routes[b"event-source-mappings"][b"GET"]
        assert await show(b"") == {"event_source_mappings": []}
        await door.reset()
        await door.close()
        assert not built
        assert door.call_name(get) == "AWS lambda.ListEventSourceMappings"
        assert json.loads((await door.answer(get, CALLER)).body) == {"EventSourceMappings": []}
        assert await show(b"") == {"event_source_mappings": []}
        await door.reset()
        await door.close()
        assert len(built) == 1


@in_loop
async def test_the_door_is_open_when_the_store_has_mappings() -> None:
    async with mapped_stream() as mapped:
        await mapped.map()
        await mapped.mappings.close(5)
        served_again = Served(mapped)
        door = LazyLambda(mapped.engine, lambda: served_again.service)
        door.open_if_kept()
        await mapped.put("a")
        assert served_again.part.batches == [["a"]]
        await door.close()


@in_loop
async def test_the_servers_own_route_tells_how_far_mappings_are() -> None:
    async with served() as lambda_:
        uuid = (await lambda_.create())["UUID"]
        await lambda_.mapped.put("a", "b")
        show = lambda_.service.routes.routes[b"event-source-mappings"][b"GET"]
        shown: Any = await show(b"")
        (status,) = shown["event_source_mappings"]
        assert status["uuid"] == uuid
        assert status["records_behind"] == 0
        assert status["last_processing_result"] == "OK"
        assert status["event_counts"]["polled"] == 2
        assert status["batches_done"] == len(lambda_.part.batches) > 0
        assert (status["batches_in_flight"], status["given_up"]) == (0, [])
        assert [shard["finished"] for shard in status["shards"]] == [False]
