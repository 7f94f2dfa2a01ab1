"""Batches that leave at the same moment share a request, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from headwater.storage.kafka.batch_requests import (
    LANES,
    REQUEST_BYTES,
    BatchRequests,
    NothingSaid,
    NotSent,
)
from headwater.storage.kafka.patience import SILENT_SWEEPS

Sent = tuple[list[str], int, asyncio.Future[Mapping[str, str]]]


class Broker:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.requests = BatchRequests(self._send)

    async def _send(self, batches: Mapping[str, bytes], lane: int) -> Mapping[str, str]:
        answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self.sent.append((list(batches), lane, answer))
        return await answer

    def topics(self) -> list[list[str]]:
        return [topics for topics, _, _ in self.sent]


def with_broker(test: Callable[[Broker], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        async def live() -> None:
            await test(Broker())

        asyncio.run(live())

    run.__name__ = test.__name__
    return run


async def turns() -> None:
    """As many turns of the loop as anything here needs."""
    for _ in range(5):
        await asyncio.sleep(0)


@with_broker
async def test_what_is_given_in_one_turn_leaves_together_and_each_has_its_answer(broker: Broker) -> None:
    one, other = broker.requests.add("one", b"1"), broker.requests.add("other", b"2")
    await turns()
    ((topics, _, answer),) = broker.sent
    assert topics == ["one", "other"]
    answer.set_result({"other": "second", "one": "first"})
    assert (await one, await other) == ("first", "second")


@with_broker
async def test_while_every_connection_is_busy_what_comes_gathers_in_order(broker: Broker) -> None:
    for lane in range(LANES):
        broker.requests.add(f"busy-{lane}", b"")
        await turns()
    assert sorted(lane for _, lane, _ in broker.sent) == list(range(LANES))
    for topic in ("b", "a", "c"):
        broker.requests.add(topic, b"")
        await turns()
    assert len(broker.sent) == LANES
    broker.sent[2][2].set_result({"busy-2": ""})
    await turns()
    assert broker.sent[LANES][:2] == (["b", "a", "c"], broker.sent[2][1])


@with_broker
async def test_a_request_takes_no_more_once_it_is_large(broker: Broker) -> None:
    sizes = {"a": REQUEST_BYTES - 1, "b": 1, "c": 1, "larger than any": 2 * REQUEST_BYTES, "d": 0}
    for topic, size in sizes.items():
        broker.requests.add(topic, bytes(size))
    await turns()
    assert broker.topics() == [["a", "b"], ["c"], ["larger than any"], ["d"]]


@with_broker
async def test_a_request_that_fails_fails_for_each_of_its_batches_and_no_other(broker: Broker) -> None:
    one, other = broker.requests.add("one", b""), broker.requests.add("other", b"")
    await turns()
    later = broker.requests.add("later", b"")
    await turns()
    broker.sent[0][2].set_exception(ConnectionError("gone"))
    for failed in (one, other):
        with pytest.raises(ConnectionError, match="gone"):
            await failed
    broker.sent[1][2].set_result({"later": "stored"})
    assert await later == "stored"


@with_broker
async def test_what_waits_behind_a_request_that_fails_is_given_back(broker: Broker) -> None:
    for lane in range(LANES):
        broker.requests.add(f"busy-{lane}", b"").add_done_callback(lambda answer: answer.exception())
        await turns()
    waiting = [broker.requests.add(topic, b"") for topic in ("a", "b")]
    waiting[0].cancel()
    broker.sent[0][2].set_exception(ConnectionError("gone"))
    with pytest.raises(NotSent):
        await waiting[1]
    assert len(broker.sent) == LANES
    after = broker.requests.add("a", b"")
    await turns()
    broker.sent[LANES][2].set_result({"a": "stored"})
    assert await after == "stored"


@with_broker
async def test_a_batch_that_the_broker_says_nothing_of_is_in_doubt(broker: Broker) -> None:
    one, other = broker.requests.add("one", b""), broker.requests.add("other", b"")
    await turns()
    broker.sent[0][2].set_result({"one": "stored"})
    assert await one == "stored"
    with pytest.raises(NothingSaid):
        await other


@with_broker
async def test_who_has_given_up_is_not_told_and_what_had_not_left_is_not_sent(broker: Broker) -> None:
    one, other = broker.requests.add("one", b""), broker.requests.add("other", b"")
    one.cancel()
    await turns()
    assert broker.topics() == [["other"]]
    other.cancel()
    broker.sent[0][2].set_result({"other": "stored"})
    after = broker.requests.add("after", b"")
    await turns()
    assert not after.done()
    broker.sent[1][2].set_result({"after": "stored"})
    assert await after == "stored"


@with_broker
async def test_a_broker_that_owes_answers_for_long_is_silent_until_it_gives_one(broker: Broker) -> None:
    def swept() -> bool:
        for _ in range(SILENT_SWEEPS):
            broker.requests.sweep()
        return broker.requests.is_silent()

    assert not swept()  # it owes none
    one = broker.requests.add("one", b"")
    await turns()
    other = broker.requests.add("other", b"")
    await turns()
    assert not broker.requests.is_silent()
    assert swept()
    broker.sent[0][2].set_result({"one": "stored"})
    await one
    assert not broker.requests.is_silent()
    assert swept()
    broker.sent[1][2].set_exception(ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        await other
    assert broker.requests.is_silent()
    assert not swept()  # it has nothing
