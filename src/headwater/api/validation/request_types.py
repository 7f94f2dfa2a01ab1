"""A struct for each request, made from the API model, and the fast way to read one.

An operation gets its request as a struct: attributes have the names of the API's
members, an absent member is `None`, a blob is `bytes`, a time whole milliseconds.

Rules:
- types are made at the first use of their operation, not at start;
- the model's constraints are annotations of the types, so that msgspec decodes
  and checks a usual request in one step;
- `read` and `convert` never explain: whatever they do not take whole, valid or not,
  they leave to `constraints`, which is slower, takes every valid request, and words
  AWS's errors. What they do take, `constraints` takes too, and to an equal struct.

What they leave although it may be valid: unknown members (msgspec would skip
them without looking whether they are well-formed), nulls in lists and maps,
fractions and overflow of whole numbers, text for booleans, and what `read` finds in
the body, where msgspec and AWS differ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from sys import maxsize
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec

from headwater.api.validation.api_model import Shape, api_model
from headwater.api.validation.needed_members import names_a_stream
from headwater.model.late_pattern import late_pattern
from headwater.wire.json_format import (
    UNREADABLE,
    decode_canonical,
    decode_time_ms,
    ends_canonically,
    has_many_values,
)
from headwater.wire.long_texts import CutBody, cut

WHOLE_NUMBERS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
"""The least and the greatest value of each type; a number beyond is taken for the nearer of the two."""

_UNUSUAL_TEXT = late_pattern(rb"[\xf0-\xff]|\\u[dD][89a-bA-B]|\\u00[0-7]")
_LOOSE_PADDING = late_pattern(rb'="(?<![AEIMQUYcgkosw048]=")(?<![AQgw]==")')
_PAD = ord("=")
_ESCAPE = ord("\\")
"""Both as numbers: to look for a `bytes`, `in` first raises a TypeError within, which costs a microsecond."""
_SMALL_BYTES = 64 * 1024
"""The objects of a body of this size are few enough, however small they are."""
_PADS_MAX = 4_096
"""Pads of base64 in a large body; each record has two at most."""
_ESCAPES_MAX = 4_096
"""Escapes in a large body; the pattern for the unusual ones would take a good part of a second for more."""
_LARGE_BYTES = 128 * 1024
"""A body of more bytes has large records, and so few pads that looking for each is faster. To cut its long
blobs out of it is worth making a second value for each."""
_CATEGORIES = {
    "L": r"\w",
    "N": r"\w",
    "Z": r" \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}
"""Java's categories of characters, in a set that has the underscore, too, as all of the models have."""
_DOT = r"[^\n\r\x85\u2028\u2029]"
_JAVA_DOT = late_pattern(r"(\\.|\[(?:\\.|[^\]])*\])|\.")

Settle = Callable[[Any, Any], Any]
"""Turns a value as it was decoded into what an operation gets; blobs, with the `CutBody` that has them."""
SettleLeaf = Callable[[Shape], Settle | None]
"""How to settle what has no members; `None` when it is settled as it comes."""


def read(operation_name: str, body: bytes) -> msgspec.Struct | None:
    """The request in a JSON body, or `None`: then `constraints` has to look at it.

    Something in the body may look otherwise to msgspec than to AWS. Text beyond the basic plane
    does: msgspec counts code points, AWS UTF-16 units. So does base64 whose last character has bits
    that belong to no byte: msgspec ignores them, AWS refuses. That shows in the characters before
    the quote, unless they are ASCII spelled as escapes; no client spells base64 so, hence any such
    escape makes a body unusual.
    """
    reader = _reader(operation_name)
    cut_body = cut(body) if reader.settle_blobs is not None and len(body) > _LARGE_BYTES else None
    if cut_body is not None:
        body = cut_body.rest
    if (not body.isascii() or _ESCAPE in body) and _has_unusual_text(body):
        return None
    if _PAD in body and _has_loose_padding(body):
        return None
    if reader.has_small_items and len(body) > _SMALL_BYTES and has_many_values(body):
        return None
    try:
        request = reader.decoder.decode(body)
        if cut_body is not None:
            reader.fill_in(request, cut_body)
    except UNREADABLE:
        return None
    return reader.settled(request)


def read_packed(operation_name: str, packed: bytearray) -> msgspec.Struct | None:
    """The request in a document in MessagePack, or `None`, as `read`."""
    try:
        request = _packed_decoder(operation_name).decode(packed)
    except UNREADABLE:
        return None
    return _reader(operation_name).settled(request)


def convert(operation_name: str, document: dict[str, object]) -> msgspec.Struct | None:
    """The request in a document whose blobs are `bytes`, or `None`, as `read`."""
    if not _is_ascii(document):
        return None
    reader = _reader(operation_name)
    try:
        request = msgspec.convert(document, reader.type, builtin_types=(bytes,))
    except UNREADABLE:
        return None
    return reader.settled(request)


class _Reader(msgspec.Struct, frozen=True):
    """The decoder of an operation's requests."""

    type: type[msgspec.Struct]
    decoder: msgspec.json.Decoder[Any]
    settle: Settle | None
    settle_blobs: Settle | None
    must_name_stream: bool
    has_small_items: bool
    """Whether a value may be a few bytes of the body, and many times as large in memory."""

    def settled(self, request: Any) -> Any | None:
        if self.must_name_stream and request.StreamName is None and request.StreamARN is None:
            return None
        if self.settle is not None:
            self.settle(request, None)
        return request

    def fill_in(self, request: Any, cut_body: CutBody) -> None:
        """Put the long texts, each of which is a blob, into the request that was decoded without them.

        Raises what is in `UNREADABLE`.
        """
        assert self.settle_blobs is not None, "only the body of an operation with blobs is cut"
        self.settle_blobs(request, cut_body)
        if cut_body.taken != len(cut_body):
            raise ValueError(cut_body.taken)


def _is_ascii(value: Any) -> bool:
    """Whether all text in a document is: of other text, AWS and msgspec may count the length otherwise."""
    kind = type(value)
    if kind is str:
        return value.isascii()  # type: ignore[no-any-return]  # a str's method
    if kind is dict:
        return all(map(_is_ascii, value.values())) and all(map(_is_ascii, value))
    return kind is not list or all(map(_is_ascii, value))


def _has_unusual_text(body: bytes) -> bool:
    if len(body) > _LARGE_BYTES and body.count(b"\\") > _ESCAPES_MAX:
        return True
    return _UNUSUAL_TEXT.search(body) is not None


def _has_loose_padding(body: bytes) -> bool:
    if len(body) < _LARGE_BYTES:
        return _LOOSE_PADDING.search(body) is not None
    # A pattern looks at every byte; one byte, but not two, is found by the machine's own instructions.
    at = body.find(_PAD)
    for _ in range(_PADS_MAX):
        if at < 0:
            return False
        if body.startswith(b'="', at):
            pads = 2 if body[at - 1] == _PAD else 1
            if at >= pads and not ends_canonically(body[at - pads : at + 1], pads):
                return True
        at = body.find(_PAD, at + 1)
    return True  # so many pads are unusual themselves


def build(shape_name: str, value: Any) -> object:
    """Structs from a checked value, in which structures are still dicts of their members."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "structure":
            members = {name: build(shape.members[name], member) for name, member in value.items()}
            return request_type(shape_name)(**members)
        case "list":
            return [build(shape.member, item) for item in value]
        case _:
            return value


@cache
def request_type(shape_name: str) -> type[msgspec.Struct]:
    """The struct for a structure of the model."""
    shape = api_model().shapes[shape_name]
    annotations = {name: _annotation(member) for name, member in shape.members.items()}
    fields: list[Any] = [
        (name, annotation) if name in shape.required else (name, annotation | None, None)
        for name, annotation in annotations.items()
    ]
    # Without garbage collector tracking: a request is a tree, and gone with its answer.
    return msgspec.defstruct(shape_name, fields, kw_only=True, forbid_unknown_fields=True, gc=False)


def _annotation(shape_name: str) -> Any:
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "structure":
            return request_type(shape_name)
        case "string" if shape.enum:
            return Literal[shape.enum]
        case "integer" | "long":
            return Annotated[int, _bounds(shape)]
        case "boolean" | "timestamp":
            return bool if shape.type == "boolean" else int | float
        case _:
            return Annotated[_measured_type(shape), _lengths(shape)]


def _measured_type(shape: Shape) -> object:
    if shape.type == "list":
        return GenericAlias(list, (_annotation(shape.member),))
    if shape.type == "map":
        key, value = (_annotation(member) for member in (shape.key, shape.value))
        return GenericAlias(dict, (key, value))
    return {"string": str, "blob": bytes}[shape.type]


def _bounds(shape: Shape) -> msgspec.Meta:
    low, high = WHOLE_NUMBERS[shape.type]
    return msgspec.Meta(
        ge=low if shape.min is None else shape.min, le=high if shape.max is None else shape.max
    )


def _lengths(shape: Shape) -> msgspec.Meta:
    pattern = None if shape.pattern is None else full_match(shape.pattern)
    return msgspec.Meta(min_length=shape.min, max_length=shape.max, pattern=pattern)


@cache
def full_match(pattern: str) -> str:
    """The model's pattern as Java matches it: the whole text, ASCII classes, no line end for a dot."""
    dots = _JAVA_DOT.sub(lambda found: found[1] or _DOT, pattern)
    dots = dots.replace(f"{_DOT}*", f"{_DOT}*?")  # takes the same texts; in an ARN little is tried twice
    if r"\p{" in dots:
        for category, characters in _CATEGORIES.items():
            dots = dots.replace(rf"\p{{{category}}}", characters)
        return rf"\A(?u:{dots})\Z"
    return rf"\A(?a:{dots})\Z"


@cache
def _reader(operation_name: str) -> _Reader:
    shape_name = api_model().input_shape_name(operation_name)
    kind = request_type(shape_name)
    return _Reader(
        kind,
        msgspec.json.Decoder(kind),
        _settler(shape_name, _time_settler),
        _settler(shape_name, _blob_settler),
        names_a_stream(shape_name),
        _has_small_items(shape_name),
    )


@cache
def _packed_decoder(operation_name: str) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(_reader(operation_name).type)


def _has_small_items(shape_name: str) -> bool:
    """Whether there is a map, or a list of anything but structures, in the shape."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "map":
            return True
        case "list":
            return api_model().shapes[shape.member].type != "structure" or _has_small_items(shape.member)
        case _:
            return any(map(_has_small_items, shape.members.values()))


def _settler(shape_name: str, settle_leaf: SettleLeaf) -> Settle | None:
    """How to settle a value of the shape; `None` when it is settled as it comes."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "list":
            return _list_settler(_settler(shape.member, settle_leaf))
        case "structure":
            return _structure_settler(shape, settle_leaf)
        case _:
            return settle_leaf(shape)


def _list_settler(settle_item: Settle | None) -> Settle | None:
    if settle_item is None:
        return None

    def settle(items: list[object], cut_body: CutBody | None) -> list[object]:
        items[:] = [settle_item(item, cut_body) for item in items]
        return items

    return settle


def _structure_settler(shape: Shape, settle_leaf: SettleLeaf) -> Settle | None:
    steps = [
        (name, settle)
        for name, member in shape.members.items()
        if (settle := _settler(member, settle_leaf)) is not None
    ]
    if not steps:
        return None

    def settle_members(structure: object, cut_body: CutBody | None) -> object:
        for name, settle in steps:
            value = getattr(structure, name)
            if value is not None:
                setattr(structure, name, settle(value, cut_body))
        return structure

    return settle_members


def _time_settler(shape: Shape) -> Settle | None:
    return (lambda value, _: decode_time_ms(value)) if shape.type == "timestamp" else None


def _blob_settler(shape: Shape) -> Settle | None:
    if shape.type != "blob":
        return None
    min_bytes, max_bytes = shape.min or 0, maxsize if shape.max is None else shape.max

    def settle(data: bytes, cut_body: CutBody) -> bytes:
        text = cut_body.find(data)
        return data if text is None else _decoded(text, min_bytes, max_bytes)

    return settle


def _decoded(text: memoryview, min_bytes: int, max_bytes: int) -> bytes:
    """The bytes of a base64 text. Raises `ValueError` for what needs a closer look."""
    data = decode_canonical(text)
    if not min_bytes <= len(data) <= max_bytes:
        raise ValueError(len(data))
    return data
