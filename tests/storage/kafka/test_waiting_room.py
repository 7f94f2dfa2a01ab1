"""What waits for brokers that are away is bounded, over all logs, and leaves room for the others."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import (
    Change,
    CommitTimes,
    Entry,
    Outcome,
    Placed,
    StoreInDoubt,
    StoreUnavailable,
)
from headwater.storage.kafka import waiting_room
from headwater.storage.kafka.waiting_room import WaitingRoom
from tests.storage.kafka.simulated_gateways import TOPICS, SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka
from tests.storage.kafka.test_simulated_histories import done

MEBIBYTE = 1024 * 1024
LOGS = range(1, 21)
AWAY, THERE = range(1, 16), range(16, 21)
ROOM = 256 * 1024
PAYLOAD = bytes(1024)


def filled(room: WaitingRoom, logs: int, size: int) -> list[int]:
    """What each log has in it once all have brought entries of a size in turn, and none was taken."""
    own = [0] * logs
    while True:
        before = own.copy()
        for log in range(logs):
            if room.has_room(own[log], size):
                room.count(size)
                own[log] += size
        if own == before:
            return own


def test_a_single_log_is_let_in_up_to_sixteen_mebibytes() -> None:
    (own,) = filled(WaitingRoom(CommitTimes()), 1, 10_000)
    assert 15 * MEBIBYTE < own <= 16 * MEBIBYTE + 10_000


@pytest.mark.parametrize("size", [50_000, MEBIBYTE, 10 * MEBIBYTE])
def test_logs_that_get_rid_of_nothing_share_the_room_and_leave_some(size: int) -> None:
    for logs in (2, 16, 100, 500):
        times = CommitTimes()
        own = filled(WaitingRoom(times), logs, size)
        assert times.waiting_bytes == sum(own) < waiting_room.ROOM_BYTES
        assert WaitingRoom(times).has_room(0, 64 * 1024)
        if size < MEBIBYTE:
            assert max(own) <= min(own) + size


def test_the_room_is_never_overdrawn() -> None:
    chance, times = Random(1), CommitTimes()
    room, own = WaitingRoom(times), [0] * 50
    for _ in range(20_000):
        log, size = chance.randrange(len(own)), int(chance.paretovariate(0.5) * 100) % (10 * MEBIBYTE)
        if room.has_room(own[log], size):
            own[log] += size
            room.count(size)
        if chance.random() < 0.01:
            room.count(-own[log])
            own[log] = 0
        assert times.waiting_bytes == sum(own) <= waiting_room.ROOM_BYTES


async def away_and_back(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    (gateway,) = gateways
    store, cluster = gateway.store, gateway.cluster
    assert await done(store.commit(Change({"logs": b""}, create_logs=tuple(LOGS))))
    told: list[tuple[int, Outcome]] = []

    async def put(log_id: int) -> Outcome:
        (outcome,) = await done(store.append((Entry(log_id, 0, (PAYLOAD,)),)))
        told.append((log_id, outcome))
        return outcome

    cluster.silent = {TOPICS.log(log_id) for log_id in AWAY}
    waiting = [asyncio.create_task(put(log_id)) for _ in range(60) for log_id in AWAY]
    await asyncio.sleep(1)
    # 1. What has no room has been refused, and it is known that it was not stored.
    assert told
    assert all(_is_refusal(outcome) for _, outcome in told)
    assert ROOM / 2 < store.commit_times.waiting_bytes <= ROOM
    refused = {log_id: sum(log_id == of for of, _ in told) for log_id in AWAY}
    assert max(refused.values()) - min(refused.values()) <= 1
    # 2. Logs whose brokers are there are taken as ever.
    for log_id in THERE:
        for _ in range(5):
            assert isinstance(await put(log_id), Placed)
    # 3. Who waits is told in time, and what has not left is not kept.
    await asyncio.gather(*waiting)
    assert not any(isinstance(outcome, Placed) for log_id, outcome in told if log_id in AWAY)
    in_doubt = sum(isinstance(outcome, StoreInDoubt) for _, outcome in told)
    assert store.commit_times.waiting_bytes == in_doubt * len(PAYLOAD)
    # 4. When the brokers are back all is taken, and nothing waits.
    cluster.silent = set()
    await asyncio.sleep(60)
    assert store.commit_times.waiting_bytes == 0
    outcomes = await asyncio.gather(*(put(log_id) for _ in range(2) for log_id in LOGS))
    assert all(isinstance(outcome, Placed) for outcome in outcomes)
    # 5. Each log has what was acknowledged where that was said, and what was in doubt once at most.
    for log_id in LOGS:
        page = await finished(store.read(log_id, 0, 10_000, MEBIBYTE))
        assert page is not None
        places = [run.position + at for run in page.runs for at in range(len(run.payloads))]
        acknowledged = [
            outcome.position for of, outcome in told if of == log_id and isinstance(outcome, Placed)
        ]
        doubts = sum(of == log_id and isinstance(outcome, StoreInDoubt) for of, outcome in told)
        assert set(acknowledged) <= set(places)
        assert len(acknowledged) == len(set(acknowledged))
        assert len(places) <= len(acknowledged) + doubts


async def spread(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Calls that have something for all logs, of which those that are away take only some."""
    (gateway,) = gateways
    store, cluster = gateway.store, gateway.cluster
    assert await done(store.commit(Change({"logs": b""}, create_logs=tuple(LOGS))))
    cluster.silent = {TOPICS.log(log_id) for log_id in AWAY}
    entries = [Entry(log_id, 0, (PAYLOAD,)) for log_id in LOGS]
    for _ in range(10):
        waiting = [asyncio.create_task(done(store.append(entries))) for _ in range(60)]
        await asyncio.sleep(0.1)
        assert store.commit_times.waiting_bytes <= ROOM
        told = [call.result() for call in waiting if call.done()]
        assert told  # those that nobody let in are not kept
        assert all(isinstance(outcome, StoreUnavailable) for call in told for outcome in call[: len(AWAY)])
        await asyncio.gather(*waiting)
    cluster.silent = set()
    await asyncio.sleep(60)
    assert store.commit_times.waiting_bytes == 0
    assert all(isinstance(outcome, Placed) for outcome in await done(store.append(entries)))


def _is_refusal(outcome: Outcome) -> bool:
    return isinstance(outcome, StoreUnavailable) and not isinstance(outcome, StoreInDoubt)


def test_what_waits_for_brokers_that_are_away_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "ROOM_BYTES", ROOM)
    live(1, 1, away_and_back)


def test_calls_of_which_a_part_waits_are_bounded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "ROOM_BYTES", ROOM)
    live(2, 1, spread)
