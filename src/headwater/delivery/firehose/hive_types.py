"""Hive's types, as columns of Glue tables have them: parsed, and what a JSON value becomes in one.

Rules:
- a value that a type cannot hold is refused with the value in the text, as Firehose does; numbers may be
  texts of numbers, everything may be a text, null fits every type;
- timestamps are `yyyy-MM-dd HH:mm:ss[.f]`, ISO 8601, or seconds or milliseconds since 1970.

Refuses to know files and libraries: `conversion.py` turns the types into those of Arrow.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

MILLISECONDS_FROM = 100_000_000_000
"""A number of seconds since 1970 beyond this is one of milliseconds."""

_TOKEN = re.compile(r"\s*([A-Za-z_0-9$.\-]+|[<>(),:])")
WHOLE_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "integer": 32, "bigint": 64}


class TypeUnknown(ValueError):
    """The text is no type of Hive's that records can be converted to."""


class ValueRefused(ValueError):
    """The type cannot hold the value."""


class HiveType(NamedTuple):
    """A type: its name, the numbers of `decimal` and `varchar`, and what it is made of."""

    name: str
    numbers: tuple[int, ...] = ()
    parts: tuple[HiveType, ...] = ()
    """Of an array its items, of a map keys and values, of a struct its fields."""
    fields: tuple[str, ...] = ()
    """The names of a struct's."""


def parse_type(text: str) -> HiveType:
    """The type of a column. Raises `TypeUnknown`."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        token = _TOKEN.match(text, at)
        if token is None:
            raise TypeUnknown(f"{text} is no type")
        tokens.append(token[1])
        at = token.end()
    reader = _TypeReader(tokens, text)
    found = reader.read()
    if reader.ahead:
        raise TypeUnknown(f"{text} is no type")
    return found


class _TypeReader:
    def __init__(self, tokens: list[str], text: str) -> None:
        self.ahead = tokens[::-1]
        self._text = text

    def read(self) -> HiveType:
        name = self._next().lower()
        if name == "array":
            return HiveType(name, parts=(self._bracketed(1)))
        if name == "map":
            return HiveType(name, parts=self._bracketed(2))
        if name == "struct":
            return self._struct()
        numbers = self._numbers() if self.ahead and self.ahead[-1] == "(" else ()
        if name not in _FITTING:
            raise TypeUnknown(f"{self._text}: the type {name} is not known")
        return HiveType(name, numbers)

    def _next(self) -> str:
        if not self.ahead:
            raise TypeUnknown(f"{self._text} is no type")
        return self.ahead.pop()

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise TypeUnknown(f"{self._text} is no type")

    def _bracketed(self, count: int) -> tuple[HiveType, ...]:
        self._expect("<")
        parts = [self.read()]
        for _ in range(count - 1):
            self._expect(",")
            parts.append(self.read())
        self._expect(">")
        return tuple(parts)

    def _struct(self) -> HiveType:
        names, parts = [], []
        self._expect("<")
        while True:
            names.append(self._next())
            self._expect(":")
            parts.append(self.read())
            after = self._next()
            if after == ">":
                return HiveType("struct", (), tuple(parts), tuple(names))
            if after != ",":
                raise TypeUnknown(f"{self._text} is no type")

    def _numbers(self) -> tuple[int, ...]:
        self._expect("(")
        numbers = []
        while True:
            digits = self._next()
            if not digits.isdecimal():
                raise TypeUnknown(f"{self._text} is no type")
            numbers.append(int(digits))
            after = self._next()
            if after == ")":
                return tuple(numbers)
            if after != ",":
                raise TypeUnknown(f"{self._text} is no type")


def fitted(kind: HiveType, value: Any, key_of: Callable[[str], str]) -> Any:
    """The value as a column of the type has it; `key_of` reads keys of JSON. Raises `ValueRefused`."""
    if value is None:
        return None
    if kind.name == "array":
        if not isinstance(value, list):
            raise _refused(value)
        return [fitted(kind.parts[0], item, key_of) for item in value]
    if kind.name == "map":
        if not isinstance(value, dict):
            raise _refused(value)
        keys, values = kind.parts
        return [(fitted(keys, key, key_of), fitted(values, item, key_of)) for key, item in value.items()]
    if kind.name == "struct":
        if not isinstance(value, dict):
            raise _refused(value)
        members = {key_of(key): item for key, item in value.items()}
        return {
            name: fitted(part, members.get(key_of(name)), key_of)
            for name, part in zip(kind.fields, kind.parts, strict=True)
        }
    return _FITTING[kind.name](kind, value)


def _refused(value: Any) -> ValueRefused:
    shown = value if isinstance(value, str) else json.dumps(value)
    return ValueRefused(f'Data does not match the schema. For input string: "{shown[:200]}"')


def _whole(kind: HiveType, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,20}", value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused(value)
    if not -(1 << WHOLE_BITS[kind.name] - 1) <= value < 1 << WHOLE_BITS[kind.name] - 1:
        raise _refused(value)
    return value


def _fraction(_kind: HiveType, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refused(value)
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise _refused(value) from None


def _decimal(kind: HiveType, value: Any) -> Decimal:
    precision, scale = decimal_form(kind)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refused(value)
    try:
        rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-scale))
    except InvalidOperation:
        raise _refused(value) from None
    if len(rounded.as_tuple().digits) > precision:
        raise _refused(value)
    return rounded


def decimal_form(kind: HiveType) -> tuple[int, int]:
    """Precision and scale of a decimal type."""
    return (*kind.numbers, 10, 0)[0], (*kind.numbers[1:], 0)[0]


def _boolean(_kind: HiveType, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _refused(value)


def _string(kind: HiveType, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text[: kind.numbers[0]] if kind.numbers else text


def _binary(_kind: HiveType, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _refused(value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(value) from None


def _date(_kind: HiveType, value: Any) -> date:
    if not isinstance(value, str):
        raise _refused(value)
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        raise _refused(value) from None


def _timestamp(_kind: HiveType, value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refused(value)
    try:
        if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        number = float(value)
        seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        raise _refused(value) from None


_FITTING: dict[str, Callable[[HiveType, Any], Any]] = {
    **dict.fromkeys(WHOLE_BITS, _whole),
    "float": _fraction,
    "double": _fraction,
    "decimal": _decimal,
    "boolean": _boolean,
    "string": _string,
    "varchar": _string,
    "char": _string,
    "binary": _binary,
    "date": _date,
    "timestamp": _timestamp,
}
"""For a type that is not made of others: what a value becomes."""
