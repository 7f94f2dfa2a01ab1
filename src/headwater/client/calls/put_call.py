"""What one PutRecords call may carry, and which of its refusals are a single record's fault.

Source: the API model and the service's quotas; that a bad record is refused with its whole
call is what AWS was seen to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

CALL_RECORDS_MAX = 500
CALL_BYTES_MAX = 10 * 1024 * 1024
"""Of data and partition keys; base64 does not count."""
RECORD_BYTES_MAX = 10 * 1024 * 1024
"""No stream takes larger records."""

REFUSALS_OF_A_RECORD = frozenset(
    {"ValidationException", "InvalidArgumentException", "SerializationException"}
)
"""Error codes that one bad record brings on its whole call, of which nothing is stored then."""


def halves(batch: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """A refused batch in two, each to be put in a call of its own: so its bad record is found."""
    middle = len(batch) // 2
    return list(batch[:middle]), list(batch[middle:])
