"""The pages of Lambda's lists, each with a marker for where the next one begins."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from headwater.lambda_.api.errors import InvalidParameterValueException

ROWS_MAX = 50
"""In a page, unless the operation has another bound."""


def page_of(
    member: str, rows: Sequence[tuple[str, dict[str, Any]]], request: dict[str, Any], rows_max: int = ROWS_MAX
) -> dict[str, Any]:
    """The page that `request` asks for. Each row has a key of its own, after which the next page begins.

    Raises InvalidParameterValueException for a marker that is none.
    """
    after = _read_marker(request.get("Marker"))
    start = 0
    if after is not None:
        keys = [key for key, _ in rows]
        start = keys.index(after) + 1 if after in keys else sum(key <= after for key in keys)
    page = rows[start : start + min(request.get("MaxItems") or rows_max, rows_max)]
    answer: dict[str, Any] = {member: [row for _, row in page]}
    if start + len(page) < len(rows):
        answer["NextMarker"] = base64.b64encode(page[-1][0].encode()).decode()
    return answer


def _read_marker(marker: str | None) -> str | None:
    if not marker:
        return None
    try:
        return base64.b64decode(marker, validate=True).decode("ascii")
    except ValueError:
        raise InvalidParameterValueException("Invalid Marker.") from None
