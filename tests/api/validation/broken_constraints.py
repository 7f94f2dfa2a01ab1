"""The refusal of a request that breaks one constraint of the API model."""

from __future__ import annotations

from tests.api.refusals import invalid

STREAM_NAME = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"


def broken(member: str, value: object, constraint: str) -> tuple[str, str]:
    """The refusal of a member's value; `None` is a member that is missing."""
    printed = "null" if value is None else f"'{value}'"
    return invalid(f"Value {printed} at '{member}' failed to satisfy constraint: {constraint}")


def too_small(member: str, value: int, least: int) -> tuple[str, str]:
    """The refusal of a number below its bound."""
    return broken(member, value, f"Member must have value greater than or equal to {least}")


def too_large(member: str, value: int, greatest: int) -> tuple[str, str]:
    """The refusal of a number above its bound."""
    return broken(member, value, f"Member must have value less than or equal to {greatest}")


def too_long(member: str, value: object, greatest: int) -> tuple[str, str]:
    """The refusal of a text, blob or list that is longer than its bound."""
    return broken(member, value, f"Member must have length less than or equal to {greatest}")
