"""Are the values of a request of the types that the API model names? With AWS's texts if not.

Rules:
- the first value of a wrong type ends it, as a `SerializationException`;
- nulls and unknown members count as absent; a null in a list or as a map's value
  is no item of it;
- of a list or map that is too long only the first items are looked at, one too many;
- AWS is lenient here and there, and so are we: a whole number cuts a fraction off
  and stays at its type's bounds, a boolean may be spelled in a few words.

Takes documents from both wire formats: a blob is base64 text or `bytes`, a time
a number of seconds or an `Instant`. Bounds, patterns and enums are the business
of `constraints`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeAlias

from headwater.api.validation.api_model import Shape
from headwater.api.validation.request_types import WHOLE_NUMBERS
from headwater.api.validation.service_shapes import ServiceShapes
from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.model.shortened import shortened
from headwater.wire.json_format import NotBase64, decode_blob, decode_time_ms

Structure: TypeAlias = dict[str, object]
"""A structure of the model as its members by name; those that are absent or null are left out."""

VALUE_SHOWN_MAX = 4_096
"""Characters of a value that a text shows; none of the model's texts that AWS was seen to print is longer."""
LIST_NOT_EXPECTED = "Start of list found where not expected"
STRUCTURE_NOT_EXPECTED = "Start of structure or map found where not expected."
TRUE_WORDS = frozenset({"true", "1", "yes"})
FALSE_WORDS = frozenset({"false", "0", "no"})


def typed(service: ServiceShapes, shape_name: str, value: object) -> object:
    """The value with every part of it of the model's type: structures and maps are dicts."""
    shape = service.shapes()[shape_name]
    match shape.type:
        case "structure":
            return typed_structure(service, shape_name, value)
        case "list":
            return _list(service, shape, value)
        case "map":
            return _map(service, shape, value)
        case scalar:
            _refuse_containers(value)
            return SCALARS[scalar](value)


def typed_structure(service: ServiceShapes, shape_name: str, value: object) -> Structure:
    """The members of a structure, each of the model's type. Raises SerializationException."""
    if isinstance(value, list):
        raise SerializationException(LIST_NOT_EXPECTED)
    if not isinstance(value, dict):
        raise SerializationException("Expected null")
    return {
        name: typed(service, member_shape, member)
        for name, member_shape in service.members_in_order(shape_name)
        if (member := value.get(name)) is not None
    }


def _list(service: ServiceShapes, shape: Shape, value: object) -> list[object]:
    if isinstance(value, dict):
        raise SerializationException(STRUCTURE_NOT_EXPECTED)
    if not isinstance(value, list):
        raise SerializationException("Expected list or null")
    items = (item for item in value if item is not None)
    return [typed(service, shape.member, item) for item in islice(items, _enough(shape))]


def _map(service: ServiceShapes, shape: Shape, value: object) -> dict[object, object]:
    if isinstance(value, list):
        raise SerializationException(LIST_NOT_EXPECTED)
    if not isinstance(value, dict):
        raise SerializationException("Expected map or null")
    entries = ((key, item) for key, item in value.items() if item is not None)
    return {
        typed(service, shape.key, key): typed(service, shape.value, item)
        for key, item in islice(entries, _enough(shape))
    }


def _enough(shape: Shape) -> int | None:
    """How many items show that there are too many: what comes after them is not looked at."""
    return None if shape.max is None else shape.max + 1


def _refuse_containers(value: object) -> None:
    if isinstance(value, list):
        raise SerializationException(LIST_NOT_EXPECTED)
    if isinstance(value, dict):
        raise SerializationException(STRUCTURE_NOT_EXPECTED)


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _not_convertible(value, "an String")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise _not_convertible(value, "an Boolean")
    if value.lower() in TRUE_WORDS:
        return True
    if value.lower() in FALSE_WORDS:
        return False
    raise SerializationException(
        f"'{shortened(value, VALUE_SHOWN_MAX).upper()}' can not be converted to an Boolean"
    )


def _integer(value: object) -> int:
    return _whole_number(value, "integer", "an Integer")


def _long(value: object) -> int:
    return _whole_number(value, "long", "an Long")


def _whole_number(value: object, type_name: str, printed: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_convertible(value, printed)
    low, high = WHOLE_NUMBERS[type_name]
    return int(value) if low < value < high else low if value <= low else high


def _double(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_convertible(value, "a Double")
    return float(value)


def _timestamp_ms(value: object) -> int:
    if isinstance(value, Instant):
        return value.ms
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_convertible(value, "milliseconds since epoch")
    return decode_time_ms(value)


def _blob(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _not_convertible(value, "a Blob")
    try:
        return decode_blob(value)
    except NotBase64 as reason:
        raise SerializationException(
            f"'{shortened(value, VALUE_SHOWN_MAX)}' can not be converted to a Blob: {reason}"
        ) from None


def _not_convertible(value: object, printed: str) -> SerializationException:
    class_name = JAVA_CLASSES.get(type(value), "java.lang.Object")
    return SerializationException(f"class {class_name} can not be converted to {printed}")


SCALARS: dict[str, Callable[[object], object]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "long": _long,
    "double": _double,
    "timestamp": _timestamp_ms,
    "blob": _blob,
}

# The class that AWS names for each kind of value. The last two occur in CBOR only; their names are our guess.
JAVA_CLASSES: dict[type, str] = {
    bool: "java.lang.Boolean",
    int: "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
    float: "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
    str: "java.lang.String",
    bytes: "java.nio.HeapByteBuffer",
    Instant: "java.util.Date",
}
