"""The pattern language, rule by rule; `tests/clients` compares it with AWS's own library."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.lambda_.mappings.filter_pattern import InvalidPattern, compile_pattern
from tests.tables import each

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


@each(
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


@each(
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


@each(
    ("pattern", "event", "matches"),
    [
        ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}, {"b": 2}]}, False),
        ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}]}, True),
        ({"a": [2]}, {"a": [[1], [[2]]]}, True),
        ({"a": {"b": [2]}}, {"a": [[{"b": 1}], [{"b": 2}]]}, True),
        ({"a": {"b": [1], "c": [2]}}, {"a": [[{"b": 1}], [{"c": 2}]]}, False),
        ({"a.b": [1]}, {"a": {"b": 1}}, True),
        ({"a": {"b": [1]}}, {"a.b": 1}, True),
        ({"a": [{"equals-ignore-case": "\u00df"}]}, {"a": "SS"}, True),
        ({"a": [{"equals-ignore-case": "\u212a"}]}, {"a": "k"}, True),
        ({"a": [{"equals-ignore-case": "k"}]}, {"a": "\u212a"}, False),
        ({"a": [{"cidr": "::/0"}]}, {"a": "10.0.0.1"}, True),
        ({"a": [{"cidr": "::/0"}]}, {"a": "0.0.0.0"}, False),
        ({"a": ["2001:db8::1"]}, {"a": "2001:DB8:0::1"}, True),
        ({"a": [{"numeric": [">", 6e9]}]}, {"a": 7e9}, True),
        ({"a": ["x"], "$or": [{"a": ["y"]}, {"b": [1]}]}, {"a": "y"}, True),
    ],
)
def test_events_are_seen_as_their_leaves(pattern: Any, event: Any, matches: bool) -> None:
    assert compile_pattern(json.dumps(pattern))(event) is matches


@pytest.mark.parametrize("block", ["10.0.0.1", "10.0.0.1/32", "::1/128", "::1", "10.0.0.1/-1", "h/8", "/8"])
def test_a_block_that_is_one_address_or_none_is_refused(block: str) -> None:
    with pytest.raises(InvalidPattern):
        compile_pattern(json.dumps({"a": [{"cidr": block}]}))
