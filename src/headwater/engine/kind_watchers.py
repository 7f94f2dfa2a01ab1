"""Who is told that a key has changed which is not the engine's own: the parts of a server above it.

Of several engines over the same data, each hears of what the others have changed. A key is
`<kind>/…`; who keeps keys of a kind watches it.

Refuses to know what keys hold.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.storage.interface import Metadata

Told = Callable[[str, Metadata | None], None]
"""Called with a key and what it has now, `None` when it is gone; in the order of the changes."""


class KindWatchers:
    """The watchers of one engine."""

    def __init__(self) -> None:
        self._watchers: dict[str, list[Told]] = {}

    def watch(self, kind: str, callback: Told) -> None:
        """Tell `callback` of every change of a key of this kind that was not committed here.

        What it raises as `ValueError` or `msgspec.MsgspecError` becomes `StoreUnreadable`.
        """
        self._watchers.setdefault(kind, []).append(callback)

    def tell(self, key: str, found: Metadata | None) -> None:
        """Tell those who watch the key's kind."""
        for callback in tuple(self._watchers.get(key.partition("/")[0], ())):
            callback(key, found)
