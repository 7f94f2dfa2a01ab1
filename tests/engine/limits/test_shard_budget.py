"""The shards that an account may have, and who has spoken for them."""

from __future__ import annotations

import pytest

from headwater.api.operation import OPERATIONS
from headwater.api.validation.constraints import accept
from headwater.engine.limits.shard_budget import ShardBudget, shards_spoken_for
from headwater.engine.resharding import first_shards
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.model.completion import drive
from headwater.model.errors import LimitExceededException
from headwater.model.stream import Activate, Merge, Scale, Split, SplitEvenly, Step, Stream, Transition
from headwater.storage.memory_store import MemoryStore
from headwater.wire.json_format import encode
from tests.engine.running_engine import CALLER, RunningEngine

HOME, ELSEWHERE = Caller("000000000000", "us-east-1"), Caller("000000000000", "eu-west-1")


def stream_of(shard_count: int, step: Step | None = None, mode: str = "PROVISIONED") -> Stream:
    return Stream(
        account_id=HOME.account_id,
        region=HOME.region,
        name="orders",
        created_ms=0,
        status="ACTIVE" if step is None else "UPDATING",
        mode=mode,  # type: ignore[arg-type]  # one of two words
        shards=first_shards(shard_count, 10_000, iter(range(100)).__next__),
        next_shard_index=shard_count,
        transition=None if step is None else Transition(20_000, step),
    )


@pytest.mark.parametrize(
    ("step", "spoken_for"),
    [
        (None, 4),
        (Activate(), 4),
        (Split(0, "5"), 5),
        (Scale(7), 7),
        (Scale(2), 4),
        (SplitEvenly((0, 1, 2)), 7),
        (Merge(0, 1), 4),
    ],
)
def test_a_transition_speaks_for_the_shards_that_it_adds(step: Step | None, spoken_for: int) -> None:
    assert shards_spoken_for(stream_of(4, step)) == spoken_for


def test_the_last_shard_goes_to_the_first_of_two_calls() -> None:
    budget = ShardBudget(5)
    with budget.claim(HOME) as first, budget.claim(HOME) as second, budget.claim(ELSEWHERE) as third:
        first.take([stream_of(4)], 1)
        with pytest.raises(
            LimitExceededException, match=r"Current shard count for the account: 5\. Limit: 5\."
        ):
            second.take([stream_of(4)], 1)
        third.take([stream_of(4)], 1)
    with budget.claim(HOME) as later:
        later.take([stream_of(4)], 1)


def test_a_call_that_is_computed_again_claims_once() -> None:
    budget = ShardBudget(5)
    with budget.claim(HOME) as claim:
        for _ in range(3):
            claim.take([stream_of(4)], 1)
        assert budget.claimed(HOME) == 1
    assert budget.claimed(HOME) == 0


def test_on_demand_streams_do_not_count() -> None:
    budget = ShardBudget(5)
    with budget.claim(HOME) as claim:
        claim.take([stream_of(4, mode="ON_DEMAND")], 5)


def test_calls_at_the_same_time_stay_within_the_limit() -> None:
    running = RunningEngine(MemoryStore, ManualClock(), shard_limit=5)
    for name in ("orders", "invoices"):
        running.call("CreateStream", StreamName=name, ShardCount=2)
    outcomes: list[BaseException | None] = []
    for operation, members in (
        ("SplitShard", {"StreamName": "orders", "ShardToSplit": "0", "NewStartingHashKey": "1000"}),
        ("SplitShard", {"StreamName": "invoices", "ShardToSplit": "0", "NewStartingHashKey": "1000"}),
        ("CreateStream", {"StreamName": "more", "ShardCount": 1}),
        (
            "UpdateShardCount",
            {"StreamName": "invoices", "TargetShardCount": 3, "ScalingType": "UNIFORM_SCALING"},
        ),
    ):
        handler = OPERATIONS[operation].handler
        assert handler is not None
        request = accept(operation, encode(members))
        drive(handler(running.engine, CALLER, request), lambda _, error: outcomes.append(error))
    running.inbox.run_posted()
    assert [type(error) for error in outcomes].count(type(None)) == 1
    assert [type(error) for error in outcomes].count(LimitExceededException) == 3
    assert running.call("DescribeLimits")["OpenShardCount"] == 5
