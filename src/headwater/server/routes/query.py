"""The query of a route of the server's own: few parameters, each at most once.

Refuses to know what they mean.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from headwater.server.refused import Refused

_NUMBER_DIGITS_MAX = 15


def read_query(query: bytes, names: Collection[str]) -> dict[str, str]:
    """The parameters of a query, of which only these may be there. Raises `Refused`."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:  # of which a UnicodeDecodeError is one
        raise Refused(400, "The query must be of the form name=value&name=value.") from None
    asked = dict(pairs)
    for name in asked:
        if name not in names:
            raise Refused(400, f"There is no parameter {name!r}. There are: {', '.join(names)}.")
    if len(asked) != len(pairs):
        raise Refused(400, "A parameter can be given only once.")
    return asked


def whole_number(asked: dict[str, str], name: str, default: int) -> int:
    """A parameter that is a whole number. Raises `Refused`."""
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise Refused(400, f"{name} must be a whole number, not {text!r}.")
    return int(text)
