"""The facts of the Kinesis API model, typed: operations, shapes, bounds, patterns, enums.

The facts are in `kinesis_model.json`, which `scripts/generate_api_model.py`
writes. They are read once, at first use. This module adds nothing to them and
knows nothing of requests.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec


class OperationShapes(msgspec.Struct, frozen=True):
    """One operation: the names of its shapes and of the errors that it may answer."""

    input: str
    output: str | None
    errors: tuple[str, ...]
    event_stream: bool
    """The output carries an event stream."""


class Shape(msgspec.Struct, frozen=True):
    """One shape. `min` and `max` bound a number's value or a string's, blob's, list's or map's length."""

    type: str
    """structure, list, map, string, blob, boolean, integer, long, double or timestamp."""
    members: dict[str, str] = {}
    """A structure's members in the model's order, and the names of their shapes."""
    required: frozenset[str] = frozenset()
    member: str = ""
    """The shape of a list's items."""
    key: str = ""
    value: str = ""
    min: int | None = None
    max: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()


class ApiModel(msgspec.Struct, frozen=True):
    """All operations and shapes by name."""

    botocore: str
    """The version of botocore that the facts were taken from."""
    api_version: str
    operations: dict[str, OperationShapes]
    shapes: dict[str, Shape]

    def input_shape_name(self, operation_name: str) -> str:
        """The shape of the operation's request."""
        return self.operations[operation_name].input


@lru_cache(maxsize=1)
def api_model() -> ApiModel:
    """The model, read at the first call."""
    # As `pkgutil.get_data`, which takes longer to import than the file to read.
    loader: Any = globals()["__loader__"]
    facts: bytes = loader.get_data(__file__.removesuffix("api_model.py") + "kinesis_model.json")
    return msgspec.json.decode(facts, type=ApiModel)
