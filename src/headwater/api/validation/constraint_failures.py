"""What a request breaks of its model's constraints, in AWS's words and order.

Rules:
- for one member the order is: missing, pattern, least, greatest, enum, then what is inside;
- paths start in lower case, items count from 1;
- values are printed as Java prints them, the first 4,096 characters of each; only lists of
  structures, which print no contents, may be longer, up to 501 items: one more than PutRecords takes.

The texts were recorded from AWS. Takes members whose types have been checked; rules across
members are not its business.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sized
from functools import cache
from itertools import islice
from typing import cast

from headwater.api.validation import request_types
from headwater.api.validation.api_model import Shape
from headwater.api.validation.service_shapes import ServiceShapes
from headwater.api.validation.type_checks import VALUE_SHOWN_MAX, Structure
from headwater.model.shortened import shortened
from headwater.wire.json_format import utf16_length

REPORTED_FAILURES = 10
STRUCTURES_SHOWN_MAX = 501

LEAST_LENGTH = "Member must have length greater than or equal to {}"
GREATEST_LENGTH = "Member must have length less than or equal to {}"
LEAST_VALUE = "Member must have value greater than or equal to {}"
GREATEST_VALUE = "Member must have value less than or equal to {}"

BACKTRACKING_LIMIT = 4096
"""A text longer than this is not tried against a pattern with `.*`, which could take for ever.

It breaks the pattern's own greatest length, 2,048 at most, in any case.
"""


def validation_text(service: ServiceShapes, shape_name: str, members: Structure) -> str | None:
    """The failures of a request's structure, at most ten; `None` without any."""
    if next(_structure_failures(service, shape_name, members, "", refused=False), None) is None:
        return None
    every = _structure_failures(service, shape_name, members, "", refused=True)
    failures = list(islice(every, REPORTED_FAILURES))
    plural = "" if len(failures) == 1 else "s"
    return f"{len(failures)} validation error{plural} detected: {'; '.join(failures)}"


def _structure_failures(
    service: ServiceShapes, shape_name: str, members: Structure, prefix: str, *, refused: bool
) -> Iterator[str]:
    """What is wrong in a structure; `refused` tells that something is, somewhere in the request."""
    required = {
        *service.shapes()[shape_name].required,
        *service.needed_members(shape_name, members, refused=refused),
    }
    for name, member_shape in service.members_in_order(shape_name):
        path = f"{prefix}{name[0].lower()}{name[1:]}"
        if name in members:
            yield from _failures(service, member_shape, members[name], path, refused=refused)
        elif name in required:
            yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _failures(
    service: ServiceShapes, shape_name: str, value: object, path: str, *, refused: bool
) -> Iterator[str]:
    shape = service.shapes()[shape_name]
    if shape.type == "structure":
        yield from _structure_failures(
            service, shape_name, cast("Structure", value), f"{path}.", refused=refused
        )
        return
    broken = [*_broken_constraints(service, shape_name, value), *_broken_by_contents(service, shape, value)]
    if broken:
        printed = _printed(service, shape_name, value)
        yield from (
            f"Value '{printed}' at '{path}' failed to satisfy constraint: {constraint}"
            for constraint in broken
        )
    if shape.type == "list" and service.shapes()[shape.member].type == "structure":
        for number, item in enumerate(cast("list[Structure]", value), start=1):
            yield from _structure_failures(
                service, shape.member, item, f"{path}.{number}.member.", refused=refused
            )


def _broken_constraints(service: ServiceShapes, shape_name: str, value: object) -> Iterator[str]:
    """The shape's own constraints that the value breaks, in AWS's order and words."""
    shape = service.shapes()[shape_name]
    if shape.pattern is not None and not _matches(shape, cast("str", value)):
        yield f"Member must satisfy regular expression pattern: {_printed_pattern(shape.pattern)}"
    size, least, greatest = _measured(shape, value)
    if shape.min is not None and size < shape.min:
        yield least.format(shape.min)
    if shape.max is not None and size > shape.max:
        yield greatest.format(shape.max)
    if shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(service.enum_in_order(shape_name))}]"


def _measured(shape: Shape, value: object) -> tuple[float, str, str]:
    """The part of a value that `min` and `max` bound, and the texts for either bound."""
    match shape.type:
        case "integer" | "long" | "double":
            return cast("float", value), LEAST_VALUE, GREATEST_VALUE
        case "string":
            return _text_length(shape, cast("str", value)), LEAST_LENGTH, GREATEST_LENGTH
        case "list" | "map" | "blob":
            return len(cast("Sized", value)), LEAST_LENGTH, GREATEST_LENGTH
        case _:
            return 0, "", ""


def _text_length(shape: Shape, text: str) -> int:
    """The length in UTF-16 units, or in characters when these are too many already."""
    characters = len(text)
    return characters if shape.max is not None and characters > shape.max else utf16_length(text)


def _broken_by_contents(service: ServiceShapes, shape: Shape, value: object) -> Iterator[str]:
    """Of a list of scalars and of a map, AWS words what is inside on the whole."""
    if shape.type == "list":
        yield from _broken_by_any(
            service, shape.member, cast("list[object]", value), "Member must satisfy constraint"
        )
    elif shape.type == "map":
        entries = cast("Structure", value)
        yield from _broken_by_any(service, shape.key, entries.keys(), "Map keys must satisfy constraint")
        yield from _broken_by_any(service, shape.value, entries.values(), "Map value must satisfy constraint")


def _broken_by_any(
    service: ServiceShapes, shape_name: str, values: Iterable[object], text: str
) -> Iterator[str]:
    shape = service.shapes()[shape_name]
    if shape.type == "structure":
        return
    if any(True for value in values for _ in _broken_constraints(service, shape_name, value)):
        yield f"{text}: [{', '.join(_all_constraints(service, shape_name, shape))}]"


def _all_constraints(service: ServiceShapes, shape_name: str, shape: Shape) -> Iterator[str]:
    _, least, greatest = _measured(shape, 0 if shape.type in request_types.WHOLE_NUMBERS else "")
    if shape.max is not None:
        yield greatest.format(shape.max)
    if shape.min is not None:
        yield least.format(shape.min)
    if shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(service.enum_in_order(shape_name))}]"
    if shape.pattern is not None:
        yield f"Member must satisfy regular expression pattern: {_printed_pattern(shape.pattern)}"


def _matches(shape: Shape, text: str) -> bool:
    pattern = shape.pattern or ""
    if ".*" in pattern and len(text) > BACKTRACKING_LIMIT:
        return False
    return _compiled(pattern).match(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(request_types.full_match(pattern))


def _printed_pattern(pattern: str) -> str:
    """Newer models enclose some patterns in `^(…)$`; AWS prints them without."""
    return pattern[2:-2] if pattern.startswith("^(") and pattern.endswith(")$") else pattern


def _printed(service: ServiceShapes, shape_name: str, value: object) -> str:
    """The value as Java prints it, shortened."""
    shape = service.shapes()[shape_name]
    match shape.type:
        case "list":
            items = (_printed(service, shape.member, item) for item in cast("list[object]", value))
            has_structures = service.shapes()[shape.member].type == "structure"
            return f"[{_listed(items) if has_structures else _joined(items)}]"
        case "map":
            return f"{{{_joined(f'{key}={item}' for key, item in cast('Structure', value).items())}}}"
        case "structure":
            return f"{service.java_package}.{shape_name}@{_hash(cast('Structure', value)):08x}"
        case "blob":
            size = len(cast("bytes", value))
            return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
        case _:
            return shortened(str(value), VALUE_SHOWN_MAX)


def _listed(items: Iterable[str]) -> str:
    """The structures of a list, as many as may be shown."""
    shown = list(islice(items, STRUCTURES_SHOWN_MAX + 1))
    return ", ".join(shown if len(shown) <= STRUCTURES_SHOWN_MAX else (*shown[:-1], "…"))


def _joined(items: Iterable[str]) -> str:
    """The items with commas between them, as many as may be shown."""
    shown: list[str] = []
    left = VALUE_SHOWN_MAX
    for item in items:
        if left < 0:
            return ", ".join((*shown, "…"))
        shown.append(shortened(item, VALUE_SHOWN_MAX))
        left -= len(shown[-1])
    return ", ".join(shown)


def _hash(members: Mapping[str, object]) -> int:
    """Something in place of Java's hash code, which costs little however large the members are."""
    known = sorted(
        (name, len(value) if isinstance(value, str | bytes) else 0) for name, value in members.items()
    )
    return zlib.crc32(repr(known).encode())
