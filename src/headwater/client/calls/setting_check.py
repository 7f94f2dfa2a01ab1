"""The refusal of a setting that is out of range, in one wording."""

from __future__ import annotations


def require(name: str, is_right: bool, wanted: str) -> None:
    """Raises `ValueError`, with what the setting must be, unless it is right."""
    if not is_right:
        raise ValueError(f"{name} must be {wanted}")
