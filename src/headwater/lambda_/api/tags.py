"""The tags that a function or an event source mapping may have."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.lambda_.api.errors import InvalidParameterValueException

TAGS_MAX = 50
RESERVED_PREFIX = "aws:"


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidParameterValueException for tags that no resource can have."""
    if len(tags) > TAGS_MAX:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    for key in tags:
        if key.lower().startswith(RESERVED_PREFIX):
            raise InvalidParameterValueException(f"Reserved prefix in tag key: {RESERVED_PREFIX}")
