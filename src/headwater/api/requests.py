"""The types of requests, by the names that the API model has for them.

What an editor and mypy see is `requests.pyi`, which `scripts/generate_api_types.py` writes;
a type itself is made when somebody asks for it, which annotations do not.
"""

from __future__ import annotations

import msgspec

from headwater.api.validation.request_types import request_type


def __getattr__(name: str) -> type[msgspec.Struct]:
    """The struct for a structure of the model."""
    try:
        return request_type(name)
    except KeyError:
        raise AttributeError(name) from None
