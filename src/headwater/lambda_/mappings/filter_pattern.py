"""The pattern language of EventBridge, in which filters of event source mappings are written.

A pattern is a JSON object in the shape of the events that it matches. `compile_pattern`
turns its text into a function from an event to whether it matches.

Rules:
- the fields of an object must all match; of a field's list of rules one must;
- a value in a list matches a string, number, boolean or null that equals it; an object
  in the list is one operator, from the table `_OPERATORS`;
- numbers are equal by value: 300 and 300.0 are; a number is no boolean;
- where the event has an array, one of its elements must match, and the fields of one
  nested pattern must match in the same element;
- operators look at leaves only: `exists` does not see an object or an empty array;
- `$or` with two or more objects is an alternative; with anything else it is the name of a field.

Refuses to know records, and what is done with one that does not match.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias

PATTERN_DEPTH_MAX = 100
NUMERIC_LIMIT = 5.0e9
"""Numbers in numeric rules lie between this and its negative."""

Rule: TypeAlias = Callable[[object], bool]
"""Whether one leaf of an event matches."""
Pattern: TypeAlias = Callable[[Any], bool]
"""Whether an event matches."""


class InvalidPattern(ValueError):
    """The text is no pattern; the message says what is wrong, for the person who wrote it."""


class _Missing:
    """The leaf of a field that the event does not have."""


_MISSING = _Missing()


def compile_pattern(text: str) -> Pattern:
    """What matches the events that the pattern describes. Raises `InvalidPattern`."""
    try:
        written = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidPattern(f"it is not JSON: {error}") from None
    if not isinstance(written, dict):
        raise InvalidPattern("it is not a JSON object")
    return _object(written, 0)


def _refuse_constant(name: str) -> None:
    raise InvalidPattern(f"{name} is not JSON")


def _object(written: dict[str, Any], depth: int) -> Pattern:
    """The fields of an object, all of which must match."""
    if depth > PATTERN_DEPTH_MAX:
        raise InvalidPattern("it is nested too deeply")
    if not written:
        raise InvalidPattern("empty objects are not allowed")
    parts: list[Pattern] = []
    for name, value in written.items():
        if name == "$or" and _is_alternative(value):
            parts.append(_alternative([_object(part, depth + 1) for part in value]))
        elif isinstance(value, dict):
            parts.append(_nested(name, _object(value, depth + 1)))
        elif isinstance(value, list):
            parts.append(_leaf(name, _rules(name, value)))
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')
    return lambda event: all(part(event) for part in parts)


def _is_alternative(value: object) -> bool:
    """`$or` is an operator when it has objects that are themselves patterns, not rules."""
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(isinstance(part, dict) and not part.keys() & _OPERATORS.keys() for part in value)
    )


def _alternative(parts: list[Pattern]) -> Pattern:
    return lambda event: any(part(event) for part in parts)


def _nested(name: str, pattern: Pattern) -> Pattern:
    def matches(event: Any) -> bool:
        value = event.get(name) if isinstance(event, dict) else None
        if isinstance(value, list):
            return any(pattern(element) for element in value) if value else pattern({})
        return pattern(value if isinstance(value, dict) else {})

    return matches


def _leaf(name: str, rules: list[Rule]) -> Pattern:
    def matches(event: Any) -> bool:
        value = event.get(name, _MISSING) if isinstance(event, dict) else _MISSING
        leaves = _leaves(value)
        return any(rule(leaf) for leaf in leaves for rule in rules)

    return matches


def _leaves(value: object) -> list[object]:
    """The leaves that a value of an event has: several in an array; `_MISSING` when there are none."""
    if isinstance(value, list):
        found = [leaf for element in value for leaf in _leaves(element) if leaf is not _MISSING]
        return found or [_MISSING]
    return [_MISSING] if isinstance(value, dict) else [value]


def _rules(name: str, written: list[Any]) -> list[Rule]:
    if not written:
        raise InvalidPattern(f'"{name}" has an empty array, which matches nothing')
    return [_rule(value) for value in written]


def _rule(written: Any) -> Rule:
    if isinstance(written, list):
        raise InvalidPattern("a value to match must be a string, a number, true, false, null or an operator")
    if not isinstance(written, dict):
        return _equals(written)
    if len(written) != 1:
        raise InvalidPattern("an operator is an object with exactly one member")
    ((operator, operand),) = written.items()
    build = _OPERATORS.get(operator)
    if build is None:
        raise InvalidPattern(f"there is no operator {operator!r}")
    return build(operand)


def _equals(expected: Any) -> Rule:
    if isinstance(expected, bool) or expected is None:
        return lambda leaf: leaf is expected
    if isinstance(expected, str):
        return lambda leaf: isinstance(leaf, str) and leaf == expected
    return lambda leaf: _is_number(leaf) and leaf == expected


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _prefix(operand: Any) -> Rule:
    if isinstance(operand, dict):
        start = _ignoring_case(operand)
        return lambda leaf: isinstance(leaf, str) and leaf.lower().startswith(start)
    text = _string(operand, "prefix")
    return lambda leaf: isinstance(leaf, str) and leaf.startswith(text)


def _suffix(operand: Any) -> Rule:
    if isinstance(operand, dict):
        end = _ignoring_case(operand)
        return lambda leaf: isinstance(leaf, str) and leaf.lower().endswith(end)
    text = _string(operand, "suffix")
    return lambda leaf: isinstance(leaf, str) and leaf.endswith(text)


def _ignoring_case(operand: dict[str, Any]) -> str:
    if list(operand) != ["equals-ignore-case"]:
        raise InvalidPattern("inside of prefix and suffix only equals-ignore-case is an operator")
    return _string(operand["equals-ignore-case"], "equals-ignore-case").lower()


def _equals_ignore_case(operand: Any) -> Rule:
    text = _string(operand, "equals-ignore-case").lower()
    return lambda leaf: isinstance(leaf, str) and leaf.lower() == text


def _exists(operand: Any) -> Rule:
    if not isinstance(operand, bool):
        raise InvalidPattern("exists is either true or false")
    return lambda leaf: (leaf is not _MISSING) == operand


def _numeric(operand: Any) -> Rule:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise InvalidPattern("numeric is a list of one or two comparisons, each an operator and a number")
    comparisons = list(zip(operand[::2], operand[1::2], strict=True))
    for operator, bound in comparisons:
        if not isinstance(operator, str) or operator not in _COMPARISONS:
            raise InvalidPattern(f"numeric compares by {', '.join(_COMPARISONS)}, not by {operator!r}")
        if not _is_number(bound) or not abs(bound) <= NUMERIC_LIMIT:
            raise InvalidPattern(f"numeric compares with numbers from {-NUMERIC_LIMIT} to {NUMERIC_LIMIT}")
    if len(comparisons) == 2:
        (low, bottom), (high, top) = comparisons
        if not (low.startswith(">") and high.startswith("<") and bottom < top):
            raise InvalidPattern("a numeric range has its lower bound first, and below the upper one")
    checks = [(_COMPARISONS[operator], bound) for operator, bound in comparisons]
    return lambda leaf: _is_number(leaf) and all(check(leaf, bound) for check, bound in checks)


_COMPARISONS: dict[str, Callable[[Any, float], bool]] = {
    "=": lambda value, bound: bool(value == bound),
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _cidr(operand: Any) -> Rule:
    try:
        network = ip_network(_string(operand, "cidr"), strict=False)
    except ValueError:
        raise InvalidPattern(f"{operand!r} is not a CIDR block") from None

    def matches(leaf: object) -> bool:
        if not isinstance(leaf, str):
            return False
        try:
            return ip_address(leaf) in network
        except ValueError:
            return False

    return matches


def _wildcard(operand: Any) -> Rule:
    first, *others = _split_wildcard(_string(operand, "wildcard"))
    if not others:
        return lambda leaf: isinstance(leaf, str) and leaf == first
    *middle, last = others

    def matches(leaf: object) -> bool:
        # Pieces are looked for from the left, each once: never more than length times pieces.
        if not isinstance(leaf, str) or not leaf.startswith(first):
            return False
        at, end = len(first), len(leaf) - len(last)
        for piece in middle:
            found = leaf.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return at <= end and leaf.endswith(last)

    return matches


def _split_wildcard(text: str) -> list[str]:
    """The literal pieces between the stars, with escapes resolved."""
    pieces, piece, at = [], "", 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise InvalidPattern(f"wildcard has an invalid escape at position {at}")
            at += 1
            piece += text[at]
        elif character == "*":
            if text[at + 1 : at + 2] == "*":
                raise InvalidPattern(f"wildcard has two stars in a row at position {at}")
            pieces.append(piece)
            piece = ""
        else:
            piece += character
        at += 1
    return [*pieces, piece]


def _anything_but(operand: Any) -> Rule:
    if isinstance(operand, dict):
        if len(operand) != 1:
            raise InvalidPattern("anything-but takes one operator")
        ((operator, inner),) = operand.items()
        build = _BUT_OPERATORS.get(operator)
        if build is None:
            raise InvalidPattern(f"anything-but takes no operator {operator!r}")
        texts = inner if isinstance(inner, list) else [inner]
        if not texts or not all(isinstance(text, str) and text for text in texts):
            raise InvalidPattern(
                f"anything-but {operator} takes a text or a list of texts, none of them empty"
            )
        refused = [build(text) for text in texts]
    else:
        values = operand if isinstance(operand, list) else [operand]
        is_plain = all(isinstance(value, str) for value in values) or all(map(_is_number, values))
        if not values or not is_plain:
            raise InvalidPattern("anything-but takes texts or numbers, but not both in one list")
        refused = [_equals(value) for value in values]
    return lambda leaf: leaf is not _MISSING and not any(rule(leaf) for rule in refused)


def _string(operand: Any, operator: str) -> str:
    if not isinstance(operand, str):
        raise InvalidPattern(f"{operator} takes a text")
    return operand


_BUT_OPERATORS: dict[str, Callable[[Any], Rule]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}
_OPERATORS: dict[str, Callable[[Any], Rule]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
