"""A JSON schema as a table: its columns, and the decoder of its records.

The mapping is that of the developer guide ("Iceberg behaviors for streaming table"). What a schema says
beyond types (bounds, patterns, lengths) is held, too; of `additionalProperties: false` at the top only.

Refuses to know where a schema is from, and where the table is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from itertools import count
from typing import Annotated, Any, Literal, NamedTuple, Required, TypedDict
from uuid import UUID

import msgspec
from pyiceberg import types
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import HourTransform

_typed_dict: Any = TypedDict  # made at run time: no type checker knows its members
INT_MAX = 2**31
DECIMAL_PRECISION = 38
FIRST_PARTITION_FIELD_ID = 1000

Document = Mapping[str, Any]


class SchemaRefused(Exception):
    """A schema that no table can have; the message says why."""


class FieldTypes(NamedTuple):
    """A type of a schema: what decodes a value, and what a table has."""

    decoded: Any
    column: types.IcebergType


class TableSchema(NamedTuple):
    """A schema as a table."""

    iceberg: Schema
    partition: PartitionSpec
    names: tuple[str, ...]
    """The columns, in their order."""
    decode: Callable[[bytes], Any]
    """A record as a struct with a member for each column, `c0`, `c1` …. Raises `msgspec.MsgspecError`."""


def table_schema(definition: Any, hour_columns: tuple[str, ...]) -> TableSchema:
    """Raises `SchemaRefused`; also for a partition by what is no time."""
    if not isinstance(definition, dict) or not isinstance(definition.get("properties"), dict):
        raise SchemaRefused("the schema must be of an object with properties")
    numbers = count(1)
    properties: Document = definition["properties"]
    required = {*_required(definition), *hour_columns}
    ids = {name: next(numbers) for name in properties}
    members: list[Any] = []
    columns: list[types.NestedField] = []
    for at, (name, document) in enumerate(properties.items()):
        field = _types_of(document, numbers, name)
        is_required = name in required
        members.append((f"c{at}", field.decoded) if is_required else (f"c{at}", field.decoded | None, None))
        columns.append(
            types.NestedField(
                field_id=ids[name], name=name, field_type=field.column, required=is_required,
                doc=document.get("description") if isinstance(document, dict) else None,
            )
        )  # fmt: skip
    record = msgspec.defstruct(
        "TableRecord",
        sorted(members, key=len),
        rename={f"c{at}": name for at, name in enumerate(properties)},
        forbid_unknown_fields=definition.get("additionalProperties") is False,
    )
    iceberg = Schema(*columns)
    partition = _partition(iceberg, hour_columns)
    return TableSchema(iceberg, partition, tuple(properties), msgspec.json.Decoder(record).decode)


def _partition(iceberg: Schema, hour_columns: tuple[str, ...]) -> PartitionSpec:
    fields = []
    for at, name in enumerate(hour_columns):
        column = next((field for field in iceberg.fields if field.name == name), None)
        if column is None or not isinstance(column.field_type, types.TimestamptzType):
            raise SchemaRefused(f"the partition column {name} must be a string with the format date-time")
        fields.append(
            PartitionField(
                source_id=column.field_id, field_id=FIRST_PARTITION_FIELD_ID + at,
                transform=HourTransform(), name=f"{name}_hour",
            )
        )  # fmt: skip
    return PartitionSpec(*fields)


def _required(document: Document) -> set[str]:
    listed = document.get("required", [])
    return set(listed) if isinstance(listed, list) else set()


def _types_of(document: Any, numbers: Any, name: str) -> FieldTypes:
    if not isinstance(document, dict):
        raise SchemaRefused(f"{name} has no type")
    if isinstance(document.get("enum"), list):
        texts = [value for value in document["enum"] if value is not None]
        if not texts or not all(isinstance(value, str) for value in texts):
            raise SchemaRefused(f"the enum of {name} must have strings")
        return FieldTypes(Literal[tuple(texts)], types.StringType())
    kind = document.get("type")
    kinds: list[Any] = [each for each in (kind if isinstance(kind, list) else [kind]) if each != "null"]
    if len(kinds) != 1 or kinds[0] not in _BY_TYPE:
        raise SchemaRefused(f"{name} must have one type of {', '.join(_BY_TYPE)}, and not {kind!r}")
    found = _BY_TYPE[kinds[0]](document, numbers, name)
    is_nullable = isinstance(kind, list) and "null" in kind
    return found._replace(decoded=found.decoded | None) if is_nullable else found


def _string(document: Document, _numbers: Any, _name: str) -> FieldTypes:
    if document.get("format") in _BY_FORMAT:
        return _BY_FORMAT[document["format"]]
    if document.get("contentEncoding") == "base64":
        return _BINARY
    return FieldTypes(_bounded(str, document, _TEXT_BOUNDS), types.StringType())


def _integer(document: Document, _numbers: Any, _name: str) -> FieldTypes:
    top = document.get("maximum", document.get("exclusiveMaximum"))
    is_small = isinstance(top, int) and top <= INT_MAX
    low = -INT_MAX if is_small else -(2**63)
    high = INT_MAX - 1 if is_small else 2**63 - 1
    return FieldTypes(
        _bounded(int, document, _NUMBER_BOUNDS, low, high),
        types.IntegerType() if is_small else types.LongType(),
    )


def _number(document: Document, _numbers: Any, _name: str) -> FieldTypes:
    step = document.get("multipleOf")
    if step is not None:
        exponent = Decimal(str(step)).normalize().as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        return FieldTypes(Decimal, types.DecimalType(DECIMAL_PRECISION, scale))
    return FieldTypes(_bounded(float, document, _NUMBER_BOUNDS), types.DoubleType())


def _boolean(_document: Document, _numbers: Any, _name: str) -> FieldTypes:
    return FieldTypes(bool, types.BooleanType())


def _object(document: Document, numbers: Any, name: str) -> FieldTypes:
    properties, values = document.get("properties"), document.get("additionalProperties")
    if isinstance(properties, dict) and properties:
        required = _required(document)
        ids = {each: next(numbers) for each in properties}
        found = {each: _types_of(inner, numbers, f"{name}.{each}") for each, inner in properties.items()}
        decoded = {
            each: Required[field.decoded] if each in required else field.decoded | None
            for each, field in found.items()
        }
        shape = _typed_dict("Nested", decoded, total=False)
        columns = [
            types.NestedField(
                field_id=ids[each], name=each, field_type=field.column, required=each in required
            )
            for each, field in found.items()
        ]
        return FieldTypes(shape, types.StructType(*columns))
    if not isinstance(values, dict):
        raise SchemaRefused(f"the object {name} must have properties, or additionalProperties with a type")
    key_id, value_id = next(numbers), next(numbers)
    inner = _types_of(values, numbers, f"{name}.*")
    column = types.MapType(
        key_id=key_id, key_type=types.StringType(), value_id=value_id, value_type=inner.column,
        value_required=False,
    )  # fmt: skip
    return FieldTypes(dict[str, inner.decoded | None], column)  # type: ignore[name-defined]  # at run time


def _array(document: Document, numbers: Any, name: str) -> FieldTypes:
    element_id = next(numbers)
    inner = _types_of(document.get("items"), numbers, f"{name}[]")
    column = types.ListType(element_id=element_id, element_type=inner.column, element_required=False)
    return FieldTypes(list[inner.decoded | None], column)  # type: ignore[name-defined]  # at run time


_BINARY = FieldTypes(bytes, types.BinaryType())
_BY_FORMAT: Mapping[str, FieldTypes] = {
    "date-time": FieldTypes(Annotated[datetime, msgspec.Meta(tz=True)], types.TimestamptzType()),
    "date": FieldTypes(date, types.DateType()),
    "time": FieldTypes(time, types.TimeType()),
    "uuid": FieldTypes(UUID, types.UUIDType()),
    "byte": _BINARY,
}
"""The formats of strings that are columns of another type."""
_BY_TYPE: Mapping[str, Callable[[Document, Any, str], FieldTypes]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
    "array": _array,
}
_TEXT_BOUNDS = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_NUMBER_BOUNDS = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}


def _bounded(
    decoded: Any,
    document: Document,
    names: Mapping[str, str],
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """The type with the bounds that a schema gives it; at most one at each end, the inner one."""
    bounds: dict[str, Any] = {
        ours: document[theirs]
        for theirs, ours in names.items()
        if isinstance(document.get(theirs), (int, float, str)) and not isinstance(document[theirs], bool)
    }
    if "gt" in bounds:
        bounds.pop("ge", None)
    elif low is not None:
        bounds["ge"] = max(bounds.get("ge", low), low)
    if "lt" in bounds:
        bounds.pop("le", None)
    elif high is not None:
        bounds["le"] = min(bounds.get("le", high), high)
    return Annotated[decoded, msgspec.Meta(**bounds)] if bounds else decoded
