"""Streams."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.model.arn import StreamName
from headwater.model.consumer import Consumer
from headwater.model.shard import Shard
from headwater.model.stream import Scale, Stream, Transition

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


def shard(index: int, **changes: Any) -> Shard:
    return Shard(
        index=index,
        log_id=index,
        starting_hash_key="0",
        ending_hash_key="99",
        epoch_s=NOW_MS // 1000,
        opened_ms=NOW_MS,
        **changes,
    )


def stream(**changes: Any) -> Stream:
    facts: dict[str, Any] = {
        "account_id": "123456789012",
        "region": "eu-west-1",
        "name": "orders",
        "created_ms": NOW_MS,
        "status": "ACTIVE",
        "mode": "PROVISIONED",
        "shards": (),
        "next_shard_index": 0,
    }
    return Stream(**(facts | changes))


def test_a_stream_has_a_full_name_an_arn_and_a_label() -> None:
    assert stream().full_name == StreamName("123456789012", "eu-west-1", "orders")
    assert stream().arn == "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
    assert stream().label == "orders under account 123456789012"


def test_open_shards_are_those_that_were_not_closed() -> None:
    resharded = stream(shards=(shard(0, closed_ms=NOW_MS), shard(1), shard(2, parent_index=0)))
    assert [open_shard.index for open_shard in resharded.open_shards] == [1, 2]


def test_a_shard_is_found_by_its_index_even_when_earlier_ones_have_expired() -> None:
    expired = stream(shards=(shard(3), shard(5)))
    found = expired.shard(5)
    assert found is not None
    assert found.index == 5
    assert expired.shard(0) is None


def test_children_are_those_that_name_the_shard_as_a_parent() -> None:
    resharded = stream(
        shards=(
            shard(0, closed_ms=NOW_MS),
            shard(1, closed_ms=NOW_MS),
            shard(2, parent_index=0, closed_ms=NOW_MS),
            shard(3, parent_index=0),
            shard(4, parent_index=2, adjacent_parent_index=1),
        )
    )
    assert [child.index for child in resharded.children_of(0)] == [2, 3]
    assert [child.index for child in resharded.children_of(1)] == [4]
    assert resharded.children_of(4) == []


def test_the_trim_horizon_is_the_retention_ago() -> None:
    assert stream().trim_horizon_ms(NOW_MS) == NOW_MS - 24 * HOUR_MS
    assert stream(retention_hours=8760).trim_horizon_ms(NOW_MS) == NOW_MS - 8760 * HOUR_MS


def test_a_consumer_is_found_by_its_name() -> None:
    app = Consumer(name="app", created_ms=NOW_MS + 999)
    watched = stream(consumers=(app,))
    assert watched.consumer("app") == app
    assert watched.consumer("other") is None
    assert app.created_s == NOW_MS // 1000


def test_all_of_it_survives_being_stored() -> None:
    scaling = stream(
        status="UPDATING",
        shards=(shard(0, closed_ms=NOW_MS), shard(1, parent_index=0)),
        transition=Transition(NOW_MS + 200, Scale(4)),
        tags={"team": "blue"},
        consumers=(Consumer(name="app", created_ms=NOW_MS),),
        shard_count_updates_ms=(NOW_MS,),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(scaling), type=Stream) == scaling
