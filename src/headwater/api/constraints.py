"""From a request's body to its struct, or to AWS's error: the one entry to validation.

Rules:
- a usual request is read by `request_types`; what that leaves is read again
  from the start, here: parsed, its types checked, then its constraints;
- types first: the first wrong one ends it with a `SerializationException`;
- all broken constraints of a request are in one `ValidationException`, at most ten,
  in the order in which AWS looks at members, and for one member in this order:
  missing, pattern, least, greatest, enum, then what is inside;
- what a request needs beyond the model (`needed_members`) is checked here, too;
  every other rule across members belongs to the operations.

The texts were recorded from AWS. Paths start in lower case, items count from 1.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from headwater.api import request_types
from headwater.api.api_model import Shape, api_model
from headwater.api.member_order import enum_in_order, members_in_order
from headwater.api.needed_members import needed_members
from headwater.api.type_checks import typed
from headwater.model.errors import ValidationException
from headwater.wire import json_format
from headwater.wire.json_format import utf16_length

REPORTED_FAILURES = 10
JAVA_PACKAGE = "com.amazonaws.kinesis.v20131202"

LEAST_LENGTH = "Member must have length greater than or equal to {}"
GREATEST_LENGTH = "Member must have length less than or equal to {}"
LEAST_VALUE = "Member must have value greater than or equal to {}"
GREATEST_VALUE = "Member must have value less than or equal to {}"

BACKTRACKING_LIMIT = 4096
"""A text longer than this is not tried against a pattern with `.*`, which could take for ever.

It breaks the pattern's own greatest length, 2,048 at most, in any case.
"""


def accept(operation_name: str, body: bytes) -> Any:
    """The request in a JSON body, as a struct whose attributes are the API's member names.

    Raises `SerializationException` and `ValidationException` with AWS's texts.
    `operation_name` must be one of the model's.
    """
    request = request_types.read(operation_name, body)
    return explained(operation_name, json_format.decode(body)) if request is None else request


def accept_document(operation_name: str, document: dict[str, Any]) -> Any:
    """The request in a decoded document, as `accept`.

    A blob is base64 text or `bytes`, a time a number of seconds or an `Instant`.
    """
    request = request_types.convert(operation_name, document)
    return explained(operation_name, document) if request is None else request


def explained(operation_name: str, document: dict[str, Any]) -> Any:
    """The request in a document of any kind, read step by step, or what is wrong with it."""
    shape_name = api_model().input_shape_name(operation_name)
    members = typed(shape_name, document)
    if next(_structure_failures(shape_name, members, "", refused=False), None) is not None:
        all_failures = _structure_failures(shape_name, members, "", refused=True)
        failures = list(islice(all_failures, REPORTED_FAILURES))
        plural = "" if len(failures) == 1 else "s"
        raise ValidationException(f"{len(failures)} validation error{plural} detected: {'; '.join(failures)}")
    return request_types.build(shape_name, members)


def _structure_failures(
    shape_name: str, members: dict[str, Any], prefix: str, *, refused: bool
) -> Iterator[str]:
    """What is wrong in a structure; `refused` tells that something is, somewhere in the request."""
    required = {
        *api_model().shapes[shape_name].required,
        *needed_members(shape_name, members, refused=refused),
    }
    for name, member_shape in members_in_order(shape_name):
        path = f"{prefix}{name[0].lower()}{name[1:]}"
        if name in members:
            yield from _failures(member_shape, members[name], path, refused=refused)
        elif name in required:
            yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _failures(shape_name: str, value: Any, path: str, *, refused: bool) -> Iterator[str]:
    shape = api_model().shapes[shape_name]
    if shape.type == "structure":
        yield from _structure_failures(shape_name, value, f"{path}.", refused=refused)
        return
    broken = [*_broken_constraints(shape_name, value), *_broken_by_contents(shape, value)]
    if broken:
        printed = _printed(shape_name, value)
        yield from (
            f"Value '{printed}' at '{path}' failed to satisfy constraint: {constraint}"
            for constraint in broken
        )
    if shape.type == "list" and api_model().shapes[shape.member].type == "structure":
        for number, item in enumerate(value, start=1):
            yield from _structure_failures(shape.member, item, f"{path}.{number}.member.", refused=refused)


def _broken_constraints(shape_name: str, value: Any) -> Iterator[str]:
    """The shape's own constraints that the value breaks, in AWS's order and words."""
    shape = api_model().shapes[shape_name]
    if shape.pattern is not None and not _matches(shape, value):
        yield f"Member must satisfy regular expression pattern: {_printed_pattern(shape.pattern)}"
    size, least, greatest = _measured(shape, value)
    if shape.min is not None and size < shape.min:
        yield least.format(shape.min)
    if shape.max is not None and size > shape.max:
        yield greatest.format(shape.max)
    if shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(enum_in_order(shape_name))}]"


def _measured(shape: Shape, value: Any) -> tuple[int, str, str]:
    """What `min` and `max` bound in the value, and the texts for either bound."""
    match shape.type:
        case "integer" | "long":
            return value, LEAST_VALUE, GREATEST_VALUE
        case "string":
            return utf16_length(value), LEAST_LENGTH, GREATEST_LENGTH
        case "list" | "map" | "blob":
            return len(value), LEAST_LENGTH, GREATEST_LENGTH
        case _:
            return 0, "", ""


def _broken_by_contents(shape: Shape, value: Any) -> Iterator[str]:
    """Of a list of scalars and of a map, AWS words what is inside on the whole."""
    if shape.type == "list":
        yield from _broken_by_any(shape.member, value, "Member must satisfy constraint")
    elif shape.type == "map":
        yield from _broken_by_any(shape.key, value.keys(), "Map keys must satisfy constraint")
        yield from _broken_by_any(shape.value, value.values(), "Map value must satisfy constraint")


def _broken_by_any(shape_name: str, values: Iterable[Any], text: str) -> Iterator[str]:
    shape = api_model().shapes[shape_name]
    if shape.type == "structure":
        return
    if any(True for value in values for _ in _broken_constraints(shape_name, value)):
        yield f"{text}: [{', '.join(_all_constraints(shape_name, shape))}]"


def _all_constraints(shape_name: str, shape: Shape) -> Iterator[str]:
    _, least, greatest = _measured(shape, 0 if shape.type in request_types.WHOLE_NUMBERS else "")
    if shape.max is not None:
        yield greatest.format(shape.max)
    if shape.min is not None:
        yield least.format(shape.min)
    if shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(enum_in_order(shape_name))}]"
    if shape.pattern is not None:
        yield f"Member must satisfy regular expression pattern: {_printed_pattern(shape.pattern)}"


def _matches(shape: Shape, text: str) -> bool:
    pattern = shape.pattern or ""
    if ".*" in pattern and len(text) > BACKTRACKING_LIMIT:
        return False
    return _compiled(pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(request_types.full_match(pattern))


def _printed_pattern(pattern: str) -> str:
    """Newer models enclose some patterns in `^(…)$`; AWS prints them without."""
    return pattern[2:-2] if pattern.startswith("^(") and pattern.endswith(")$") else pattern


def _printed(shape_name: str, value: Any) -> str:
    """The value as Java prints it."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "list":
            return f"[{', '.join(_printed(shape.member, item) for item in value)}]"
        case "map":
            return f"{{{', '.join(f'{key}={item}' for key, item in value.items())}}}"
        case "structure":
            return f"{JAVA_PACKAGE}.{shape_name}@{zlib.crc32(repr(value).encode()):08x}"
        case "blob":
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case _:
            return str(value)
