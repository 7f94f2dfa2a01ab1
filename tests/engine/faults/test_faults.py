"""Which calls meet a fault, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.engine.faults.faults import (
    AnyFault,
    CutConnection,
    Delay,
    EndSubscription,
    Error,
    ExpireIterator,
    Faults,
    Piece,
    Subject,
    Throttle,
)
from headwater.model.arn import StreamName

ORDERS = StreamName("000000000000", "us-east-1", "orders")
ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
PUTS = frozenset({"PutRecord", "PutRecords"})
PUT = Subject("PutRecord", ORDERS, None, (Piece(FIRST, "alice"),))
BATCH = Subject(
    "PutRecords", ORDERS, None, (Piece(FIRST, "alice"), Piece(SECOND, "bob"), Piece(FIRST, "carol"))
)


def faults_with(*given: AnyFault) -> Faults:
    faults = Faults()
    for fault in given:
        faults.add(fault, PUTS)
    return faults


def outcomes(fault: AnyFault, calls: int, subject: Subject = PUT) -> str:
    """Which of many same calls meet the fault: `x` does, `.` does not."""
    faults = faults_with(fault)
    return "".join("x" if faults.met_by(subject) else "." for _ in range(calls))


def test_there_are_none_at_the_start() -> None:
    faults = Faults()
    assert not faults.rules
    assert not faults.concern("PutRecord")
    assert faults.met_by(PUT) == []


def test_a_rule_fires_for_the_next_n_calls_after_those_it_skips() -> None:
    assert outcomes(CutConnection(), 5) == "xxxxx"
    assert outcomes(CutConnection(times=2), 5) == "xx..."
    assert outcomes(CutConnection(skip=2), 5) == "..xxx"
    assert outcomes(CutConnection(skip=1, times=2), 5) == ".xx.."


def test_the_same_seed_meets_the_same_calls() -> None:
    drawn = outcomes(CutConnection(probability=0.3, seed=7), 400)
    assert drawn == outcomes(CutConnection(probability=0.3, seed=7), 400)
    assert drawn != outcomes(CutConnection(probability=0.3, seed=8), 400)
    assert 80 < drawn.count("x") < 160
    assert outcomes(CutConnection(probability=0.3, seed=7, times=3), 400).count("x") == 3


def test_calls_that_do_not_match_do_not_move_the_chance() -> None:
    faults = faults_with(CutConnection(probability=0.3, seed=7, stream="orders"))
    other = PUT._replace(stream=ORDERS._replace(name="payments"))
    drawn = ""
    for _ in range(50):
        faults.met_by(other)
        drawn += "x" if faults.met_by(PUT) else "."
    assert drawn == outcomes(CutConnection(probability=0.3, seed=7), 50)


@pytest.mark.parametrize(
    ("narrowed", "pieces"),
    [
        ({}, [0, 1, 2]),
        ({"stream": "orders"}, [0, 1, 2]),
        ({"stream": ARN}, [0, 1, 2]),
        ({"stream": "payments"}, None),
        ({"stream": ARN.replace("us-east-1", "eu-west-1")}, None),
        ({"shard": FIRST}, [0, 2]),
        ({"partition_key": "bob"}, [1]),
        ({"shard": FIRST, "partition_key": "carol"}, [2]),
        ({"shard": SECOND, "partition_key": "carol"}, None),
        ({"consumer": "reader"}, None),
    ],
)
def test_a_rule_is_about_what_it_names(narrowed: dict[str, Any], pieces: list[int] | None) -> None:
    met = faults_with(Throttle(**narrowed)).met_by(BATCH)
    assert [fired.pieces for fired in met] == ([] if pieces is None else [pieces])


def test_a_rule_is_about_its_operations_only() -> None:
    faults = faults_with(CutConnection())
    assert faults.concern("PutRecord")
    assert not faults.concern("GetRecords")
    assert faults.met_by(PUT._replace(operation="GetRecords")) == []


def test_a_call_about_no_stream_is_about_none_that_a_rule_names() -> None:
    assert faults_with(CutConnection(stream="orders")).met_by(PUT._replace(stream=None)) == []
    assert faults_with(CutConnection()).met_by(PUT._replace(stream=None))


def test_a_rule_counts_what_it_matched_and_what_it_did() -> None:
    faults = faults_with(CutConnection(times=1))
    for _ in range(3):
        faults.met_by(PUT)
    assert faults.rules[1].document() == {
        "id": 1,
        "action": "cut",
        "times": 1,
        "matched": 3,
        "fired": 1,
    }


def test_the_first_rule_that_ends_a_call_is_the_last_one_asked() -> None:
    faults = faults_with(CutConnection(times=1), Error(error="InternalFailure", times=1), ExpireIterator())
    ended_by = [[type(fired.fault) for fired in faults.met_by(PUT)] for _ in range(3)]
    assert ended_by == [[CutConnection], [Error], [ExpireIterator]]
    assert [rule.matched for rule in faults.rules.values()] == [3, 2, 1]


def test_other_rules_come_on_top() -> None:
    given: list[Any] = [CutConnection(), Delay(delay_ms=5), Delay(delay_ms=7), Throttle(), EndSubscription()]
    assert [fired.fault for fired in faults_with(*given).met_by(BATCH)] == given


def test_rules_are_removed_one_by_one_or_all_and_no_number_comes_again() -> None:
    faults = faults_with(CutConnection(), CutConnection(), CutConnection())
    removed = faults.remove(2)
    assert removed is not None
    assert removed.number == 2
    assert faults.remove(2) is None
    assert list(faults.rules) == [1, 3]
    assert faults.clear() == 2
    assert not faults.rules
    assert faults.add(CutConnection(), PUTS).number == 4
