"""The pattern language: its rules one by one, and against another implementation on generated cases."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from moto.events.models import EventPattern

from headwater.lambda_.mappings.filter_pattern import InvalidPattern, compile_pattern

EVENT = {
    "name": "Alice",
    "empty": "",
    "nothing": None,
    "yes": True,
    "age": 35,
    "share": 0.25,
    "address": "10.0.0.17",
    "six": "2001:db8::1",
    "path": "dir/file.png",
    "odd": "a*b\\c",
    "tags": ["red", "green", 7],
    "none": [],
    "nested": {"city": "Berlin", "deep": {"n": 1}},
    "items": [{"id": "a", "n": 1}, {"id": "b", "n": 2}],
}


def matches(pattern: dict[str, Any], event: Any = EVENT) -> bool:
    return compile_pattern(json.dumps(pattern))(event)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        # equality
        ({"name": ["Alice"]}, True),
        ({"name": ["Bob", "Alice"]}, True),
        ({"name": ["alice"]}, False),
        ({"name": ["Alice"], "age": [36]}, False),
        ({"age": [35]}, True),
        ({"age": [35.0]}, True),
        ({"age": ["35"]}, False),
        ({"yes": [True]}, True),
        ({"yes": [1]}, False),
        ({"age": [True]}, False),
        ({"nothing": [None]}, True),
        ({"missing": [None]}, False),
        ({"empty": [""]}, True),
        # arrays and nesting
        ({"tags": ["green"]}, True),
        ({"tags": [7]}, True),
        ({"tags": ["blue"]}, False),
        ({"none": ["red"]}, False),
        ({"nested": {"city": ["Berlin"]}}, True),
        ({"nested": {"deep": {"n": [1]}}}, True),
        ({"nested": {"deep": {"n": [2]}}}, False),
        ({"nested": ["Berlin"]}, False),
        ({"name": {"first": ["Alice"]}}, False),
        ({"items": {"id": ["a"], "n": [1]}}, True),
        ({"items": {"id": ["a"], "n": [2]}}, False),
        # prefix and suffix
        ({"path": [{"prefix": "dir/"}]}, True),
        ({"path": [{"prefix": "DIR/"}]}, False),
        ({"path": [{"prefix": {"equals-ignore-case": "DIR/"}}]}, True),
        ({"path": [{"suffix": ".png"}]}, True),
        ({"path": [{"suffix": ".PNG"}]}, False),
        ({"path": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, True),
        ({"age": [{"prefix": "3"}]}, False),
        ({"name": [{"equals-ignore-case": "ALICE"}]}, True),
        ({"missing": [{"prefix": ""}]}, False),
        # exists
        ({"name": [{"exists": True}]}, True),
        ({"nothing": [{"exists": True}]}, True),
        ({"missing": [{"exists": True}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"name": [{"exists": False}]}, False),
        ({"nested": [{"exists": True}]}, False),
        ({"absent": {"deep": [{"exists": False}]}}, True),
        ({"nested": {"deep": {"m": [{"exists": False}]}}}, True),
        # numeric
        ({"age": [{"numeric": ["=", 35]}]}, True),
        ({"age": [{"numeric": [">", 35]}]}, False),
        ({"age": [{"numeric": [">=", 35, "<", 36]}]}, True),
        ({"share": [{"numeric": ["<=", 0.25]}]}, True),
        ({"yes": [{"numeric": ["=", 1]}]}, False),
        ({"name": [{"numeric": [">", 0]}]}, False),
        # anything-but
        ({"name": [{"anything-but": "Bob"}]}, True),
        ({"name": [{"anything-but": ["Bob", "Alice"]}]}, False),
        ({"age": [{"anything-but": [35]}]}, False),
        ({"age": [{"anything-but": [36, 37]}]}, True),
        ({"missing": [{"anything-but": ["x"]}]}, False),
        ({"name": [{"anything-but": {"prefix": "Al"}}]}, False),
        ({"name": [{"anything-but": {"prefix": ["Bo", "Cy"]}}]}, True),
        ({"path": [{"anything-but": {"suffix": ".png"}}]}, False),
        ({"name": [{"anything-but": {"equals-ignore-case": ["ALICE", "bob"]}}]}, False),
        ({"path": [{"anything-but": {"wildcard": "*/file.*"}}]}, False),
        ({"tags": [{"anything-but": ["red"]}]}, True),
        # cidr
        ({"address": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"address": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"six": [{"cidr": "2001:db8::/32"}]}, True),
        ({"name": [{"cidr": "10.0.0.0/24"}]}, False),
        # wildcard
        ({"path": [{"wildcard": "dir/*.png"}]}, True),
        ({"path": [{"wildcard": "*"}]}, True),
        ({"path": [{"wildcard": "d*r/*i*e.p*g"}]}, True),
        ({"path": [{"wildcard": "*file.png*dir"}]}, False),
        ({"path": [{"wildcard": "dir/file.png"}]}, True),
        ({"odd": [{"wildcard": r"a\*b\\*"}]}, True),
        ({"name": [{"wildcard": r"A\*e"}]}, False),
        ({"name": [{"wildcard": "Ali*lice"}]}, False),
        # $or
        ({"$or": [{"name": ["Bob"]}, {"age": [35]}]}, True),
        ({"$or": [{"name": ["Bob"]}, {"age": [36]}]}, False),
        ({"name": ["Alice"], "$or": [{"age": [1]}, {"age": [35]}]}, True),
        ({"name": ["Bob"], "$or": [{"age": [1]}, {"age": [35]}]}, False),
        ({"nested": {"$or": [{"city": ["Paris"]}, {"deep": {"n": [1]}}]}}, True),
        ({"$or": [{"$or": [{"name": ["x"]}, {"age": [35]}]}, {"name": ["y"]}]}, True),
    ],
)
def test_a_pattern_matches_what_it_describes(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(pattern) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        '"text"',
        "{}",
        '{"a": {}}',
        '{"a": []}',
        '{"a": "text"}',
        '{"a": 1}',
        '{"a": null}',
        '{"a": [["nested"]]}',
        '{"a": [NaN]}',
        '{"a": [{}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": [{"begins": "x"}]}',
        '{"a": [{"prefix": 1}]}',
        '{"a": [{"prefix": {"wildcard": "x"}}]}',
        '{"a": [{"suffix": ["x"]}]}',
        '{"a": [{"equals-ignore-case": 1}]}',
        '{"a": [{"exists": "true"}]}',
        '{"a": [{"numeric": []}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["!=", 1]}]}',
        '{"a": [{"numeric": [">", "1"]}]}',
        '{"a": [{"numeric": [">", true]}]}',
        '{"a": [{"numeric": [">", 6e9]}]}',
        '{"a": [{"numeric": ["<", 5, ">", 1]}]}',
        '{"a": [{"numeric": [">", 5, "<", 1]}]}',
        '{"a": [{"numeric": ["=", 5, "<", 9]}]}',
        '{"a": [{"cidr": "10.0.0.0/33"}]}',
        '{"a": [{"cidr": 10}]}',
        '{"a": [{"wildcard": "a**b"}]}',
        '{"a": [{"wildcard": "a\\\\b"}]}',
        '{"a": [{"wildcard": "a\\\\"}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": [1, "x"]}]}',
        '{"a": [{"anything-but": [true]}]}',
        '{"a": [{"anything-but": {}}]}',
        '{"a": [{"anything-but": {"prefix": ""}}]}',
        '{"a": [{"anything-but": {"numeric": [">", 1]}}]}',
        '{"$or": [{"a": ["x"]}]}',
        '{"$or": []}',
        '{"a": ' * 150 + "[1]" + "}" * 150,
        '{"a": ' * 5000 + "[1]" + "}" * 5000,
    ],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidPattern):
        compile_pattern(text)


def test_a_wildcard_takes_no_longer_than_the_text_and_its_pieces_allow() -> None:
    pattern = compile_pattern(json.dumps({"a": [{"wildcard": "*a" * 40 + "*b"}]}))
    assert not pattern({"a": "a" * 100_000})


NAMES = ("a", "b", "c")
TEXTS = ("", "x", "xy", "Xy", "yx", "x*y", "10.0.0.9", "10.1.0.9")
NUMBERS = (0, 1, 2, 2.0, -3, 10.5)


def random_leaf(chance: random.Random) -> Any:
    return chance.choice((*TEXTS, *NUMBERS, None))


def random_event(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name in NAMES:
        draw = chance.random()
        if draw < 0.25:
            continue
        if draw < 0.45 and depth < 2:
            event[name] = random_event(chance, depth + 1) or "x"
        elif draw < 0.6:
            event[name] = [random_leaf(chance) for _ in range(chance.randint(1, 3))]
        else:
            event[name] = random_leaf(chance)
    return event


def random_rule(chance: random.Random) -> Any:
    text = chance.choice(TEXTS)
    some = text or "x"
    low, high = sorted(chance.sample((-3, 0, 1, 2, 11), 2))
    return chance.choice(
        [
            random_leaf(chance),
            random_leaf(chance),
            {"prefix": text},
            {"prefix": {"equals-ignore-case": text}},
            {"suffix": text},
            {"suffix": {"equals-ignore-case": text}},
            {"equals-ignore-case": text},
            {"exists": True},
            {"exists": False},
            {"numeric": [chance.choice(("<", "<=", "=", ">", ">=")), low]},
            {"numeric": [chance.choice((">", ">=")), low, chance.choice(("<", "<=")), high]},
            {"anything-but": some},
            {"anything-but": chance.sample(TEXTS, 2)},
            {"anything-but": chance.sample(NUMBERS, 2)},
            {"anything-but": {"prefix": some}},
            {"anything-but": {"suffix": some}},
            {"anything-but": {"equals-ignore-case": some}},
            {"anything-but": {"wildcard": "*" + some.replace("*", "")}},
            {"cidr": chance.choice(("10.0.0.0/24", "10.0.0.0/8"))},
            {"wildcard": chance.choice(("*", "x*", "*y", "x*y", r"x\*y", "*x*"))},
        ]
    )


def random_pattern(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    pattern: dict[str, Any] = {}
    for name in chance.sample(NAMES, chance.randint(1, 2)):
        if chance.random() < 0.3 and depth < 2:
            pattern[name] = random_pattern(chance, depth + 1)
        else:
            pattern[name] = [random_rule(chance) for _ in range(chance.randint(1, 2))]
    if chance.random() < 0.2 and depth < 2:
        pattern["$or"] = [random_pattern(chance, depth + 1) for _ in range(2)]
    return pattern


def test_another_implementation_agrees_on_thousands_of_generated_cases() -> None:
    chance = random.Random(20)
    matched = 0
    for _ in range(20_000):
        pattern = random_pattern(chance)
        event: Any = random_event(chance)
        text = json.dumps(pattern)
        ours, theirs = compile_pattern(text)(event), EventPattern.load(text).matches_event(event)
        assert ours == theirs, (pattern, event)
        matched += ours
    assert 2_000 < matched < 18_000
