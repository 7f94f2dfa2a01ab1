"""What a refused request costs: bounded by its size, and its answer by much less.

Counted are bytes that are allocated at the same time, calls of functions, and the bytes of the answer
and of the line in the log: never time.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from functools import cache
from random import Random
from types import FrameType
from typing import Any

import pytest

from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from headwater.server.http.exchange import HttpRequest, HttpResponse
from headwater.wire import cbor_format
from tests.fuzz.twin_servers import CBOR, JSON, MemoryServer
from tests.tables import each

BODY_BYTES = 240_000
ANSWER_BYTES_MAX = 80_000
LINE_BYTES_MAX = 5_000
ALLOCATED_PER_BYTE_MAX = 8
"""A text whose characters have four bytes each is there twice, and once more encoded."""
ALLOCATED_BYTES_MAX = 800_000
"""Besides that: what is kept for later requests, and the items that are looked at."""
CALLS_MAX = 60_000
"""In JSON, whatever the body's size. CBOR is read by Python itself, so a byte may be a few calls."""
CBOR_CALLS_PER_BYTE_MAX = 12

OFFERED = sorted(name for name, row in OPERATIONS.items() if row.handler and name != "SubscribeToShard")

OTHERS = ("CreateStream", "PutRecord", "RemoveTagsFromStream")
"""Operations whose members are of other types than those of PutRecords."""
OPERATION_OF = {"Records": "PutRecords", "Tags": "AddTagsToStream", "TagKeys": "RemoveTagsFromStream"}
Unit = Callable[[int], bytes]


def repeated(opening: bytes, unit: bytes | Unit, closing: bytes, size: int = BODY_BYTES) -> bytes:
    """A body of about this size with the unit again and again, commas between."""
    one = unit if callable(unit) else lambda _: unit
    count = (size - len(opening) - len(closing)) // (len(one(10_000)) + 1)
    return opening + b",".join(map(one, range(count))) + closing


@cache
def members_of(operation: str) -> dict[str, str]:
    """The members of an operation's request by the type of their shapes."""
    model = api_model()
    members = model.shapes[model.input_shape_name(operation)].members
    return {name: model.shapes[shape].type for name, shape in members.items()}


MADE: dict[str, Callable[[], bytes]] = {
    "empty structures": lambda: repeated(b"[", b"{}", b"]"),
    "records": lambda: repeated(b"[", b'{"Data":"","PartitionKey":"a"}', b"]"),
    "records without a key": lambda: repeated(b"[", b'{"Data":"AA=="}', b"]"),
    "texts": lambda: repeated(b"[", b'"a"', b"]"),
    "numbers": lambda: repeated(b"[", b"1", b"]"),
    "nulls": lambda: repeated(b"[", b"null", b"]"),
    "lists": lambda: repeated(b"[", b"[]", b"]"),
    "entries": lambda: repeated(b"{", lambda at: b'"%d":""' % at, b"}"),
    "one entry again and again": lambda: repeated(b"{", b'"a":""', b"}"),
    "entries of nulls": lambda: repeated(b"{", lambda at: b'"%d":null' % at, b"}"),
    "entries of lists": lambda: repeated(b"{", lambda at: b'"%d":[]' % at, b"}"),
    "a text": lambda: b'"' + b"a" * BODY_BYTES + b'"',
    "a text that is no base64": lambda: b'"' + b"-" * BODY_BYTES + b'"',
    "a text of pads": lambda: b'"' + b"=" * BODY_BYTES + b'"',
    "a text of wide characters": lambda: b'"' + "😀".encode() * (BODY_BYTES // 4) + b'"',
    "a text of escapes": lambda: b'"' + rb"\u00e9" * (BODY_BYTES // 6) + b'"',
    "a text of line feeds": lambda: b'"' + rb"\n" * (BODY_BYTES // 2) + b'"',
    "something like an ARN": lambda: (
        b'"' + b"arn:aws:kinesis::000000000000:stream/" * (BODY_BYTES // 37) + b'"'
    ),
    "a number": lambda: b"1" * BODY_BYTES,
    "a fraction": lambda: b"0." + b"1" * BODY_BYTES,
    "deep lists": lambda: b"[" * (BODY_BYTES // 2) + b"]" * (BODY_BYTES // 2),
    "deep structures": lambda: b'{"a":' * (BODY_BYTES // 6) + b"1" + b"}" * (BODY_BYTES // 6),
    "many lists that are deep": lambda: repeated(b"[", b"[" * 200 + b"]" * 200, b"]"),
    "something malformed": lambda: repeated(b"[", b'"="', b'"'),
}


@cache
def value_of(name: str) -> bytes:
    """One of `MADE`, which no worker needs that has none of these tests."""
    return MADE[name]()


def cbor_value(name: str) -> Any:
    """The same in CBOR, where that is possible."""
    count = BODY_BYTES // 8
    return {
        "empty structures": [{}] * count,
        "records": [{"Data": b"", "PartitionKey": "a"}] * (count // 4),
        "texts": ["a"] * count,
        "numbers": [1] * count,
        "nulls": [None] * count,
        "lists": [[]] * count,
        "entries": {str(number): "" for number in range(count)},
        "a text": "a" * BODY_BYTES,
        "a text of wide characters": "😀" * (BODY_BYTES // 4),
        "a blob": bytes(BODY_BYTES),
        "a number": 2**63,
    }[name]


CBOR_VALUES = (
    *("empty structures", "records", "texts", "numbers", "nulls", "lists", "entries"),
    *("a text", "a text of wide characters", "a blob", "a number"),
)


TRIES = 4


class Cost:
    """A server that is asked one thing, and what that cost."""

    def __init__(self, content_type: bytes) -> None:
        self.server = MemoryServer(content_type, log_level="warning")

    def ask(self, operation: str, body: bytes, allocated_max: int, **headers: bytes) -> HttpResponse:
        """The answer, for which no more bytes than that were allocated at the same time.

        What other threads of the tests allocate meanwhile is counted, too, and so is what is made at the
        first request and kept: so there are several tries, of which one is enough.
        """
        request = self.server.request(operation, body)
        changed = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        request = request._replace(headers={**request.headers, **changed})
        spent: list[int] = []
        for _ in range(TRIES):
            response, allocated = self._allocated_for(request)
            if allocated < allocated_max:
                return response
            spent.append(allocated)
        raise AssertionError(f"{min(spent)} bytes were allocated, and at most {allocated_max} were expected")

    def _allocated_for(self, request: HttpRequest) -> tuple[HttpResponse, int]:
        tracemalloc.start()
        try:
            response = self.server.respond(request)
            return response, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def calls(self, operation: str, body: bytes) -> int:
        """How many functions the request calls, Python's own included."""
        count = 0

        def see(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        request = self.server.request(operation, body)
        sys.setprofile(see)
        try:
            self.server.respond(request)
        finally:
            sys.setprofile(None)
        return count

    def longest_line(self) -> int:
        """The longest line that was logged."""
        return max(len(line.encode()) for line in self.server.faults.splitlines())


def allocated_max(body: bytes) -> int:
    return ALLOCATED_PER_BYTE_MAX * len(body) + ALLOCATED_BYTES_MAX


def refused_cheaply(cost: Cost, operation: str, body: bytes) -> None:
    response = cost.ask(operation, body, allocated_max(body))
    assert response.status == 400
    assert len(response.body) < ANSWER_BYTES_MAX
    assert cost.longest_line() < LINE_BYTES_MAX


@pytest.mark.parametrize("value", MADE)
@pytest.mark.parametrize(
    "operation", ["PutRecords", *(pytest.param(each, marks=pytest.mark.long) for each in OTHERS)]
)
def test_a_large_value_of_any_member(operation: str, value: str) -> None:
    cost = Cost(JSON)
    for member in members_of(operation):
        refused_cheaply(cost, operation, b'{"%b":%b}' % (member.encode(), value_of(value)))


@pytest.mark.parametrize("values", [1, pytest.param(4, marks=pytest.mark.long)])
@each("operation", OFFERED)
def test_any_operation(operation: str, values: int) -> None:
    cost, chance = Cost(JSON), Random(operation)
    for member in members_of(operation) or ("Unknown",):
        for value in chance.sample(sorted(MADE), values):
            body = b'{"StreamName":"","%b":%b,"Unknown":{}}' % (member.encode(), value_of(value))
            response = cost.ask(operation, body, allocated_max(body))
            assert len(response.body) < ANSWER_BYTES_MAX


@pytest.mark.long  # everyday: how calls grow with the body, below
@pytest.mark.parametrize("value", CBOR_VALUES)
@pytest.mark.parametrize("operation", ["PutRecords", *OTHERS])
def test_a_large_value_in_cbor(operation: str, value: str) -> None:
    cost = Cost(CBOR)
    for member in members_of(operation):
        body = cbor_format.encode({member: cbor_value(value)})
        most = 10 * ALLOCATED_PER_BYTE_MAX * len(body) + ALLOCATED_BYTES_MAX
        response = cost.ask(operation, body, most)
        assert response.status == 400
        assert len(response.body) < ANSWER_BYTES_MAX
        assert cost.longest_line() < LINE_BYTES_MAX


@each("value", [name for name in MADE if name != "one entry again and again"])
@each("member", ["Records", "Tags", "TagKeys"])
def test_the_calls_of_functions_do_not_grow_with_the_body(member: str, value: str) -> None:
    operation = {"Records": "PutRecords", "Tags": "AddTagsToStream", "TagKeys": "RemoveTagsFromStream"}[
        member
    ]
    body = b'{"StreamName":"a","%b":%b}' % (member.encode(), value_of(value))
    assert Cost(JSON).calls(operation, body) < CALLS_MAX


@each("value", CBOR_VALUES)
def test_in_cbor_they_grow_with_it_only(value: str) -> None:
    body = cbor_format.encode({"StreamName": "a", "Records": cbor_value(value)})
    calls = Cost(CBOR).calls("PutRecords", body)
    assert calls < CALLS_MAX + CBOR_CALLS_PER_BYTE_MAX * len(body)


@each("value", MADE)
@each(
    "headers",
    [
        {"x_amz_target": b"Kinesis_20131202.NoSuch"},
        {"x_amz_target": b"Kinesis_20131202.GetQueueRecords"},
        {"authorization": b""},
        {"content_type": b"application/json"},
        {"content_type": b"text/plain"},
    ],
)
def test_a_request_that_is_refused_before_its_body_counts(headers: dict[str, bytes], value: str) -> None:
    cost = Cost(JSON)
    body = b'{"Records":%b}' % value_of(value)
    response = cost.ask("PutRecords", body, allocated_max(body), **headers)
    assert response.status >= 400
    assert len(response.body) < 1_000
    assert cost.longest_line() < LINE_BYTES_MAX


def test_long_names_in_the_log_are_shortened() -> None:
    cost = Cost(JSON)
    request = cost.server.request("PutRecords", b"{}")._replace(method=b"GET", target=b"/" + b"a" * 30_000)
    cost.server.respond(request)
    assert cost.longest_line() < LINE_BYTES_MAX


# What is said


def failures(operation: str, body: bytes) -> str:
    verdict = MemoryServer(JSON).send(operation, body)
    assert verdict.error == "ValidationException"
    return verdict.message


@pytest.mark.parametrize(
    ("operation", "member", "value", "most"),
    [
        ("PutRecords", "records", "records", 500),
        ("RemoveTagsFromStream", "tagKeys", "texts", 50),
        ("AddTagsToStream", "tags", "entries", 200),
    ],
)
def test_too_many_items_are_too_many_first_of_all(operation: str, member: str, value: str, most: int) -> None:
    name = member[0].upper() + member[1:]
    text = failures(operation, b'{"StreamName":"a","%b":%b}' % (name.encode(), value_of(value)))
    assert text.startswith("1 validation error detected: Value '")
    constraint = f"Member must have length less than or equal to {most}"
    assert text.endswith(f"' at '{member}' failed to satisfy constraint: {constraint}")


def test_ten_failures_are_reported_the_size_first() -> None:
    text = failures("PutRecords", b'{"StreamName":"a","Records":%b}' % value_of("empty structures"))
    first, *others = text.removeprefix("10 validation errors detected: ").split("; ")
    assert first.endswith("constraint: Member must have length less than or equal to 500")
    assert len(others) == 9
    assert others[-1].startswith("Value null at 'records.5.member.partitionKey'")


@pytest.mark.parametrize("length", [4_096, 4_097, 100_000])
def test_a_value_of_more_than_4096_characters_is_shortened(length: int) -> None:
    text = failures("DescribeStream", b'{"StreamName":"%b"}' % (b"a" * length))
    shown = "a" * length if length == 4_096 else f"{'a' * 4_096}… ({length} characters)"
    assert f"Value '{shown}' at 'streamName'" in text


def test_of_a_list_and_of_a_map_the_first_items_are_shown() -> None:
    keys = b",".join(b'"%d%b"' % (number, b"k" * 127) for number in range(50))
    text = failures("RemoveTagsFromStream", b'{"StreamName":"a","TagKeys":[%b]}' % keys)
    shown = ", ".join(f"{number}{'k' * 127}" for number in range(32))
    assert f"Value '[{shown}, …]' at 'tagKeys'" in text
    tags = b",".join(b'"%d":"%b"' % (number, b"v" * 300) for number in range(50))
    text = failures("AddTagsToStream", b'{"StreamName":"a","Tags":{%b}}' % tags)
    assert f"Value '{{0={'v' * 300}, 1={'v' * 300}, " in text
    assert f"{'v' * 300}, …}}' at 'tags'" in text
    assert len(text) < 3 * 5_000


def test_a_usual_request_of_many_separators_is_taken() -> None:
    server = MemoryServer(JSON)
    assert server.send("CreateStream", b'{"StreamName":"a","ShardCount":1}').status == 200
    record = b'{"Data":"AA==","PartitionKey":"%b"}' % (b"{,[" * 85)
    body = b'{"StreamName":"a","Records":[%b],"Unknown":{"a":[{},null,"x"]}}' % b",".join([record] * 500)
    assert server.send("PutRecords", body).answer["FailedRecordCount"] == 0
    assert server.send("PutRecords", body.replace(b"AA==", b"AB==", 1)).error == "SerializationException"


def test_nulls_beyond_the_first_items_are_not_counted_as_any() -> None:
    server = MemoryServer(JSON)
    nulls = b",".join([b"null"] * 10_000)
    body = b'{"StreamName":"a","Records":[{"Data":"","PartitionKey":"a"},%b]}' % nulls
    assert server.send("PutRecords", body).error == "SerializationException"


@pytest.mark.parametrize("wrong", [b'"\xff"', b'"\\ud800"', b"01", b"[1,]", b'{"a"}', b'"\x01"'])
@pytest.mark.parametrize("place", ["before", "inside", "behind"])
def test_a_long_body_that_does_not_parse_does_not_wherever_that_is(wrong: bytes, place: str) -> None:
    items = [b"{}"] * 10_000
    at = {"before": 0, "inside": 5_000, "behind": -1}[place]
    body = b'{"Records":[%b],"StreamName":"a"}' % b",".join((*items[:at], wrong, *items[at:]))
    assert MemoryServer(JSON).send("PutRecords", body).error == "SerializationException"
    assert MemoryServer(JSON).send("PutRecords", body + b"x").error == "SerializationException"
