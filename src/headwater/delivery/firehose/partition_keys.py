"""Dynamic partitioning: the partition keys of a record, by a JQ program or by what a function has said.

Rules:
- the program's first result is an object; its values are text, numbers or booleans, none null or empty;
- every key that the prefix names must be there; a record without one has failed.

The library is the one that JQ itself is: the extra `headwater[delivery]`, imported at first use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from headwater.delivery.firehose.errors import InvalidArgument, NotOffered
from headwater.delivery.firehose.items import PROCESSING_FAILED, FailedItem, Item, failure

EXTRACTION_FAILED = "DynamicPartitioning.MetadataExtractionFailed"
NULL_OR_EMPTY = "partitionKeys values must not be null or empty"
NOT_JSON = "Non JSON record provided"
NOT_INSTALLED = "Partition keys by JQ need the library jq: pip install 'headwater[delivery]'"

Program = Callable[[str], Any]
"""Takes a record's text; gives the program's first result. Raises ValueError."""


class KeysMissing(Exception):
    """A record does not have the partition keys that are needed."""


def program_of(query: str) -> Program:
    """A JQ program. Raises `InvalidArgument` for none, and `NotOffered` without the library."""
    try:
        import jq  # noqa: PLC0415 - of the extra, for the first who needs it
    except ImportError:
        raise NotOffered(NOT_INSTALLED) from None
    try:
        compiled = jq.compile(query)
    except ValueError as error:
        raise InvalidArgument(f"MetadataExtractionQuery is not a valid JQ expression: {error}") from None

    def first(text: str) -> Any:
        try:
            return compiled.input_text(text).first()
        except StopIteration:
            raise ValueError("the program gives nothing") from None

    return first


def keys_of(program: Program, data: bytes) -> dict[str, str]:
    """The partition keys that a program finds. Raises `KeysMissing`."""
    try:
        text = data.decode()
        json.loads(text)
    except (ValueError, RecursionError):
        raise KeysMissing(NOT_JSON) from None
    try:
        found = program(text)
    except ValueError as error:
        raise KeysMissing(str(error)) from None
    if not isinstance(found, dict):
        raise KeysMissing("The MetadataExtractionQuery did not give an object")
    return {str(name): _text(value) for name, value in found.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    return json.dumps(value)


def with_keys(
    items: Sequence[Item],
    program: Program | None,
    names_from_query: Iterable[str],
    names_from_lambda: Iterable[str],
    now_ms: int,
) -> tuple[list[Item], list[FailedItem]]:
    """The items with their keys, of those that the prefix names."""
    from_query, from_lambda = sorted(names_from_query), sorted(names_from_lambda)
    done: list[Item] = []
    failed: list[FailedItem] = []
    for item in items:
        try:
            found = {} if program is None else keys_of(program, item.data)
            done.append(
                item._replace(
                    keys_from_query=_named(found, from_query),
                    keys_from_lambda=_named(item.keys_from_lambda, from_lambda),
                )
            )
        except KeysMissing as error:
            failed.append(
                failure(item, PROCESSING_FAILED, EXTRACTION_FAILED, str(error), attempts=1, now_ms=now_ms)
            )
    return done, failed


def _named(found: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The keys that are needed. Raises `KeysMissing`."""
    keys = {name: found.get(name, "") for name in names}
    if not all(keys.values()):
        raise KeysMissing(NULL_OR_EMPTY)
    return keys


def groups(items: Sequence[Item]) -> list[list[Item]]:
    """The items that belong into one object, by their keys, in the order of the first of each."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Item]] = {}
    for item in items:
        key = (tuple(item.keys_from_query.values()), tuple(item.keys_from_lambda.values()))
        found.setdefault(key, []).append(item)
    return list(found.values())
