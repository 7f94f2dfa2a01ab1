"""A change that comes to nothing takes its topics along before its maker knows."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from headwater.model.completion import Completion
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Change, Entry, Outcome, Placed, StoreInDoubt, StoreUnavailable
from headwater.storage.kafka.cluster import KafkaError
from tests.storage.kafka.simulated_gateways import TOPICS, SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka

LOG = 7


async def _done(completion: Completion[int]) -> int:
    return await completion


async def _stored(completion: Completion[list[Outcome]]) -> list[Outcome]:
    return await completion


def test_logs_that_are_made_again_at_once_keep_their_topics_and_records() -> None:
    async def history(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        store = gateways[0].store
        for turn in range(5):  # the two may take any time at the brokers
            log_id = LOG + turn
            overtaken = Change({"key": b"a"}, {"key": 99}, create_logs=[log_id])
            assert not await finished(_done(store.commit(overtaken)))
            assert await finished(_done(store.commit(Change({}, create_logs=[log_id]))))
            (placed,) = await finished(_stored(store.append([Entry(log_id, 0, [b"kept"])])))
            assert isinstance(placed, Placed)
            assert TOPICS.log(log_id) in kafka.topics
            page = await finished(store.read(log_id, 0, 10, 1_000))
            assert page is not None
            assert [list(run.payloads) for run in page.runs] == [[b"kept"]]

    live(3, 1, history)


def test_one_whose_topics_cannot_be_removed_is_known_to_have_changed_nothing() -> None:
    async def history(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        (one,) = gateways

        async def never(topics: Collection[str]) -> None:
            raise KafkaError(f"{topics} may not be deleted here")

        one.cluster.delete_topics = never  # type: ignore[method-assign]  # as a broker may be set
        overtaken = Change({"key": b"a"}, {"key": 99}, create_logs=[LOG])
        with pytest.raises(StoreUnavailable, match="nothing was changed") as raised:
            await finished(_done(one.store.commit(overtaken)))
        assert not isinstance(raised.value, StoreInDoubt)

    live(3, 1, history)
