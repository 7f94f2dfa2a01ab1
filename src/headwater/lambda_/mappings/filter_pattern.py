"""The pattern language of EventBridge, in which filters of event source mappings are written.

A pattern is a JSON object in the shape of the events that it matches. `compile_pattern`
turns its text into a function from an event to whether it matches.

Rules, as AWS's own library event-ruler 2.1.0 has them:
- a pattern is alternatives (`$or`), each a table from a field's path to the rules of which one
  must match; a path is the names on the way, joined by dots, in patterns and in events;
- a value in a list matches a string, number, boolean or null that equals it; an object
  in the list is one operator, from the table `_OPERATORS`;
- numbers are equal by value: 300 and 300.0 are; a number is no boolean;
- an event is its leaves. Each knows the elements of arrays that it is in, and leaves that are
  in different elements of one array do not match together; arrays in arrays are looked through;
- `exists: false` matches when no leaf of that path fits what matched before, by path;
- a text that is an address matches the same address, however it is written; where no rule of a
  list is about numbers, a number's digits count as those of an address;
- letters are compared without case one by one, each with its lower and its upper form.

Refuses to know records, and what is done with one that does not match.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any, NamedTuple, TypeAlias

PATTERN_DEPTH_MAX = 100
OR = "$or"

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
    """The matcher of a pattern. Raises `InvalidPattern`."""
    try:
        written = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidPattern(f"it is not JSON: {error}") from None
    if not isinstance(written, dict):
        raise InvalidPattern("it is not a JSON object")
    alternatives = [
        sorted(fields.items(), key=lambda field: field[0].encode("utf-16-be", "surrogatepass"))
        for fields in _alternatives(written, "", [{}], 0)
    ]
    steps = {step for fields in alternatives for path, _ in fields for step in path.split(".")}

    def matches(event: Any) -> bool:
        flattening = _Flattening(steps)
        flattening.add_object(event, "", {})
        return any(_matches(fields, flattening.leaves, {}) for fields in alternatives)

    return matches


def _refuse_constant(name: str) -> None:
    raise InvalidPattern(f"{name} is not JSON")


class _Leaf(NamedTuple):
    """A value of an event that is no object and no array."""

    value: object
    elements: dict[int, int]
    """The arrays that it is in, by number, and in which of their elements."""


_Fields: TypeAlias = dict[str, list[Rule]]
"""What must match: by path, rules of which one must."""
_Leaves: TypeAlias = dict[str, list[_Leaf]]


def _alternatives(written: dict[str, Any], path: str, so_far: list[_Fields], depth: int) -> list[_Fields]:
    """What `so_far` becomes when the fields of an object must match as well."""
    if depth > PATTERN_DEPTH_MAX:
        raise InvalidPattern("it is nested too deeply")
    if not written:
        raise InvalidPattern("empty objects are not allowed")
    for name, value in written.items():
        place = f"{path}.{name}" if path else name
        if name == OR:
            so_far = _forked(value, path, so_far, depth)
        elif isinstance(value, dict):
            so_far = _alternatives(value, place, so_far, depth + 1)
        elif isinstance(value, list):
            rules = _rules(name, value)
            so_far = [{**fields, place: rules} for fields in so_far]
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')
    return so_far


def _forked(written: Any, path: str, so_far: list[_Fields], depth: int) -> list[_Fields]:
    if not isinstance(written, list) or len(written) < 2:
        raise InvalidPattern("$or has a list of at least two objects")
    forks = []
    for part in written:
        if not isinstance(part, dict):
            raise InvalidPattern("$or has objects only")
        if part.keys() & _OPERATORS.keys():
            raise InvalidPattern("an operator cannot be the name of a field inside of $or")
        forks += _alternatives(part, path, so_far, depth + 1)
    return forks


class _Flattening:
    """The leaves of an event, by path."""

    def __init__(self, steps: set[str]) -> None:
        """`steps` are the names that patterns have; what is under others is passed over."""
        self._steps = steps
        self._arrays = 0
        self.leaves: _Leaves = {}

    def add_object(self, members: dict[str, Any], path: str, elements: dict[int, int]) -> None:
        """Add what is in an object."""
        for name, value in members.items():
            if name in self._steps or self._steps.issuperset(name.split(".")):
                self._add(value, f"{path}.{name}" if path else name, elements)

    def _add(self, value: Any, path: str, elements: dict[int, int]) -> None:
        if isinstance(value, dict):
            self.add_object(value, path, elements)
        elif isinstance(value, list):
            array, self._arrays = self._arrays, self._arrays + 1
            for index, element in enumerate(value):
                is_leaf = not isinstance(element, dict | list)
                self._add(element, path, elements if is_leaf else {**elements, array: index})
        else:
            self.leaves.setdefault(path, []).append(_Leaf(value, elements))


def _matches(fields: list[tuple[str, list[Rule]]], leaves: _Leaves, elements: dict[int, int]) -> bool:
    """Whether the fields, by path, have leaves that match and are in the same elements."""
    if not fields:
        return True
    (path, rules), *others = fields
    fitting = [leaf for leaf in leaves.get(path, ()) if _fits(leaf, elements)]
    if not fitting:
        return any(rule(_MISSING) for rule in rules) and _matches(others, leaves, elements)
    tried: list[dict[int, int]] = []
    for leaf in fitting:
        together = elements | leaf.elements
        if together not in tried and any(rule(leaf.value) for rule in rules):
            tried.append(together)
            if _matches(others, leaves, together):
                return True
    return False


def _fits(leaf: _Leaf, elements: dict[int, int]) -> bool:
    return all(elements.get(array, index) == index for array, index in leaf.elements.items())


def _rules(name: str, written: list[Any]) -> list[Rule]:
    if not written:
        raise InvalidPattern(f'"{name}" has an empty array, which matches nothing')
    if not any(map(_is_about_numbers, written)):
        return [_rule(value) for value in written]
    return [
        _but_for_numbers(_rule(value)) if _is_about_addresses(value) else _rule(value) for value in written
    ]


def _is_about_numbers(written: Any) -> bool:
    if not isinstance(written, dict):
        return _is_comparable(written)
    refused = written.get("anything-but")
    return "numeric" in written or any(map(_is_number, refused if isinstance(refused, list) else [refused]))


def _is_about_addresses(written: Any) -> bool:
    if isinstance(written, dict):
        return "cidr" in written
    return isinstance(written, str) and _address_digits(written) is not None


def _but_for_numbers(rule: Rule) -> Rule:
    return lambda leaf: not _is_comparable(leaf) and rule(leaf)


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
        digits = _address_digits(expected)
        if digits is not None:
            return _between(digits, digits)
        return lambda leaf: isinstance(leaf, str) and leaf == expected
    return lambda leaf: _is_number(leaf) and leaf == expected


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _prefix(operand: Any) -> Rule:
    if isinstance(operand, dict):
        return _folded(_ignoring_case(operand), "", ".*")
    text = _string(operand, "prefix")
    return lambda leaf: isinstance(leaf, str) and leaf.startswith(text)


def _suffix(operand: Any) -> Rule:
    if isinstance(operand, dict):
        return _folded(_ignoring_case(operand), ".*", "")
    text = _string(operand, "suffix")
    return lambda leaf: isinstance(leaf, str) and leaf.endswith(text)


def _ignoring_case(operand: dict[str, Any]) -> str:
    if list(operand) != ["equals-ignore-case"]:
        raise InvalidPattern("inside of prefix and suffix only equals-ignore-case is an operator")
    return _string(operand["equals-ignore-case"], "equals-ignore-case")


def _equals_ignore_case(operand: Any) -> Rule:
    return _folded(_string(operand, "equals-ignore-case"), "", "")


def _folded(text: str, before: str, after: str) -> Rule:
    """Matches the letters of `text`, each in its lower or upper form, which may be several letters."""
    letters = "".join(f"(?:{re.escape(letter.lower())}|{re.escape(letter.upper())})" for letter in text)
    pattern = re.compile(before + letters + after, re.DOTALL)
    return lambda leaf: isinstance(leaf, str) and pattern.fullmatch(leaf) is not None


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
        if not _is_comparable(bound):
            raise InvalidPattern("numeric compares with numbers that a double can hold")
    if len(comparisons) == 2:
        (low, bottom), (high, top) = comparisons
        if not (low.startswith(">") and high.startswith("<") and bottom < top):
            raise InvalidPattern("a numeric range has its lower bound first, and below the upper one")
    checks = [(_COMPARISONS[operator], bound) for operator, bound in comparisons]
    return lambda leaf: _is_comparable(leaf) and all(check(leaf, bound) for check, bound in checks)


_COMPARISONS: dict[str, Callable[[Any, float], bool]] = {
    "=": lambda value, bound: bool(value == bound),
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _is_comparable(value: Any) -> bool:
    try:
        return _is_number(value) and float(value) == value and abs(value) != float("inf")
    except OverflowError:
        return False


def _cidr(operand: Any) -> Rule:
    address, slash, bits = _string(operand, "cidr").partition("/")
    digits = _address_digits(address)
    if not slash or digits is None or not re.fullmatch(r"\+?[0-9]{1,3}", bits):
        raise InvalidPattern(f"{operand!r} is not a CIDR block")
    free = len(digits) * 4 - int(bits)
    if free < 1:
        raise InvalidPattern("cidr has fewer bits than the address")
    bottom = f"{int(digits, 16) >> free << free:0{len(digits)}X}"
    top = f"{int(digits, 16) | (1 << free) - 1:0{len(digits)}X}"
    return _between(bottom, top)


def _between(bottom: str, top: str) -> Rule:
    """Whether an address lies between two others, all by their hexadecimal digits."""

    def matches(leaf: object) -> bool:
        found = _digits_of(leaf)[: len(bottom)]
        # What has fewer digits is compared as far as these go, and must be inside by then.
        is_short = len(found) < len(bottom)
        return bottom <= found <= top and not (is_short and top.startswith(found))

    return matches


def _digits_of(leaf: object) -> str:
    if isinstance(leaf, str):
        return _address_digits(leaf) or ""
    return re.split("[^0-9]", str(leaf), maxsplit=1)[0] if _is_number(leaf) else ""


def _address_digits(text: str) -> str | None:
    """The hexadecimal digits of an address, 8 or 32; `None` for what is none."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text):
        parts = [int(part) if len(part) < 4 else 256 for part in text.split(".")]
        return "".join(f"{part:02X}" for part in parts) if max(parts) < 256 else None
    if not re.fullmatch(r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*", text):
        return None
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    return f"{int(address.ipv4_mapped):08X}" if address.ipv4_mapped else f"{int(address):032X}"


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


def _exactly(operand: Any) -> Rule:
    text = _string(operand, "exactly")
    return lambda leaf: leaf == text


_OPERATORS: dict[str, Callable[[Any], Rule]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exactly": _exactly,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
