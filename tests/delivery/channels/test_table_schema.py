"""A JSON schema as a table: the mapping of the developer guide, and what a schema says beyond types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headwater.delivery.channels.table_schema import SchemaRefused, TableSchema, table_schema
from tests.tables import each

AT = {"type": "string", "format": "date-time"}


def schema_with(document: dict[str, Any], **more: Any) -> TableSchema:
    return table_schema({"type": "object", "properties": {"at": AT, "x": document}, **more}, ("at",))


def refusal(schema: TableSchema, text: str) -> str:
    """Why a record is refused whose `x` is this JSON."""
    with pytest.raises(msgspec.MsgspecError) as caught:
        schema.decode(b'{"at": "2026-01-01T00:00:00Z", "x": %s}' % text.encode())
    return str(caught.value)


@each(
    ("document", "column", "value"),
    [
        ({"type": "string"}, "string", '"a"'),
        (AT, "timestamptz", '"2026-01-01T00:00:00+02:00"'),
        ({"type": "string", "format": "date"}, "date", '"2026-01-01"'),
        ({"type": "string", "format": "time"}, "time", '"10:00:00"'),
        ({"type": "string", "format": "uuid"}, "uuid", '"8f14e45f-ceea-467f-a9b5-1f6a2a8e3b3a"'),
        ({"type": "string", "format": "byte"}, "binary", '"YQ=="'),
        ({"type": "string", "contentEncoding": "base64"}, "binary", '"YQ=="'),
        ({"type": "integer", "maximum": 2147483647}, "int", "2147483647"),
        ({"type": "integer"}, "long", "9223372036854775807"),
        ({"type": "number", "multipleOf": 0.001}, "decimal(38, 3)", "1.125"),
        ({"type": "number"}, "double", "1"),
        ({"type": "boolean"}, "boolean", "true"),
        ({"enum": ["a", "b"]}, "string", '"b"'),
        ({"type": "array", "items": {"type": "string"}}, "list<string>", '["a", null]'),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "map<string, double>", '{"k": 1}'),
        (
            {"type": "object", "properties": {"y": {"type": "boolean"}}, "required": ["y"]},
            "struct<4: y: required boolean>",
            '{"y": true}',
        ),
    ],
)
def test_each_type_has_its_column(document: dict[str, Any], column: str, value: str) -> None:
    schema = schema_with(document)
    assert str(schema.iceberg.find_type("x")) == column or column.startswith("struct")
    schema.decode(b'{"at": "2026-01-01T00:00:00Z", "x": %s}' % value.encode())
    schema.decode(b'{"at": "2026-01-01T00:00:00Z"}')


def test_required_fields_and_the_partitions_are_required_columns() -> None:
    schema = schema_with({"type": "string"}, required=["x"])
    assert [field.required for field in schema.iceberg.fields] == [True, True]
    assert [field.required for field in schema_with({"type": "string"}).iceberg.fields] == [True, False]
    with pytest.raises(msgspec.ValidationError, match="`at`"):
        schema.decode(b'{"x": "a"}')


def test_bounds_are_held() -> None:
    assert "<= 5" in refusal(schema_with({"type": "integer", "maximum": 5}), "6")
    assert "> 0" in refusal(schema_with({"type": "number", "exclusiveMinimum": 0}), "0")
    assert "int" in refusal(schema_with({"type": "integer"}), "9223372036854775808")
    assert "length <= 2" in refusal(schema_with({"type": "string", "maxLength": 2}), '"abc"')
    assert "regex" in refusal(schema_with({"type": "string", "pattern": "^a"}), '"b"')
    assert "timezone" in refusal(schema_with(AT), '"2026-01-01T00:00:00"')
    assert "enum" in refusal(schema_with({"enum": ["a"]}), '"b"')
    closed = schema_with({"type": "string"}, additionalProperties=False)
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        closed.decode(b'{"at": "2026-01-01T00:00:00Z", "y": 1}')


@pytest.mark.parametrize(
    "document",
    [{}, {"type": ["string", "integer"]}, {"type": "null"}, {"type": "object"}, {"enum": [1]}, True],
)
def test_what_is_no_column_is_refused(document: Any) -> None:
    with pytest.raises(SchemaRefused):
        schema_with(document)
