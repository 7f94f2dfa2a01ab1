"""The limits of a PutRecords call, and the refusals that a single record causes.

Source: the API model and the service's quotas; that a bad record is refused with its whole
call is what AWS was seen to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

CALL_RECORDS_MAX = 500
CALL_BYTES_MAX = 10 * 1024 * 1024
"""The most bytes of data and partition keys in a call; base64 does not count."""
RECORD_BYTES_MAX = 10 * 1024 * 1024
"""The largest record that any stream takes, data and key."""

REFUSALS_OF_A_RECORD = frozenset(
    {"ValidationException", "InvalidArgumentException", "SerializationException"}
)
"""Error codes of a whole call that one bad record causes; nothing of such a call is stored."""


def halves(batch: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """The two halves of a refused batch, for a call each: this finds the bad record."""
    middle = len(batch) // 2
    return list(batch[:middle]), list(batch[middle:])
