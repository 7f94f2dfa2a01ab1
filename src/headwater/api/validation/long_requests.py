"""What has to be known of a request with very many values: enough to refuse it.

To make an object of every value takes forty bytes for one of the body, or more. So a body with
more values than any usual request is read member by member, and of a list or a map that is too
long, only as many items are made as show that.

Rules:
- what is given is a document for `type_checks`, as `json_format.decode` would give it, without
  the members that the model does not have and without the items beyond one too many;
- so a request that is not refused is whole;
- where nulls, which are no items, stand among the first ones, the body is refused like one that
  does not parse: no client sends that.

Refuses to know what is wrong with a request.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec

from headwater.api.validation.api_model import Shape, api_model
from headwater.model.errors import SerializationException
from headwater.wire import json_format

ENTRIES_MAX = 2**17
"""Entries of a map that are looked at, repeated keys too; CBOR has the same bound for a body."""

_entry = re.compile(
    rb'[\s,]*("(?:[^"\\]|\\.)*+")\s*:\s*(?:("(?:[^"\\]|\\.)*+")|([^\[\]{}",\s]++)|([\[{]))', re.DOTALL
)
"""A key, and a value that is a text, another scalar, or something with an inside."""
_INSIDE = {b"[": list, b"{": dict}


def beginning_of(shape_name: str, body: bytes) -> dict[str, object]:
    """The document in a request's body, as far as it is needed. Raises `SerializationException`."""
    try:
        json_format.check_utf_8(body)
        return _structure(shape_name, api_model().shapes[shape_name], body)
    except json_format.UNREADABLE:
        raise SerializationException from None


def _value(shape_name: str, raw: msgspec.Raw) -> object:
    """The value; of one whose type is wrong only its kind."""
    shape = api_model().shapes[shape_name]
    first = bytes(memoryview(raw)[:1])
    if first == b"[":
        return _list(shape, raw) if shape.type == "list" else []
    if first != b"{":
        return _scalar_decoder.decode(raw)
    match shape.type:
        case "structure":
            return _structure(shape_name, shape, raw)
        case "map":
            return _map(shape, bytes(raw))
        case _:
            return {}


def _structure(shape_name: str, shape: Shape, raw: msgspec.Raw | bytes) -> dict[str, object]:
    found = _members_decoder(shape_name).decode(raw)
    return {
        name: _value(shape.members[name], member)
        for name in shape.members
        if (member := getattr(found, name)) is not None
    }


def _list(shape: Shape, raw: msgspec.Raw) -> list[object]:
    if shape.max is None:
        items: list[object] = _scalar_decoder.decode(raw)
        return items
    found = msgspec.structs.astuple(_items_decoder(shape.max + 1).decode(raw))
    items = [_value(shape.member, item) for item in found if item is not None]
    if len(items) > shape.max and None in items:
        raise SerializationException
    return items


def _map(shape: Shape, text: bytes) -> dict[str, object]:
    """The entries, one too many at most. No value of a map has an inside in this model."""
    entries: dict[str, object] = {}
    at = 1
    for _ in range(ENTRIES_MAX):
        found = _entry.match(text, at)
        if found is None:
            return entries
        key, string, scalar, opening = found.groups()
        name = _scalar_decoder.decode(key)
        if opening:
            entries[name] = _INSIDE[opening]()
            return entries
        entries[name] = _scalar_decoder.decode(string or scalar)
        if shape.max is not None and len(entries) > shape.max:
            if None in entries.values():
                break
            return entries
        at = found.end()
    raise SerializationException


@cache
def _members_decoder(shape_name: str) -> msgspec.json.Decoder[Any]:
    """Finds where a structure's members are, and makes nothing of them."""
    members = api_model().shapes[shape_name].members
    return msgspec.json.Decoder(
        msgspec.defstruct(shape_name, [(name, msgspec.Raw, None) for name in members])
    )


@cache
def _items_decoder(count: int) -> msgspec.json.Decoder[Any]:
    """Finds where the first items of a list are, and passes over the others."""
    fields = [(f"item_{number}", msgspec.Raw, None) for number in range(count)]
    return msgspec.json.Decoder(msgspec.defstruct("FirstItems", fields, array_like=True))


_scalar_decoder = msgspec.json.Decoder()
