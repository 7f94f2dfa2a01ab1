"""A package of somebody else's, without what its `__init__` imports.

Rules:
- it is there while its modules are imported, and gone again then: who else in the process imports the package
  gets all of it;
- a package that has been imported already stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType


@contextmanager
def bare_package(name: str) -> Iterator[None]:
    """While the block lasts, the package has its modules, and nothing else. Raises ImportError."""
    if name in sys.modules:
        yield
        return
    spec = find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{name} is not an installed package", name=name)
    bare = ModuleType(name)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = bare
    try:
        yield
    finally:
        del sys.modules[name]
