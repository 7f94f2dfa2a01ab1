"""The bounds of a retention period, which are not in the API model's constraints."""

from __future__ import annotations

from headwater.engine.limits.limits import RETENTION_HOURS_MAX, RETENTION_HOURS_MIN
from headwater.model.errors import InvalidArgumentException


def check_retention_hours(hours: int) -> None:
    """Raise InvalidArgumentException outside of 24 to 8760 hours."""
    if hours < RETENTION_HOURS_MIN:
        raise InvalidArgumentException(
            f"Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. "
            f"Requested retention period ({hours} hours) is too short."
        )
    if hours > RETENTION_HOURS_MAX:
        raise InvalidArgumentException(
            f"Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. "
            f"Requested retention period ({hours} hours) is too long."
        )
