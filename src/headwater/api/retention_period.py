"""The bounds of a retention period, which are not in the API model's constraints."""

from __future__ import annotations

from headwater.engine.limits.limits import RETENTION_MAX_HOURS, RETENTION_MIN_HOURS
from headwater.model.errors import InvalidArgumentException


def check_retention_hours(hours: int) -> None:
    """Raise InvalidArgumentException outside of 24 to 8760 hours."""
    if hours < RETENTION_MIN_HOURS:
        raise InvalidArgumentException(
            f"Minimum allowed retention period is {RETENTION_MIN_HOURS} hours. "
            f"Requested retention period ({hours} hours) is too short."
        )
    if hours > RETENTION_MAX_HOURS:
        raise InvalidArgumentException(
            f"Maximum allowed retention period is {RETENTION_MAX_HOURS} hours. "
            f"Requested retention period ({hours} hours) is too long."
        )
