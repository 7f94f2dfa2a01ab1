"""Routes of the server's own that are made when the first of them is asked for, as seldom happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from headwater.server.admin import Action, Methods, Page, RouteSet
from headwater.server.http.exchange import Answer


def late_routes(
    build: Callable[[], RouteSet],
    paths: tuple[bytes, ...],
    collections: tuple[bytes, ...] = (),
    reset: Callable[[], object] = bool,
    pages: tuple[bytes, ...] = (),
) -> RouteSet:
    """The routes of the set that `build` makes. `paths`, `collections` and `pages` are all that it has."""
    built = cache(build)

    def items_of(collection: bytes) -> Callable[[str], Methods]:
        def methods_of(item: str) -> Methods:
            return built().items[collection](item)

        return methods_of

    def page_of(folder: bytes) -> Page:
        def page(path: bytes, headers: Mapping[bytes, bytes]) -> Answer:
            return built().pages[folder](path, headers)

        return page

    return RouteSet(
        {path: _LateMethods(built, path) for path in paths},
        {collection: items_of(collection) for collection in collections},
        reset,
        {folder: page_of(folder) for folder in pages},
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
