"""What waits for brokers is bounded, the more so while they are away, and leaves room for others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
from headwater.storage.kafka import batch_requests, log_sender, waiting_room
from headwater.storage.kafka.patience import SILENT_SWEEPS, SWEEP_S
from headwater.storage.kafka.waiting_room import WaitingRoom
from tests.storage.kafka.simulated_gateways import TOPICS, SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka
from tests.storage.kafka.test_simulated_histories import done

MEBIBYTE = 1024 * 1024
SILENT_S = (SILENT_SWEEPS + 1) * SWEEP_S
LOGS = range(1, 21)
AWAY, THERE = range(1, 16), range(16, 21)
ROOM = 256 * 1024
BUSY = 4 * ROOM
PAYLOAD = bytes(1024)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms that are full soon."""
    monkeypatch.setattr(waiting_room, "ROOM_BYTES", ROOM)
    monkeypatch.setattr(waiting_room, "BUSY_BYTES", BUSY)
    monkeypatch.setattr(log_sender, "BATCH_BYTES", 16 * 1024)
    monkeypatch.setattr(batch_requests, "REQUEST_BYTES", 64 * 1024)


def filled(
    room: WaitingRoom, logs: int, size: int, has_room: Callable[[WaitingRoom, int, int], bool]
) -> list[int]:
    """What each log has in it once all have brought entries of a size in turn, and none was taken."""
    own = [0] * logs
    while True:
        before = own.copy()
        for log in range(logs):
            if has_room(room, own[log], size):
                room.count(size)
                own[log] += size
        if own == before:
            return own


def test_a_single_log_is_let_in_up_to_sixteen_mebibytes() -> None:
    (own,) = filled(WaitingRoom(CommitTimes()), 1, 10_000, WaitingRoom.has_room)
    assert 15 * MEBIBYTE < own <= 16 * MEBIBYTE + 10_000


def test_logs_whose_brokers_answer_are_let_in_with_what_many_large_calls_bring_at_once() -> None:
    call, connections = 3_300_000, 64
    for logs in (1, 4, 16, 100):
        own = filled(WaitingRoom(CommitTimes()), logs, call // 500, WaitingRoom.has_room_if_answered)
        assert min(own) >= call * connections // logs
        assert sum(own) < waiting_room.BUSY_BYTES
    (own_alone,) = filled(WaitingRoom(CommitTimes()), 1, 10_000_000, WaitingRoom.has_room_if_answered)
    assert own_alone >= 60_000_000  # six calls of the largest size


@pytest.mark.parametrize("size", [50_000, MEBIBYTE, 10 * MEBIBYTE])
def test_logs_that_get_rid_of_nothing_share_the_room_and_leave_some(size: int) -> None:
    for logs in (2, 16, 100, 500):
        times = CommitTimes()
        own = filled(WaitingRoom(times), logs, size, WaitingRoom.has_room)
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
    waiting = [asyncio.create_task(put(log_id)) for log_id in AWAY]
    await asyncio.sleep(SILENT_S)
    waiting += [asyncio.create_task(put(log_id)) for _ in range(60) for log_id in AWAY]
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
    await done(store.append(entries))
    for _ in range(10):
        waiting = [asyncio.create_task(done(store.append(entries))) for _ in range(60)]
        await asyncio.sleep(0.01)
        assert store.commit_times.waiting_bytes <= BUSY
        await asyncio.sleep(2)  # those that are there have answered
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


async def slow(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """More comes at once than may wait for brokers that are away; but these answer, if slowly."""
    (gateway,) = gateways
    store, cluster = gateway.store, gateway.cluster
    assert await done(store.commit(Change({"logs": b""}, create_logs=tuple(LOGS))))
    cluster.bytes_per_s = ROOM / 4
    call = [Entry(log_id, 0, (PAYLOAD,)) for log_id in LOGS]
    large = [Entry(1, 0, (PAYLOAD,) * (ROOM // 8 // len(PAYLOAD)))]
    for entries, count in ((call, 3 * ROOM // len(PAYLOAD) // len(LOGS)), (large, 16)):
        waiting = []
        for _ in range(count):
            waiting.append(asyncio.create_task(done(store.append(entries))))
            await asyncio.sleep(0.05)
        assert store.commit_times.waiting_bytes > ROOM
        outcomes = await asyncio.gather(*waiting)
        assert all(isinstance(outcome, Placed) for told in outcomes for outcome in told)
        assert store.commit_times.waiting_bytes == 0


async def away_at_once(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Brokers go away, and before anybody can know it all the room is asked for."""
    (gateway,) = gateways
    store, cluster = gateway.store, gateway.cluster
    assert await done(store.commit(Change({"logs": b""}, create_logs=tuple(LOGS))))
    cluster.silent = {TOPICS.log(log_id) for log_id in AWAY}
    entries = [Entry(log_id, 0, (PAYLOAD,)) for log_id in AWAY]
    for _ in range(3):
        waiting = [asyncio.create_task(done(store.append(entries))) for _ in range(200)]
        await asyncio.sleep(SILENT_S)
        assert store.commit_times.waiting_bytes <= BUSY
        (outcome,) = await done(store.append((Entry(THERE[0], 0, (PAYLOAD,)),)))
        assert isinstance(outcome, Placed)
        waiting_bytes = store.commit_times.waiting_bytes
        (outcome,) = await done(store.append((Entry(AWAY[0], 0, (PAYLOAD,)),)))
        assert _is_refusal(outcome) or waiting_bytes <= ROOM
        await asyncio.gather(*waiting)
    cluster.silent = set()
    await asyncio.sleep(60)
    assert store.commit_times.waiting_bytes == 0


@pytest.mark.usefixtures("small")
def test_what_waits_for_brokers_that_are_away_is_bounded() -> None:
    live(1, 1, away_and_back)


@pytest.mark.usefixtures("small")
def test_calls_of_which_a_part_waits_are_bounded_as_a_whole() -> None:
    live(2, 1, spread)


@pytest.mark.usefixtures("small")
def test_a_put_is_not_refused_while_brokers_answer_slowly() -> None:
    live(3, 1, slow)


@pytest.mark.usefixtures("small")
def test_what_comes_before_brokers_are_known_to_be_away_is_bounded_too() -> None:
    live(4, 1, away_at_once)
