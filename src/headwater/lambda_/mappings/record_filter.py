"""Which records of a stream a mapping's filters let through.

Filters see a record as one flat object: the members of the event's record and those
of `kinesis` in it. Its `data` is decoded first:

    the filter's `data` is     the record's data is      what is matched
    an object                  a JSON object             its members
    an object                  anything else             nothing: the record does not match
    a list of rules            text                      the text
    a list of rules            not UTF-8                 nothing: the record does not match
    not there                  anything                  the other members alone

A record that matches none of the filters is passed over as if it had been processed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from headwater.lambda_.mappings.filter_pattern import compile_pattern
from headwater.wire.json_format import UNREADABLE

_Decode: TypeAlias = Callable[[bytes], Any]


class _Undecodable(Exception):
    """The data is not what the filter is about."""


def _as_object(data: bytes) -> Any:
    try:
        decoded = msgspec.json.decode(data)
    except UNREADABLE as error:
        raise _Undecodable from error
    if not isinstance(decoded, dict):
        raise _Undecodable
    return decoded


def _as_text(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _Undecodable from error


_DECODERS: dict[type, _Decode] = {dict: _as_object, list: _as_text}
"""By what the filter has at `data`."""


class _Filter:
    """One filter, and how it wants to see data."""

    def __init__(self, text: str) -> None:
        written = json.loads(text)
        self._pattern = compile_pattern(text)
        self._needs_data = "data" in written
        """Whether a record with data of another form cannot match; with `$or` it still may."""
        self._decode = _DECODERS.get(type(_data_rules(written)))

    def matches(self, flat: dict[str, Any], data: bytes) -> bool:
        seen = {name: value for name, value in flat.items() if name != "data"}
        if self._decode is not None:
            try:
                seen["data"] = self._decode(data)
            except _Undecodable:
                if self._needs_data:
                    return False
        try:
            return self._pattern(seen)
        except RecursionError:  # the data is nested as deep as the decoder just allowed
            return False


class RecordFilter:
    """The filters of one mapping."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._filters = [_Filter(text) for text in patterns]

    def admits(self, document: dict[str, Any], data: bytes) -> bool:
        """Whether one of the filters matches the record; `document` is the record in the event."""
        flat = {**document, **document["kinesis"]}
        return any(one.matches(flat, data) for one in self._filters)


def _data_rules(written: Any) -> Any:
    """What a pattern has at `data`, itself or in its alternatives; `None` when it has nothing there."""
    if not isinstance(written, dict):
        return None
    if "data" in written:
        return written["data"]
    parts = written.get("$or")
    found = [_data_rules(part) for part in parts] if isinstance(parts, list) else []
    return next((rules for rules in found if rules is not None), None)
