"""Hive's types, and what fits into them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from headwater.delivery.firehose.hive_types import (
    HiveType,
    TypeUnknown,
    ValueRefused,
    fitted,
    parse_type,
)
from tests.tables import each


def test_types_are_made_of_others() -> None:
    found = parse_type("array<struct<a:int, b:map<string,decimal(10,2)>>>")
    assert found == HiveType(
        "array",
        parts=(
            HiveType(
                "struct",
                (),
                (HiveType("int"), HiveType("map", (), (HiveType("string"), HiveType("decimal", (10, 2))))),
                ("a", "b"),
            ),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "integr",
        "array<int",
        "array<int>>",
        "map<int>",
        "struct<a>",
        "decimal(a)",
        "int!",
        "struct<a:int,",
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(TypeUnknown):
        parse_type(text)


@each(
    ("kind", "value", "found"),
    [
        ("tinyint", 127, 127),
        ("smallint", "-5", -5),
        ("bigint", 2.0, 2),
        ("double", "1.5", 1.5),
        ("decimal(5,2)", 1.239, Decimal("1.24")),
        ("decimal", "7", Decimal(7)),
        ("boolean", "TRUE", True),
        ("string", 1.5, "1.5"),
        ("string", {"a": "ü"}, '{"a":"ü"}'),
        ("char(2)", "abc", "ab"),
        ("binary", "YQ==", b"a"),
        ("date", "2024-02-29T10:00:00Z", date(2024, 2, 29)),
        ("timestamp", "2024-02-29T12:00:00+02:00", datetime(2024, 2, 29, 10)),
        ("timestamp", 1709200800, datetime(2024, 2, 29, 10)),
        ("timestamp", "1709200800500", datetime(2024, 2, 29, 10, 0, 0, 500_000)),
        ("map<string,int>", {"a": "1"}, [("a", 1)]),
        ("int", None, None),
    ],
)
def test_a_value_becomes_what_its_type_holds(kind: str, value: Any, found: Any) -> None:
    assert fitted(parse_type(kind), value, str) == found


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("tinyint", 128),
        ("int", True),
        ("int", "1.5"),
        ("double", "x"),
        ("decimal(3,1)", 123),
        ("boolean", 1),
        ("binary", "?"),
        ("date", "2023-02-29"),
        ("timestamp", "soon"),
        ("timestamp", 1e30),
        ("array<int>", {}),
        ("map<string,int>", []),
        ("struct<a:int>", 5),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(ValueRefused, match="Data does not match the schema"):
        fitted(parse_type(kind), value, str)
