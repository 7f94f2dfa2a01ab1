"""The function of each operation that is offered, imported when it is first asked for.

Most servers are asked for few operations, and none should pay for the others when it starts.
Type checkers see plain imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    try:
        function = getattr(import_module(f"headwater.api.operations.{name}"), name)
    except ModuleNotFoundError:
        raise AttributeError(f"no operation is offered as {name!r}") from None
    globals()[name] = function
    return function
