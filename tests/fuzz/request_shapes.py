"""Requests for every operation, made from the API model: valid, almost valid, hostile.

Values come from three places: from the model's shapes, from what a prepared server has
(`known`, by the member's name), and from nowhere in particular. A blob is `bytes` and a time
an `Instant` where they are what they should be; each wire format writes them in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from hypothesis import strategies as st

from headwater.api.validation.api_model import Shape, api_model
from headwater.api.validation.request_types import full_match
from headwater.model.instant import Instant

Known = Mapping[str, Sequence[Any]]
"""Values that mean something to the prepared server, by the name of a member."""
Make = Callable[[str, str], st.SearchStrategy[Any]]
"""From the name of a member and that of its shape to values for it."""

MADE_UP_TEXTS = ["a", "orders", "0", "shardId-000000000000", "x" * 128, "arn:aws:kinesis", "é", "a b", "💧"]
NUMBERS = [0, 1, 2, 23, 24, 25, 168, 1024, 10_000, 2**31 - 1]
EDGE_NUMBERS = [*(-1, -(2**31), 2**31, 2**53 + 1, 2**63, -(2**63), 2**64), *(0.5, -0.0, 1e300, -1e300)]
LIST_MAX = 4

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(EDGE_NUMBERS),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from([*MADE_UP_TEXTS, "", "\0", "a\n", "AAAA", "AA=A", "\ud800", "a" * 5_000]),
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def valid_requests(operation: str, known: Known) -> st.SearchStrategy[dict[str, Any]]:
    """Requests that keep to the model, most of them about something that there is."""
    return _request(operation, partial(_valid, known))


def almost_valid_requests(
    operation: str, known: Known, good: dict[str, Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Valid ones but for a member: missing, more, null, of another type, at or beyond its bounds."""
    return st.one_of(st.just(good), st.just(good), valid_requests(operation, known)).flatmap(
        partial(_spoilt, api_model().input_shape_name(operation), known)
    )


def hostile_requests(operation: str, known: Known) -> st.SearchStrategy[dict[str, Any]]:
    """The model's names with anything in them, and names of their own."""

    def hostile(name: str, shape_name: str) -> st.SearchStrategy[Any]:
        return st.one_of(_valid(known, name, shape_name), _around(shape_name), ANYTHING)

    members = api_model().shapes[api_model().input_shape_name(operation)].members
    made = {name: hostile(name, shape_name) for name, shape_name in members.items()}
    more = st.dictionaries(st.text(max_size=5), ANYTHING, max_size=2)
    return st.builds(lambda some, others: {**others, **some}, st.fixed_dictionaries({}, optional=made), more)


def _request(operation: str, make: Make) -> st.SearchStrategy[dict[str, Any]]:
    shape_name = api_model().input_shape_name(operation)
    made = _structure(shape_name, make)
    members = api_model().shapes[shape_name].members
    if not {"StreamName", "StreamARN"} <= members.keys():
        return made
    # Which of the two says the stream is up to the caller; both may disagree.
    return st.builds(
        lambda request, way, name, arn: {
            **{key: value for key, value in request.items() if key not in {"StreamName", "StreamARN"}},
            **({"StreamName": name} if way != "arn" else {}),
            **({"StreamARN": arn} if way != "name" else {}),
        },
        made,
        st.sampled_from(["name", "name", "arn", "both"]),
        make("StreamName", members["StreamName"]),
        make("StreamARN", members["StreamARN"]),
    )


def _structure(shape_name: str, make: Make) -> st.SearchStrategy[dict[str, Any]]:
    shape = api_model().shapes[shape_name]
    there = {name: make(name, member) for name, member in shape.members.items() if name in shape.required}
    rest = {name: make(name, member) for name, member in shape.members.items() if name not in there}
    return st.fixed_dictionaries(there, optional=rest)


def _valid(known: Known, name: str, shape_name: str) -> st.SearchStrategy[Any]:
    shape = api_model().shapes[shape_name]
    values = known.get(name) or known.get(shape_name)
    made = _made(known, shape_name, shape)
    return st.one_of(st.sampled_from(values), st.sampled_from(values), made) if values else made


def _made(known: Known, shape_name: str, shape: Shape) -> st.SearchStrategy[Any]:
    low = shape.min or 0
    make = partial(_valid, known)
    match shape.type:
        case "structure":
            return _structure(shape_name, make)
        case "list":
            most = min(shape.max or LIST_MAX, max(low, LIST_MAX))
            return st.lists(make("", shape.member), min_size=low, max_size=most)
        case "map":
            return st.dictionaries(make("", shape.key), make("", shape.value), min_size=low, max_size=low + 2)
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string":
            return _texts(shape.pattern or ".*", shape.max or 128)
        case "integer" | "long":
            return st.sampled_from([number for number in NUMBERS if low <= number <= (shape.max or number)])
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.sampled_from([Instant(0), Instant(1_700_000_000_000), Instant(1_700_000_000_001)])
        case "blob":
            return st.binary(max_size=6)
        case _:
            raise NotImplementedError(shape.type)


@cache  # a strategy of a pattern is dear to make, and dearer to draw from for the first time
def _texts(wanted: str, longest: int) -> st.SearchStrategy[str]:
    """Texts of a pattern that mean nothing."""
    pattern = full_match(wanted)
    fitting = [text for text in MADE_UP_TEXTS if re.search(pattern, text)]
    if fitting:
        return st.sampled_from([text for text in fitting if len(text) <= longest])
    return st.from_regex(pattern, alphabet=st.characters(codec="ascii"))


@cache
def _around(shape_name: str) -> st.SearchStrategy[Any]:
    """Values at the bounds of a shape, and one beyond them."""
    shape = api_model().shapes[shape_name]
    bounds = [bound for bound in (shape.min, shape.max) if bound is not None and bound <= 5_000]
    sizes = sorted({max(0, bound + by) for bound in bounds for by in (-1, 0, 1)} | {0, 1})
    match shape.type:
        case "string":
            units = st.sampled_from(["a", "0", "é", "💧", "aws:", ".", "%"])
            return st.builds(lambda unit, size: unit * size, units, st.sampled_from(sizes))
        case "blob":
            return st.sampled_from(["", "A", "AA==", "AB==", "=", "AAAA\n", b"", b"\0" * 1024])
        case "integer" | "long":
            return st.sampled_from([*[bound + by for bound in bounds for by in (-1, 0, 1)], *EDGE_NUMBERS])
        case "list":
            return st.builds(lambda item, size: [item] * size, ANYTHING, st.sampled_from(sizes))
        case "map":
            keys = st.sampled_from(sizes).map(lambda size: [f"k{at}" for at in range(size)])
            return st.builds(dict.fromkeys, keys, st.text(max_size=3))
        case "timestamp":
            return st.sampled_from([Instant(-1), -1, 1e18, -1e300, "2020-01-01T00:00:00Z", 0.0004, 2**62])
        case _:
            return ANYTHING


def _spoilt(shape_name: str, known: Known, request: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The request with one thing wrong, or changed, in it or in a structure of it."""
    shape = api_model().shapes[shape_name]
    names = sorted(shape.members)
    if not names:
        return st.just({**request, "Unknown": 1})

    def with_member(name: str) -> st.SearchStrategy[dict[str, Any]]:
        member = shape.members[name]
        values = st.one_of(_around(member), st.none(), ANYTHING, _valid(known, name, member))
        inner = api_model().shapes[member]
        if inner.type == "structure" and isinstance(request.get(name), dict):
            values = values | _spoilt(member, known, request[name])
        if (
            inner.type == "list"
            and request.get(name)
            and api_model().shapes[inner.member].type == "structure"
        ):
            values = values | _spoilt(inner.member, known, request[name][0]).map(
                lambda first: [first, *request[name][1:]]
            )
        return values.map(lambda value: {**request, name: value})

    def without_member(name: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.just({key: value for key, value in request.items() if key != name})

    chosen = st.sampled_from(names)
    return st.one_of(chosen.flatmap(with_member), chosen.flatmap(with_member), chosen.flatmap(without_member))
