"""Routes of the server's own that are made when the first of them is asked for, as seldom happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from headwater.server.admin import Action, Methods, RouteSet


def late_routes(
    build: Callable[[], RouteSet],
    paths: tuple[bytes, ...],
    collections: tuple[bytes, ...] = (),
    reset: Callable[[], object] = bool,
) -> RouteSet:
    """The routes of the set that `build` makes. `paths` and `collections` are all that it has."""
    built = cache(build)

    def items_of(collection: bytes) -> Callable[[str], Methods]:
        def methods_of(item: str) -> Methods:
            return built().items[collection](item)

        return methods_of

    return RouteSet(
        {path: _LateMethods(built, path) for path in paths},
        {collection: items_of(collection) for collection in collections},
        reset,
    )


class _LateMethods(Mapping[bytes, Action]):
    def __init__(self, built: Callable[[], RouteSet], path: bytes) -> None:
        self._built = built
        self._path = path

    def __getitem__(self, method: bytes) -> Action:
        return self._methods()[method]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._methods())

    def __len__(self) -> int:
        return len(self._methods())

    def _methods(self) -> Methods:
        return self._built().routes[self._path]
