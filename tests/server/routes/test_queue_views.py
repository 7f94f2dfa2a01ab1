"""Queues at a glance, and dead letters that are looked at."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.testing import Headwater
from tests.api import queues
from tests.server.routes.asking import document, get


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater(transition_ms=0) as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    running.reset()
    running.clock.stop()
    return running


@pytest.fixture
def kinesis(server: Headwater) -> Iterator[Any]:
    client = server.client()
    yield client
    client.close()


def settle() -> None:
    """Nothing takes time here."""


@pytest.fixture
def stream(kinesis: Any) -> str:
    return queues.on_demand_stream(kinesis, settle)


@pytest.fixture
def dead(kinesis: Any, stream: str) -> str:
    """A queue with three dead letters."""
    return queues.dead_letters(kinesis, settle, stream, ["apples", "pears", "plums"])


def letters(server: Headwater, queue: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(server, "dead-letters", queue=queue, **query)["dead_letters"]
    return found


def test_a_queue_is_told_with_its_attributes_and_counts(server: Headwater, kinesis: Any, stream: str) -> None:
    work = queues.active_queue(kinesis, settle, stream, QueueAttributes=queues.attributes(60, 3))
    queues.put(kinesis, ["apples", "pears", "plums"])
    server.clock.advance(seconds=5)
    taken = queues.received(kinesis, work, Limit=1)
    kinesis.acknowledge_queue_records(QueueARN=work, Entries=queues.handles(taken))
    queues.received(kinesis, work, Limit=1)
    (told,) = document(server, "queues", stream="orders")["queues"]
    assert (told["name"], told["arn"], told["stream"], told["status"]) == ("work", work, "orders", "ACTIVE")
    assert (told["visibility_timeout_s"], told["max_receive_count"]) == (60, 3)
    assert told["starting_position"] == "LATEST"
    assert told["counts"] == {"visible": 1, "in_flight": 1, "dead_visible": 0, "dead_in_flight": 0}
    assert told["totals"] == {"received": 2, "acknowledged": 1, "empty_receives": 0}
    assert told["oldest_age_ms"] == 5000


def test_queues_of_all_streams_are_told_in_the_order_of_names(
    server: Headwater, kinesis: Any, stream: str
) -> None:
    jobs = queues.on_demand_stream(kinesis, settle, "jobs")
    for name, arn in (("second", stream), ("first", stream), ("only", jobs)):
        queues.active_queue(kinesis, settle, arn, name)
    told = [(each["stream"], each["name"]) for each in document(server, "queues")["queues"]]
    assert told == [("jobs", "only"), ("orders", "first"), ("orders", "second")]
    assert document(server, "queues", region="eu-west-1")["queues"] == []


def test_a_queue_without_records_has_no_oldest_one(server: Headwater, kinesis: Any, stream: str) -> None:
    queues.active_queue(kinesis, settle, stream)
    (told,) = document(server, "queues", stream="orders")["queues"]
    assert told["oldest_age_ms"] is None
    assert sum(told["counts"].values()) == 0


def test_a_queue_that_is_being_created_has_no_counts() -> None:
    with Headwater(transition_ms=60_000) as server:
        server.clock.stop()
        kinesis = server.client()
        arn = queues.on_demand_stream(kinesis, lambda: server.clock.advance(seconds=61))
        queue = queues.create_queue(kinesis, arn)["QueueARN"]
        (told,) = document(server, "queues")["queues"]
        assert (told["status"], told["counts"], told["totals"]) == ("CREATING", None, None)
        assert letters(server, queue) == []
        kinesis.close()


def test_dead_letters_are_looked_at_and_stay_as_they_are(server: Headwater, kinesis: Any, dead: str) -> None:
    seen = letters(server, dead)
    assert {base64.b64decode(letter["data"]) for letter in seen} == {b"apples", b"pears", b"plums"}
    assert all(letter["partition_key"].encode() == base64.b64decode(letter["data"]) for letter in seen)
    assert {(letter["receives"], letter["is_in_flight"]) for letter in seen} == {(1, False)}
    assert letters(server, dead) == seen
    received = queues.received(kinesis, dead, queues.RECEIVE_DEAD)
    assert sorted(record["RecordId"] for record in received) == [letter["id"] for letter in seen]
    assert {record["ReceiveCount"] for record in received} == {2}, "the looks were not counted"


def test_a_dead_letter_that_somebody_has_is_in_flight(server: Headwater, kinesis: Any, dead: str) -> None:
    (taken,) = queues.received(kinesis, dead, queues.RECEIVE_DEAD, Limit=1)
    assert [letter["id"] for letter in letters(server, dead) if letter["is_in_flight"]] == [taken["RecordId"]]
    kinesis.restore_dead_letter_queue_records(QueueARN=dead, Entries=queues.handles([taken]))
    assert taken["RecordId"] not in {letter["id"] for letter in letters(server, dead)}


def test_one_goes_on_behind_what_was_seen(server: Headwater, dead: str) -> None:
    seen = letters(server, dead)
    assert letters(server, dead, after=seen[0]["id"]) == seen[1:]
    assert letters(server, dead, after=seen[-1]["id"]) == []


def test_a_page_ends_where_it_becomes_large(server: Headwater, kinesis: Any, stream: str) -> None:
    queue = queues.active_queue(kinesis, settle, stream, QueueAttributes=queues.attributes(receives_max=1))
    for key in range(6):
        kinesis.put_record(StreamName="orders", PartitionKey=str(key), Data=bytes(1024 * 1024 - 1))
    ids: set[str] = set()
    while len(ids) < 6:
        ids |= {record["RecordId"] for record in queues.received(kinesis, queue, VisibilityTimeoutSeconds=0)}
    pages: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        told = document(server, "dead-letters", queue=queue, after=after)
        pages.append([letter["id"] for letter in told["dead_letters"]])
        after = told["after"]
        assert after in (None, pages[-1][-1])
    assert len(pages) > 1
    assert sorted(ids) == [letter for page in pages for letter in page]


def test_dead_letters_past_retention_are_not_shown(server: Headwater, dead: str) -> None:
    server.clock.advance(hours=25)
    assert letters(server, dead) == []


@pytest.mark.parametrize(
    ("route", "query", "status"),
    [
        ("queues", {"stream": "none"}, 404),
        ("queues", {"steam": "x"}, 400),
        ("dead-letters", {}, 400),
        ("dead-letters", {"queue": "orders"}, 400),
        ("dead-letters", {"queue": f"arn:aws:kinesis:us-east-1:000000000000:queue/{32 * '0'}"}, 404),
    ],
)
def test_what_is_not_there_is_refused_in_words(
    server: Headwater, route: str, query: dict[str, Any], status: int
) -> None:
    answer = get(server, route, **query)
    assert answer.status == status
    assert json.loads(answer.body)["message"]
