"""Long values in texts for people: their beginnings, and how long they are."""

from __future__ import annotations


def shortened(text: str, characters_max: int) -> str:
    """The text, or its first characters and the number of all."""
    if len(text) <= characters_max:
        return text
    return f"{text[:characters_max]}… ({len(text)} characters)"
