"""Which leases can be a stream's that do not name theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.client.leases.checkpoint import LATEST, SHARD_END, TRIM_HORIZON, Checkpoint
from headwater.client.leases.lease import Lease
from headwater.client.leases.shard_tree import ShardNode
from headwater.client.leases.stream_identity import StreamIdentity, contradiction
from headwater.model.sequence_number import format_sequence_number, sequence_base

CREATED_S = 1_700_000_000
MIDDLE = str(2**127)


def number(created_s: int, shard: int, index: int) -> str:
    return format_sequence_number(sequence_base(created_s, shard), index, created_s)


SHARDS = {
    shard.shard_id: shard
    for shard in (
        ShardNode("shardId-000000000002", (), True, "0", MIDDLE, number(CREATED_S, 2, 0)),
        ShardNode("shardId-000000000003", (), False, "1", "9", number(CREATED_S, 3, 0)),
    )
}
LEASE = Lease("shardId-000000000002", Checkpoint(TRIM_HORIZON), starting_hash_key="0", ending_hash_key=MIDDLE)


@pytest.mark.parametrize(
    "lease",
    [
        LEASE,
        replace(LEASE, checkpoint=Checkpoint(LATEST)),
        replace(LEASE, checkpoint=Checkpoint(number(CREATED_S, 2, 77), 3)),
        replace(LEASE, checkpoint=Checkpoint("17")),
        replace(LEASE, starting_hash_key=None, ending_hash_key=None),
        Lease("shardId-000000000003", Checkpoint(SHARD_END)),
        Lease("shardId-000000000001", Checkpoint("12")),
    ],
    ids=["new", "latest", "read", "another layout", "no hash keys", "read to its end", "left retention"],
)
def test_what_can_be_so_fits(lease: Lease) -> None:
    assert contradiction(lease, SHARDS) is None


@pytest.mark.parametrize(
    ("lease", "reason"),
    [
        (replace(LEASE, ending_hash_key=str(2**128 - 1)), "other hash keys"),
        (replace(LEASE, starting_hash_key="5"), "other hash keys"),
        (replace(LEASE, checkpoint=Checkpoint(SHARD_END)), "and is open"),
        (replace(LEASE, checkpoint=Checkpoint(number(CREATED_S + 1, 2, 77))), "at another time"),
        (Lease("shardId-000000000004", Checkpoint(TRIM_HORIZON)), "no shardId-000000000004 yet"),
        (
            Lease("123456789012:orders:1700000000:shardId-000000000002", Checkpoint(TRIM_HORIZON)),
            "is no shard's id",
        ),
    ],
)
def test_what_cannot_be_so_is_said(lease: Lease, reason: str) -> None:
    assert reason in str(contradiction(lease, SHARDS))


def test_a_stream_made_again_under_its_name_is_another_one() -> None:
    summary = {"StreamARN": "arn:stream/orders", "StreamCreationTimestamp": 1_700_000_000.25}
    first = StreamIdentity.of(summary)
    assert first == StreamIdentity("arn:stream/orders", 1_700_000_000)
    assert first.key != StreamIdentity.of(summary | {"StreamCreationTimestamp": 1_700_000_001.25}).key
    assert StreamIdentity.of({"StreamARN": "arn:stream/orders"}).key == "arn:stream/orders"
